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
  type Kinds,
  optional,
  someOptions,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import { TrainedDecoder } from "../families/trained-decoder.ts";
import { makeDirectory } from "../platform/directories.ts";
import { aTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { OutOfMemoryError } from "../wasm/heap.ts";
import { ThreadDeathError } from "../wasm/parallel.ts";
import { saveModel } from "./checkpoint.ts";
import { aCourse, type Course } from "./course.ts";
import { type EvaluateOptions, type EvaluationResult, evaluationInSteps } from "./evaluate.ts";
import { requireNoneLeft } from "./left-files.ts";
import { appendMetrics, startMetrics, syncMetrics } from "./metrics.ts";
import { addCheckpoint, removeUnfinished, settleCheckpoint } from "./run-directory.ts";
import type { MetricsLine, StepMetrics } from "./step-metrics.ts";

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
export async function runTraining(trainer: Course, run: TrainingRun): Promise<void> {
  check("trainer", trainer, aCourse);
  checkOptions("run", run, runKinds);
  const { directory, signal } = run;
  let saved = trainer.step;
  try {
    if (owesEvaluation(trainer, run, prepareDirectory(trainer, run))) await evaluateNow(trainer, run);
    while (!trainer.done && !signal?.aborted) {
      const lines = await trainNow(trainer, run);
      await breathe();
      const evaluates = isDue(trainer, trainer.options.evaluateEvery) && !isEvaluated(trainer, lines);
      if (evaluates && !signal?.aborted) await evaluateNow(trainer, run);
      if (directory === undefined || trainer.step === saved) continue;
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
function prepareDirectory(trainer: Course, { directory, tokenizer }: TrainingRun): MetricsLine[] {
  if (directory === undefined) return [];
  makeDirectory(directory);
  removeUnfinished(directory);
  if (trainer.step > 0)
    saveModel(directory, trainer.model, tokenizer); // it may be of another step than the checkpoint
  else if (trainer.model instanceof TrainedDecoder) requireNoneLeft(directory, trainer.model.companionFiles);
  return startMetrics(directory, trainer.step);
}

/** Whether the run ended between a saved step and its evaluation, or begins with one. */
function owesEvaluation(trainer: Course, run: TrainingRun, lines: readonly MetricsLine[]): boolean {
  const { directory, evaluateFirst = false } = run;
  if (trainer.step === 0) return evaluateFirst;
  if (directory === undefined || !isDue(trainer, trainer.options.evaluateEvery)) return false;
  return !isEvaluated(trainer, lines);
}

/** Whether the result of the evaluation after the last step is among the lines. */
function isEvaluated({ step }: Course, lines: readonly MetricsLine[]): boolean {
  return lines.some((line) => line.step === step && "evaluation" in line);
}

/** Takes the next steps. Resolves to their lines. */
async function trainNow(trainer: Course, run: TrainingRun): Promise<readonly MetricsLine[]> {
  const { signal, onStep, onEvaluation } = run;
  const lines = await trainer.advance(signal);
  for (const line of lines) {
    if ("evaluation" in line) {
      addLine(trainer, run, line);
      onEvaluation?.(line.evaluation, line.step);
    } else {
      const metrics = measured(trainer, line);
      addLine(trainer, run, metrics);
      onStep?.(metrics);
    }
  }
  return lines;
}

/** The metrics of a step with the staleness after it, if that is due and was not measured yet. */
function measured(trainer: Course, metrics: StepMetrics): StepMetrics {
  const measures = metrics.step === trainer.step && isDue(trainer, trainer.options.stalenessEvery);
  return measures && metrics.keyCosines === undefined ? { ...metrics, keyCosines: trainer.keyCosines() } : metrics;
}

function addLine(trainer: Course, { directory }: TrainingRun, line: MetricsLine): void {
  if (directory !== undefined) appendMetrics(directory, line);
  trainer.keepLine?.(line);
}

/** Evaluates the model. Abandoned without a result if the run is aborted. */
async function evaluateNow(trainer: Course, run: TrainingRun): Promise<void> {
  const { evaluation, signal, tokenizer, onEvaluation } = run;
  if (evaluation === undefined) return;
  const { documents, ...options } = evaluation;
  for (const result of evaluationInSteps(trainer.model, documents, tokenizer, options)) {
    await breathe();
    if (signal?.aborted) return;
    if (result === undefined) continue;
    addLine(trainer, run, { step: trainer.step, evaluation: result });
    onEvaluation?.(result, trainer.step);
  }
}

/** Whether an event of every `every` steps and the end is due now; never if `every` is 0. */
function isDue({ step, done }: Course, every: number): boolean {
  return every > 0 && (done || step % every === 0);
}
