/**
 * Results of the mutants: a file with a line of JSON for each, written as they are judged, so that a run which ends early
 * can go on; and a report of them, by room and with all survivors.
 */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { formatTable } from "../../src/report/table.ts";
import type { Mutant } from "./mutants.ts";
import type { Outcome } from "./workshop.ts";

export interface Result extends Mutant, Outcome {
  readonly room: string;
}

/** The same for the same break of the same line, wherever that stands by now. */
export function keyOf({ file, before, after }: Mutant): string {
  return JSON.stringify([file, before, after]);
}

export class ResultLog {
  readonly path: string;
  private readonly earlier = new Map<string, Result>();

  /** Begins a new file or continues the existing one. Survivors in it are judged again by the current tests. */
  constructor(path: string, resume: boolean) {
    this.path = path;
    fs.mkdirSync(dirname(path), { recursive: true });
    const text = resume && fs.existsSync(path) ? fs.readFileSync(path, "utf8") : "";
    const results = text
      .split("\n")
      .filter(Boolean)
      .map((line): Result => JSON.parse(line));
    for (const result of results) if (result.fate !== "survived") this.earlier.set(keyOf(result), result);
    if (!resume) fs.rmSync(path, { force: true });
  }

  /** Results of the run before this one. */
  find(mutant: Mutant): Result | undefined {
    return this.earlier.get(keyOf(mutant));
  }

  add(result: Result): void {
    fs.appendFileSync(this.path, `${JSON.stringify(result)}\n`);
  }
}

export function isCaught({ fate }: Outcome): boolean {
  return fate === "caught" || fate === "timed out";
}

/** A line about one mutant: where, and what became what. */
export function describe({ file, line, before, after }: Mutant): string {
  return `${file}:${line}  ${before.trim()}  →  ${after.trim() || "(left out)"}`;
}

/** The table by room, and the list of survivors. */
export function report(results: readonly Result[]): string {
  const row = (name: string, of: readonly Result[]) => {
    const caught = of.filter(isCaught).length;
    const endless = of.filter(({ fate }) => fate === "timed out").length;
    return [name, String(of.length), String(caught), String(endless), `${((100 * caught) / of.length).toFixed(1)} %`];
  };
  const rooms = [...new Set(results.map(({ room }) => room))];
  const rows = rooms.map((name) =>
    row(
      name,
      results.filter(({ room }) => room === name),
    ),
  );
  const header = ["room", "mutants", "caught", "of these endless", "share"];
  const table = formatTable([header, ...rows, row("all", results)], ["left", "right"]);
  const survivors = results.filter((result) => !isCaught(result)).map(describe);
  return [table, "", `${survivors.length} survived`, ...survivors].join("\n");
}
