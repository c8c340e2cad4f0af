/**
 * The program's own start: how long does a user wait for help, and for the table of a small document? A run starts a new process
 * and waits for its end. The engine's start on an empty program is the limit.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { env } from "node:process";
import type { Case, Family, Problem, Task } from "./family.ts";
import { moduleCommand, root } from "./places.ts";

/** The program as a package brings it, one bundle; where the sources run, there is none. */
const memorizing = import.meta.url.endsWith(".js") ? "../src/bundle/main" : "../src/cli/main";

const evaluate = (document: string) => ["eval", "reader-1m", "--data", join(root, document)];

/** The arguments of each case; undefined: an empty program instead of ours. */
const starts: Readonly<Record<string, readonly string[] | undefined>> = {
  "an empty program": undefined,
  "memorizing --help (aim: 60 ms)": ["--help"],
  "memorizing --version": ["--version"],
  "memorizing eval --help": ["eval", "--help"],
  "eval of 1 KB to its table (aim: 500 ms)": evaluate("LICENSE"),
  "eval of 9 KB to its table": evaluate("ALGORITHM.md"),
};

function start(shape: string): Case {
  return { op: shape, shape, sizes: {}, inputs: [], amount: 1, unit: "starts/s" };
}

export const startFamily: Family = {
  name: "start",
  question: "How long does a user wait for help, and for the table of a small document?",
  cases: Object.keys(starts).map(start),
  ours: { ours },
  peers: [],
};

/** Only an evaluation computes with threads, so the others are measured once. */
function ours({ op, threads }: Problem): Task | undefined {
  const args = starts[op];
  const computes = args?.[0] === "eval" && !args.includes("--help");
  if (threads > 1 && !computes) return undefined;
  const [program, ...rest] = args === undefined ? moduleCommand("empty") : moduleCommand(memorizing);
  const all = [...rest, ...(args ?? []), ...(computes ? ["--threads", String(threads)] : [])];
  return {
    run() {
      const { status, stderr } = spawnSync(program, all, { encoding: "utf8", env });
      if (status !== 0) throw new Error(`${op} ended with code ${status}: ${stderr.trim()}`);
    },
    output: () => new Float32Array(0),
  };
}
