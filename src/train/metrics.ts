/**
 * metrics.jsonl: one JSON line a step and one an evaluation, beside the checkpoint. A run that resumes goes on after the
 * step of its checkpoint, so lines of later steps, which will be done again, are dropped first.
 */
import { InputError } from "../base/errors.ts";
import { parseJson } from "../formats/json.ts";
import { appendText, syncFile, writeFileAtomic } from "../platform/atomic-write.ts";
import { exists } from "../platform/files.ts";
import { readText } from "../platform/read-file.ts";
import type { EvaluationResult } from "./evaluate.ts";
import type { StepMetrics } from "./trainer.ts";

/** What a step reported, or what the evaluation after it found. */
export type MetricsLine = StepMetrics | { readonly step: number; readonly evaluation: EvaluationResult };

function metricsPath(directory: string): string {
  return `${directory}/metrics.jsonl`;
}

/** Prepares the file for a run that has done `step` steps: keeps the lines of those, 0 keeps none. Returns what was kept. */
export function startMetrics(directory: string, step: number): MetricsLine[] {
  const path = metricsPath(directory);
  if (!exists(path)) return [];
  const kept = linesIn(path).filter((line) => line.step <= step);
  writeFileAtomic(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return kept;
}

export function appendMetrics(directory: string, line: MetricsLine): void {
  appendText(metricsPath(directory), `${JSON.stringify(line)}\n`);
}

/** Has all lines so far outlive a power cut. */
export function syncMetrics(directory: string): void {
  if (exists(metricsPath(directory))) syncFile(metricsPath(directory));
}

/** All lines so far, the oldest first, but not one that a crash has cut off. */
export function readMetrics(directory: string): MetricsLine[] {
  return linesIn(metricsPath(directory));
}

/** Whether a file whose beginning is `text` is one of metrics. */
export function beginsAsMetrics(text: string): boolean {
  return /^\{"step":\d+,"(loss|evaluation)":/.test(text);
}

function linesIn(path: string): MetricsLine[] {
  const values = readText(path).split("\n").map(parsedLine);
  return values.filter(isMetricsLine);
}

/** Undefined for a line that a crash has cut off. */
function parsedLine(line: string): unknown {
  try {
    return parseJson(line, "the line is damaged");
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Whether it has what is read of such lines again, in the form in which it was written. */
function isMetricsLine(value: unknown): value is MetricsLine {
  const { step, evaluation = {}, keyCosines = [] }: Record<string, unknown> = Object(value);
  const isNumbers = Array.isArray(keyCosines) && keyCosines.every((cosine) => typeof cosine === "number");
  return Number.isSafeInteger(step) && typeof evaluation === "object" && isNumbers;
}
