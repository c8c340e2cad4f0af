/**
 * metrics.jsonl: one JSON line a step, beside the checkpoint. A run that resumes goes on after the step of its
 * checkpoint, so lines of later steps, which will be done again, are dropped first.
 */
import { appendText, exists, readText, writeFileAtomic } from "../platform.ts";
import type { StepMetrics } from "./trainer.ts";

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

export function appendMetrics(directory: string, metrics: StepMetrics): void {
  appendText(metricsPath(directory), `${JSON.stringify(metrics)}\n`);
}

/** NaN for a line that a crash has cut off. */
function stepOf(line: string): number {
  try {
    return JSON.parse(line).step;
  } catch {
    return Number.NaN;
  }
}
