/** What a round reports: the metrics of its steps, and the record of the trainer at its end. */
import { InputError } from "../../base/errors.ts";
import { parseJson } from "../../formats/json.ts";
import type { StepMetrics } from "../step-metrics.ts";
import { parseTrainerRecord, type TrainerRecord } from "../trainer-record.ts";

export interface RoundReport {
  readonly metrics: readonly StepMetrics[];
  readonly record: TrainerRecord;
}

export const MOST_OF_REPORT = 2 ** 28;

export function reportBytes(report: RoundReport): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(report));
}

/** @throws InputError if it is not the report of a round of so many steps */
export function reportIn(bytes: Uint8Array, steps: number): RoundReport {
  const { metrics, record } = Object(parseJson(new TextDecoder().decode(bytes), "the report of a round is not JSON"));
  if (areMetrics(metrics) && metrics.length === steps) {
    return { metrics, record: parseTrainerRecord(record, "the report of a round") };
  }
  throw new InputError(`the report of a round is not one of ${steps} steps`);
}

/** Whether these are metrics of steps, as this program writes them. */
export function areMetrics(value: unknown): value is StepMetrics[] {
  const numbers = ["loss", "perplexity", "tokens", "tokensPerSecond", "learningRate", "memoryFill", "seconds"];
  const isStep = (metrics: Record<string, unknown>) =>
    Number.isSafeInteger(metrics.step) &&
    numbers.every((key) => typeof metrics[key] === "number") &&
    Array.isArray(metrics.gates);
  return Array.isArray(value) && value.every((metrics) => isStep(Object(metrics)));
}
