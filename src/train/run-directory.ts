/**
 * The directory of a training run. At its top is the newest model, with Hugging Face's file names. Below it are complete,
 * numbered checkpoints (`checkpoint-1200`).
 *
 * A checkpoint is written under a temporary name and renamed when it is complete. If it is damaged later, the one before it is
 * used, and when the run comes to that step again, the damaged one is replaced, or moved to another name if somebody put files into it. Every writer must hold the lock of the directory.
 */
import { aPath, check } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { Transformer } from "../model/transformer.ts";
import type { TrainableModel } from "../nn/language-model.ts";
import { rename } from "../platform/atomic-write.ts";
import { exists, isDirectory, listDirectory, removeTree } from "../platform/files.ts";
import { removeLeftovers, temporaryName } from "../platform/temporary.ts";
import { writeDirectory } from "../platform/whole-directory.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import {
  type Checkpoint,
  checkpointFiles,
  loadAnyCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
  saveModel,
} from "./checkpoint.ts";
import type { Course } from "./course.ts";

/** Names of the directories of a run, and of its files besides those of a model. */
const OURS = /^(checkpoint-\d+(\.old)?|trained\.json|metrics\.jsonl|staleness\.html)$/;

/** The newest intact checkpoint of a run, of a model of kind M. */
export interface FoundCheckpoint<M extends TrainableModel = Transformer> extends Checkpoint<M> {
  /** Its directory. */
  readonly directory: string;
  /** Reasons why newer ones could not be used, newest first. */
  readonly refusals: readonly string[];
}

/** Writes the state of `trainer` as the newest checkpoint in `run`. */
export function addCheckpoint(run: string, trainer: Course, tokenizer: Tokenizer): void {
  const directory = checkpointName(run, trainer.step);
  writeDirectory(directory, (unfinished) => {
    saveCheckpoint(unfinished, trainer, tokenizer);
    discardCheckpoint(directory); // a damaged one of the same step, if the run resumed from an earlier one
    moveAway(directory); // one with files of others in it
  });
}

/** After `addCheckpoint`: saves the model at the top of `run`, and removes older checkpoints beyond `keep`. */
export function settleCheckpoint(run: string, trainer: Course, tokenizer: Tokenizer): void {
  saveModel(run, trainer.model, tokenizer);
  discardSuperfluous(run, trainer.step, trainer.options.keep);
}

/**
 * Returns the newest intact checkpoint in `run`. `run` may also be a checkpoint of saveCheckpoint itself.
 * @throws InputError if there is none
 */
export function newestCheckpoint(run: string): FoundCheckpoint {
  return newestOf(run, loadCheckpoint);
}

/** The same for a run whose model others may have trained before. */
export function newestAnyCheckpoint(run: string): FoundCheckpoint<TrainableModel> {
  return newestOf(run, loadAnyCheckpoint);
}

function newestOf<M extends TrainableModel>(
  run: string,
  load: (directory: string) => Checkpoint<M>,
): FoundCheckpoint<M> {
  check("run", run, aPath);
  const directories = savedSteps(run).map((step) => checkpointName(run, step));
  if (exists(`${run}/trainer.json`)) directories.push(run);
  if (directories.length === 0) {
    throw new InputError(`${run} holds no checkpoint to resume from; begin a new run there`);
  }
  const refusals: string[] = [];
  for (const directory of directories) {
    try {
      return { ...load(directory), directory, refusals };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      refusals.push(error.message);
    }
  }
  const [newest] = refusals;
  if (directories.length === 1) throw new InputError(newest);
  throw new InputError(`none of the ${directories.length} checkpoints in ${run} can be used; of the newest, ${newest}`);
}

/** Whether there is a model or a checkpoint, intact or not, that a new run would replace. */
export function holdsRun(run: string): boolean {
  return (
    ["trainer.json", "model.safetensors", "config.json"].some((name) => exists(`${run}/${name}`)) ||
    savedSteps(run).length > 0
  );
}

/** Whether there are files that only a training writes. */
export function holdsTraining(run: string): boolean {
  return ["trainer.json", "metrics.jsonl"].some((name) => exists(`${run}/${name}`)) || savedSteps(run).length > 0;
}

/** Removes unfinished files of a process that was killed. */
export function removeUnfinished(run: string): void {
  removeLeftovers(run, (name) => OURS.test(name) || checkpointFiles.has(name), { old: true, elsewhere: true });
}

/** Keeps the checkpoint of `step` and the `keep` before it. Later ones belong to an abandoned run, and are removed. */
function discardSuperfluous(run: string, step: number, keep: number): void {
  const steps = savedSteps(run);
  const kept = steps.filter((saved) => saved <= step).slice(0, keep + 1);
  for (const saved of steps) if (!kept.includes(saved)) discardCheckpoint(checkpointName(run, saved));
}

/**
 * Removes a checkpoint. It is renamed first, so that its name never stands for a part of it. A directory with other files
 * stays unchanged, because somebody put them there.
 */
export function discardCheckpoint(directory: string): void {
  if (!isDirectory(directory) || !holdsOnlyCheckpoint(directory)) return;
  const discarded = temporaryName(`${directory}.old`);
  rename(directory, discarded);
  removeTree(discarded);
}

/** Gives a directory that is in the way a free name that says so. What is in it stays. */
function moveAway(directory: string): void {
  if (!isDirectory(directory)) return;
  const name = `${directory}.in-the-way`;
  let free = name;
  for (let number = 2; exists(free); number++) free = `${name}-${number}`;
  rename(directory, free);
}

function holdsOnlyCheckpoint(directory: string): boolean {
  return listDirectory(directory).every(({ name, kind }) => kind === "file" && checkpointFiles.has(name));
}

/** Steps of the checkpoints in `run`, newest first. */
function savedSteps(run: string): number[] {
  if (!isDirectory(run)) return [];
  const steps = listDirectory(run).map(({ name, kind }) => (kind === "directory" ? stepIn(name) : undefined));
  return steps.filter((step) => step !== undefined).sort((a, b) => b - a);
}

function checkpointName(run: string, step: number): string {
  return `${run}/checkpoint-${step}`;
}

/** The step of a checkpoint with this name; undefined for any other name. */
function stepIn(name: string): number | undefined {
  const [, digits] = /^checkpoint-(\d+)$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
