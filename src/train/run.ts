/**
 * A whole training run: steps until the end, with a line of metrics each, and every so often an evaluation and a
 * checkpoint. Printing is left to the callbacks.
 */
import { breathe } from "../breathe.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import { type EvaluateOptions, type EvaluationResult, evaluate } from "./evaluate.ts";
import { appendMetrics, startMetrics } from "./metrics.ts";
import type { StepMetrics, Trainer } from "./trainer.ts";

export interface TrainingRun {
  readonly tokenizer: Tokenizer;
  /** Where checkpoints and metrics.jsonl go; nothing is written unless given. */
  readonly directory?: string;
  /** What is evaluated every `evaluateEvery` steps and at the end. */
  readonly evaluation?: EvaluateOptions & { readonly documents: readonly TokenizedDocument[] };
  /** Ends the run after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onStep?: (metrics: StepMetrics) => void;
  readonly onEvaluation?: (result: EvaluationResult, step: number) => void;
  /** The directory, and the step that it now holds. */
  readonly onCheckpoint?: (directory: string, step: number) => void;
}

/** Trains until the trainer's last step or an abort; there is a checkpoint at the end in either case. */
export async function runTraining(trainer: Trainer, run: TrainingRun): Promise<void> {
  const { directory, evaluation, signal, tokenizer } = run;
  const { evaluateEvery, checkpointEvery, stalenessEvery } = trainer.options;
  if (directory !== undefined) startMetrics(directory, trainer.step);
  while (!trainer.done && !signal?.aborted) {
    const stepMetrics = trainer.trainStep();
    const metrics = isDue(trainer, stalenessEvery) ? { ...stepMetrics, keyCosines: trainer.keyCosines() } : stepMetrics;
    if (directory !== undefined) appendMetrics(directory, metrics);
    run.onStep?.(metrics);
    await breathe();
    if (evaluation !== undefined && isDue(trainer, evaluateEvery)) {
      const result = evaluate(trainer.model, evaluation.documents, tokenizer, evaluation);
      if (directory !== undefined) appendMetrics(directory, { step: trainer.step, evaluation: result });
      run.onEvaluation?.(result, trainer.step);
    }
    if (directory !== undefined && (trainer.done || signal?.aborted || isDue(trainer, checkpointEvery))) {
      saveCheckpoint(directory, trainer, tokenizer);
      run.onCheckpoint?.(directory, trainer.step);
    }
  }
}

/** Whether something that happens every `every` steps, and at the end, happens now; never if `every` is 0. */
function isDue({ step, done }: Trainer, every: number): boolean {
  return every > 0 && (done || step % every === 0);
}
