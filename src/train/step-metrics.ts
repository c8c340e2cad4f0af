/** The lines of metrics.jsonl: what steps and evaluations report. */
import type { EvaluationResult } from "./evaluate.ts";

/** The metrics of a step, or the result of the evaluation after it. */
export type MetricsLine = StepMetrics | { readonly step: number; readonly evaluation: EvaluationResult };

/** The metrics of one step. */
export interface StepMetrics {
  /** Steps done, including this one. */
  readonly step: number;
  /** Mean over this step's predictions, nats. */
  readonly loss: number;
  /** exp(loss), at most the largest number there is */
  readonly perplexity: number;
  /** Tokens predicted in this step. */
  readonly tokens: number;
  /** Tokens predicted in a second of this step. */
  readonly tokensPerSecond: number;
  /** Learning rate after schedule and warm-up. */
  readonly learningRate: number;
  /** Norm of the gradients before clipping. */
  readonly gradientNorm: number;
  /**
   * Mean gate of each memory layer, which is the memory's share in a head's result. Only queries that retrieved something
   * count; [] if there were none.
   */
  readonly gates: readonly number[];
  /** Mean fill of the memories, 0 to 1; 0 without memories. */
  readonly memoryFill: number;
  /** Seconds of all steps so far, including those before a resume. */
  readonly seconds: number;
  /** Seconds that the remaining steps will take at the mean speed so far. */
  readonly secondsLeft: number;
  /** Every `stalenessEvery` steps: cosine between remembered and present keys by age in segments, see staleness.ts. */
  readonly keyCosines?: readonly number[];
  /** At the end of each round of a training in rounds: the parts, from 0, that the outer step averaged. */
  readonly parts?: readonly number[];
}
