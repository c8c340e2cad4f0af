/**
 * A whole training run: steps until the end, with a line of metrics each, and every so often an evaluation and a
 * checkpoint. Printing is left to the callbacks, the lock of the directory to the caller.
 *
 * An evaluation of a step comes before its checkpoint, unless the run was asked to end: then the checkpoint comes first, and
 * the run that resumes owes the evaluation. Either way metrics.jsonl is in the end what it is without interruptions.
 */
import { breathe } from "../base/breathe.ts";
import {
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

/** What a run writes, evaluates and tells. */
export interface TrainingRun {
  /** Saved with the model. */
  readonly tokenizer: Tokenizer;
  /** Where checkpoints and metrics.jsonl go; nothing is written unless given. */
  readonly directory?: string;
  /** What is evaluated every `evaluateEvery` steps and at the end. */
  readonly evaluation?: EvaluateOptions & { readonly documents: readonly TokenizedDocument[] };
  /** Ends the run after the current step, or in the midst of an evaluation, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Called after every step. */
  readonly onStep?: (metrics: StepMetrics) => void;
  /** Called after every evaluation. */
  readonly onEvaluation?: (result: EvaluationResult, step: number) => void;
  /** The directory, and the step that its newest checkpoint holds. */
  readonly onCheckpoint?: (directory: string, step: number) => void;
}

const aTrainer = instance(Trainer, "a Trainer");
const runKinds: Kinds<TrainingRun> = {
  tokenizer: aTokenizer,
  directory: optional(aPath),
  evaluation: optional(someOptions),
  signal: optional(aSignal),
  onStep: optional(aFunction),
  onEvaluation: optional(aFunction),
  onCheckpoint: optional(aFunction),
};

/**
 * Trains until the trainer's last step or an abort; there is a checkpoint at the end in either case.
 * @throws InputError that names the last checkpoint, when training cannot go on
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

/** Returns the lines of metrics so far. */
function prepareDirectory(trainer: Trainer, { directory, tokenizer }: TrainingRun): MetricsLine[] {
  if (directory === undefined) return [];
  makeDirectory(directory);
  removeUnfinished(directory);
  if (trainer.step > 0) saveModel(directory, trainer.model, tokenizer); // it may be of another step than the checkpoint
  return startMetrics(directory, trainer.step);
}

/** Whether the run stopped, or was killed, between a step that was saved and its evaluation. */
function owesEvaluation(trainer: Trainer, { directory }: TrainingRun, lines: readonly MetricsLine[]): boolean {
  if (directory === undefined || trainer.step === 0 || !isDue(trainer, trainer.options.evaluateEvery)) return false;
  return !lines.some((line) => line.step === trainer.step && "evaluation" in line);
}

function trainNow(trainer: Trainer, { directory, onStep }: TrainingRun): void {
  const stepMetrics = trainer.trainStep();
  const measures = isDue(trainer, trainer.options.stalenessEvery);
  const metrics = measures ? { ...stepMetrics, keyCosines: trainer.keyCosines() } : stepMetrics;
  if (directory !== undefined) appendMetrics(directory, metrics);
  onStep?.(metrics);
}

/** Nothing comes of it if the run is asked to end meanwhile. */
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

/** Whether something that happens every `every` steps, and at the end, happens now; never if `every` is 0. */
function isDue({ step, done }: Trainer, every: number): boolean {
  return every > 0 && (done || step % every === 0);
}
