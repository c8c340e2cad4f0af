/**
 * metrics.jsonl: one JSON line a step and one an evaluation, beside the checkpoint. A run that resumes goes on after the
 * step of its checkpoint, so lines of later steps, which will be done again, are dropped first.
 */
import { appendText, exists, readText, writeFileAtomic } from "../platform.ts";
import type { EvaluationResult } from "./evaluate.ts";
import type { StepMetrics } from "./trainer.ts";

/** What a step reported, or what the evaluation after it found. */
export type MetricsLine = StepMetrics | { readonly step: number; readonly evaluation: EvaluationResult };

function metricsPath(directory: string): string {
  return `${directory}/metrics.jsonl`;
}

/** Prepares the file for a run that has done `step` steps: keeps the lines of those, 0 keeps none. */
export function startMetrics(directory: string, step: number): void {
  const path = metricsPath(directory);
  if (!exists(path)) return;
  const kept = readText(path)
    .split("\n")
    .filter((line) => stepOf(line) <= step);
  writeFileAtomic(path, kept.map((line) => `${line}\n`).join(""));
}

export function appendMetrics(directory: string, line: MetricsLine): void {
  appendText(metricsPath(directory), `${JSON.stringify(line)}\n`);
}

/** All lines so far, the oldest first, but not one that a crash has cut off. */
export function readMetrics(directory: string): MetricsLine[] {
  const lines = readText(metricsPath(directory)).split("\n");
  return lines.filter((line) => !Number.isNaN(stepOf(line))).map((line) => JSON.parse(line));
}

/** NaN for a line that a crash has cut off. */
function stepOf(line: string): number {
  try {
    return JSON.parse(line).step;
  } catch {
    return Number.NaN;
  }
}
