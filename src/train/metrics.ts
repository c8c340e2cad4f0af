/**
 * metrics.jsonl: one JSON line for each step and each evaluation, next to the checkpoint. A resumed run repeats the steps after
 * its checkpoint, so their old lines are dropped first.
 */
import { isPlainObject } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { parseJson } from "../formats/json.ts";
import { appendText, syncFile, writeFileAtomic } from "../platform/atomic-write.ts";
import { exists } from "../platform/files.ts";
import { readText } from "../platform/read-file.ts";
import type { MetricsLine } from "./step-metrics.ts";

function metricsPath(directory: string): string {
  return `${directory}/metrics.jsonl`;
}

/** Prepares the file for a run that has done `step` steps: keeps and returns the lines of those steps; none for one that begins anew. */
export function startMetrics(directory: string, step: number): MetricsLine[] {
  const path = metricsPath(directory);
  if (!exists(path)) return [];
  const lines = readText(path).split("\n").map(parsedLine);
  const kept = lines.filter(isMetricsLine).filter((line) => step > 0 && line.step <= step);
  writeFileAtomic(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return kept;
}

export function appendMetrics(directory: string, line: MetricsLine): void {
  appendText(metricsPath(directory), `${JSON.stringify(line)}\n`);
}

/** Flushes all lines so far to the disk, so that they survive a power cut. */
export function syncMetrics(directory: string): void {
  if (exists(metricsPath(directory))) syncFile(metricsPath(directory));
}

/** Returns all complete lines so far, oldest first; a crash may have cut off the last. @throws InputError if another one is damaged */
export function readMetrics(directory: string): MetricsLine[] {
  const path = metricsPath(directory);
  const lines = readText(path).split("\n");
  return lines.flatMap((line, index) => {
    const value = parsedLine(line);
    if (isMetricsLine(value)) return [value];
    if (index === lines.length - 1) return [];
    throw new InputError(`${path}, line ${index + 1}, is damaged; without that line the others can be read`);
  });
}

/** Whether a file that begins with `text` is a metrics file. */
export function beginsAsMetrics(text: string): boolean {
  return /^\{"step":\d+,"(loss|evaluation)":/.test(text);
}

/** Returns undefined for a line that is damaged, as by a crash that cut it off. */
function parsedLine(line: string): unknown {
  try {
    return parseJson(line, "the line is damaged");
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Whether `value` has the fields we read back from metrics.jsonl, with the types we wrote. */
function isMetricsLine(value: unknown): value is MetricsLine {
  const { step, evaluation = {}, keyCosines = [] }: Record<string, unknown> = Object(value);
  const isNumbers = Array.isArray(keyCosines) && keyCosines.every((cosine) => typeof cosine === "number");
  return Number.isSafeInteger(step) && isPlainObject(evaluation) && isNumbers;
}
