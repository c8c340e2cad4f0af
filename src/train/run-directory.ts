/**
 * The directory of a training run: at its top the newest model, with Hugging Face's file names, and below it numbered
 * checkpoints, `checkpoint-1200`, each whole by itself.
 *
 * A checkpoint is written under another name and renamed when it is complete, so one that bears its name was complete once;
 * should it be damaged later, the one before it is taken. Whoever writes here holds the lock of the directory.
 */
import { aPath, check } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { rename } from "../platform/atomic-write.ts";
import { exists, isDirectory, listDirectory, removeTree } from "../platform/files.ts";
import { removeLeftovers, temporaryName } from "../platform/temporary.ts";
import { writeDirectory } from "../platform/whole-directory.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type Checkpoint, checkpointFiles, loadCheckpoint, saveCheckpoint, saveModel } from "./checkpoint.ts";
import type { Trainer } from "./trainer.ts";

/** What is written here. */
const OURS =
  /^(checkpoint-\d+(\.old)?|(config|tokenizer|trained)\.json|model\.safetensors|metrics\.jsonl|staleness\.html)$/;

/** The newest checkpoint of a run that is whole. */
export interface FoundCheckpoint extends Checkpoint {
  /** Where it was. */
  readonly directory: string;
  /** Why newer ones could not be used, newest first. */
  readonly refusals: readonly string[];
}

/** Writes all of `trainer` as the newest checkpoint in `run`. */
export function addCheckpoint(run: string, trainer: Trainer, tokenizer: Tokenizer): void {
  const directory = checkpointName(run, trainer.step);
  writeDirectory(directory, (unfinished) => {
    saveCheckpoint(unfinished, trainer, tokenizer);
    discardCheckpoint(directory); // of the same step: a damaged one, for which an earlier one was taken
  });
}

/** After `addCheckpoint`: puts the model at the top of `run`, and keeps as many older checkpoints as its options say. */
export function settleCheckpoint(run: string, trainer: Trainer, tokenizer: Tokenizer): void {
  saveModel(run, trainer.model, tokenizer);
  discardSuperfluous(run, trainer.step, trainer.options.keep);
}

/**
 * The newest checkpoint in `run` that is whole. `run` may also be a checkpoint itself, as saveCheckpoint writes them.
 * @throws InputError if there is none
 */
export function newestCheckpoint(run: string): FoundCheckpoint {
  check("run", run, aPath);
  const directories = savedSteps(run).map((step) => checkpointName(run, step));
  if (exists(`${run}/trainer.json`)) directories.push(run);
  if (directories.length === 0) {
    throw new InputError(`${run} holds no checkpoint to go on from; leave --resume out to begin a run there`);
  }
  const refusals: string[] = [];
  for (const directory of directories) {
    try {
      return { ...loadCheckpoint(directory), directory, refusals };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      refusals.push(error.message);
    }
  }
  const [newest] = refusals;
  if (directories.length === 1) throw new InputError(newest);
  throw new InputError(`none of the ${directories.length} checkpoints in ${run} can be used; of the newest, ${newest}`);
}

/** Whether there is a model or a checkpoint, whole or not, which a new run would replace. */
export function holdsRun(run: string): boolean {
  return (
    ["trainer.json", "model.safetensors", "config.json"].some((name) => exists(`${run}/${name}`)) ||
    savedSteps(run).length > 0
  );
}

/** Whether there is what only a training writes. */
export function holdsTraining(run: string): boolean {
  return ["trainer.json", "metrics.jsonl"].some((name) => exists(`${run}/${name}`)) || savedSteps(run).length > 0;
}

/** Removes what a process left unfinished when it was killed. */
export function removeUnfinished(run: string): void {
  removeLeftovers(run, (name) => OURS.test(name), { old: true, elsewhere: true });
}

/** Of the checkpoints, the `keep` before the one of `step` stay. Those of later steps are of a past that was given up. */
function discardSuperfluous(run: string, step: number, keep: number): void {
  const steps = savedSteps(run);
  const kept = steps.filter((saved) => saved <= step).slice(0, keep + 1);
  for (const saved of steps) if (!kept.includes(saved)) discardCheckpoint(checkpointName(run, saved));
}

/**
 * Removes a checkpoint so that at no moment a part of it bears its name. A directory with files that are not a checkpoint's
 * stays as it is: somebody put them there.
 */
export function discardCheckpoint(directory: string): void {
  if (!isDirectory(directory) || !holdsOnlyCheckpoint(directory)) return;
  const beside = temporaryName(`${directory}.old`);
  rename(directory, beside);
  removeTree(beside);
}

function holdsOnlyCheckpoint(directory: string): boolean {
  return listDirectory(directory).every(({ name, kind }) => kind === "file" && checkpointFiles.has(name));
}

/** Steps of the checkpoints in `run`, the newest first. */
function savedSteps(run: string): number[] {
  if (!isDirectory(run)) return [];
  const steps = listDirectory(run).map(({ name, kind }) => (kind === "directory" ? stepIn(name) : undefined));
  return steps.filter((step) => step !== undefined).sort((a, b) => b - a);
}

function checkpointName(run: string, step: number): string {
  return `${run}/checkpoint-${step}`;
}

/** The step of a checkpoint of this name; undefined for any other name. */
function stepIn(name: string): number | undefined {
  const [, digits] = /^checkpoint-(\d+)$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
