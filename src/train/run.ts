/**
 * A complete training run: steps with a line of metrics each, and regular evaluations and checkpoints. Callbacks print; the
 * caller holds the lock of the directory.
 *
 * The evaluation of a step comes before its checkpoint. If the run is aborted, the checkpoint comes first, and the resumed run
 * does the evaluation. Either way the final metrics.jsonl is the same as without interruptions.
 */
import { breathe } from "../base/breathe.ts";
import {
  aFlag,
  aFunction,
  aPath,
  aSignal,
  check,
  checkOptions,
  instance,
  type Kinds,
  optional,
  someOptions,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import { makeDirectory } from "../platform/directories.ts";
import { aTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { OutOfMemoryError } from "../wasm/heap.ts";
import { ThreadDeathError } from "../wasm/parallel.ts";
import { saveModel } from "./checkpoint.ts";
import { type EvaluateOptions, type EvaluationResult, evaluationInSteps } from "./evaluate.ts";
import { appendMetrics, type MetricsLine, startMetrics, syncMetrics } from "./metrics.ts";
import { addCheckpoint, removeUnfinished, settleCheckpoint } from "./run-directory.ts";
import { type StepMetrics, Trainer } from "./trainer.ts";

/** The outputs, evaluations and callbacks of a run. */
export interface TrainingRun {
  /** Saved with the model. */
  readonly tokenizer: Tokenizer;
  /** The directory of checkpoints and metrics.jsonl. Default: nothing is written. */
  readonly directory?: string;
  /** The evaluation every `evaluateEvery` steps and at the end. */
  readonly evaluation?: EvaluateOptions & { readonly documents: readonly TokenizedDocument[] };
  /** Whether the model is evaluated before the first step as well, for one that was trained before. Default: false. */
  readonly evaluateFirst?: boolean;
  /** Ends the run with a checkpoint, after the current step or within an evaluation. */
  readonly signal?: AbortSignal;
  /** Called after every step. */
  readonly onStep?: (metrics: StepMetrics) => void;
  /** Called after every evaluation. */
  readonly onEvaluation?: (result: EvaluationResult, step: number) => void;
  /** Called after every checkpoint with the run's directory and the step. */
  readonly onCheckpoint?: (directory: string, step: number) => void;
}

const aTrainer = instance(Trainer, "a Trainer");
const runKinds: Kinds<TrainingRun> = {
  tokenizer: aTokenizer,
  directory: optional(aPath),
  evaluation: optional(someOptions),
  evaluateFirst: optional(aFlag),
  signal: optional(aSignal),
  onStep: optional(aFunction),
  onEvaluation: optional(aFunction),
  onCheckpoint: optional(aFunction),
};

/**
 * Trains until the trainer's last step or an abort, and ends with a checkpoint in either case.
 * @throws InputError that names the last checkpoint, if training cannot continue
 */
export async function runTraining(trainer: Trainer, run: TrainingRun): Promise<void> {
  check("trainer", trainer, aTrainer);
  checkOptions("run", run, runKinds);
  const { directory, signal } = run;
  let saved = trainer.step;
  try {
    if (owesEvaluation(trainer, run, prepareDirectory(trainer, run))) await evaluateNow(trainer, run);
    while (!trainer.done && !signal?.aborted) {
      trainNow(trainer, run);
      await breathe();
      if (isDue(trainer, trainer.options.evaluateEvery) && !signal?.aborted) await evaluateNow(trainer, run);
      if (directory === undefined) continue;
      if (!trainer.done && !signal?.aborted && !isDue(trainer, trainer.options.checkpointEvery)) continue;
      syncMetrics(directory);
      addCheckpoint(directory, trainer, run.tokenizer);
      saved = trainer.step;
      settleCheckpoint(directory, trainer, run.tokenizer);
      run.onCheckpoint?.(directory, saved);
    }
  } catch (error) {
    if (![InputError, OutOfMemoryError, ThreadDeathError].some((kind) => error instanceof kind)) throw error;
    const { message } = error as Error;
    const rest = saved === 0 ? "nothing was saved before" : `the last checkpoint is of step ${saved}`;
    throw new InputError(`${message}; ${rest}`);
  }
}

/** Prepares the directory and returns the lines of metrics so far. */
function prepareDirectory(trainer: Trainer, { directory, tokenizer }: TrainingRun): MetricsLine[] {
  if (directory === undefined) return [];
  makeDirectory(directory);
  removeUnfinished(directory);
  if (trainer.step > 0) saveModel(directory, trainer.model, tokenizer); // it may be of another step than the checkpoint
  return startMetrics(directory, trainer.step);
}

/** Whether the run ended between a saved step and its evaluation, or begins with one. */
function owesEvaluation(trainer: Trainer, run: TrainingRun, lines: readonly MetricsLine[]): boolean {
  const { directory, evaluateFirst = false } = run;
  if (trainer.step === 0) return evaluateFirst;
  if (directory === undefined || !isDue(trainer, trainer.options.evaluateEvery)) return false;
  return !lines.some((line) => line.step === trainer.step && "evaluation" in line);
}

function trainNow(trainer: Trainer, { directory, onStep }: TrainingRun): void {
  const stepMetrics = trainer.trainStep();
  const measures = isDue(trainer, trainer.options.stalenessEvery);
  const metrics = measures ? { ...stepMetrics, keyCosines: trainer.keyCosines() } : stepMetrics;
  if (directory !== undefined) appendMetrics(directory, metrics);
  onStep?.(metrics);
}

/** Evaluates the model. Abandoned without a result if the run is aborted. */
async function evaluateNow(trainer: Trainer, run: TrainingRun): Promise<void> {
  const { directory, evaluation, signal, tokenizer, onEvaluation } = run;
  if (evaluation === undefined) return;
  const { documents, ...options } = evaluation;
  for (const result of evaluationInSteps(trainer.model, documents, tokenizer, options)) {
    await breathe();
    if (signal?.aborted) return;
    if (result === undefined) continue;
    if (directory !== undefined) appendMetrics(directory, { step: trainer.step, evaluation: result });
    onEvaluation?.(result, trainer.step);
  }
}

/** Whether an event of every `every` steps and the end is due now; never if `every` is 0. */
function isDue({ step, done }: Trainer, every: number): boolean {
  return every > 0 && (done || step % every === 0);
}
