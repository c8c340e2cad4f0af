/** Measures a cell's model on the test documents: every memory size over the same tokens, and the cell's own measurements. */
import { breathe } from "../../base/breathe.ts";
import { type EvaluationResult, evaluationInSteps } from "../../train/evaluate.ts";
import type { ExperimentCorpus } from "./corpus.ts";
import type { Cell, TrainedCell } from "./experiment.ts";
import { MeasurementEnded } from "./go-on.ts";
import type { Measurements } from "./results.ts";

/** A trained cell that is measured. */
export interface CellMeasuring extends TrainedCell {
  readonly cell: Cell;
  /** Receives the predictions made so far and the total, over all memory sizes. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Documents evaluated together; more would not be faster. */
const MOST_ROWS = 16;

export function rowsFor({ test }: ExperimentCorpus): number {
  return Math.min(MOST_ROWS, test.length);
}

/** Evaluates and measures the model. Resolves to undefined if `signal` ended it. */
export async function measureCell(
  measuring: CellMeasuring,
): Promise<{ evaluation: EvaluationResult; measurements: Measurements } | undefined> {
  const evaluation = await evaluateCell(measuring);
  if (evaluation === undefined || measuring.signal?.aborted) return undefined;
  try {
    return { evaluation, measurements: (await measuring.cell.measure?.(measuring)) ?? {} };
  } catch (error) {
    if (error instanceof MeasurementEnded) return undefined;
    throw error;
  }
}

async function evaluateCell(measuring: CellMeasuring): Promise<EvaluationResult | undefined> {
  const { cell, model, corpus, evalTokens, signal, onProgress } = measuring;
  const { memorySizes, recall } = cell;
  const options = { memorySizes, maxTokens: evalTokens, rows: rowsFor(corpus), recall, onProgress };
  for (const result of evaluationInSteps(model, corpus.test, corpus.tokenizer, options)) {
    if (result !== undefined) return result;
    await breathe();
    if (signal?.aborted) return undefined;
  }
  return undefined;
}
