/**
 * Looks after the files that a command is told to write. None may be what the command reads; a file that is there already is
 * replaced only if this program wrote one of that kind, or if `--force` is given. That is asked before the work begins, and
 * once more before the result is written.
 */
import { basename, dirname, resolve } from "node:path";
import process from "node:process";
import { InputError } from "../../base/errors.ts";
import { calibrationPath } from "../../families/calibration.ts";
import { requireWritable } from "../../platform/atomic-write.ts";
import {
  exists,
  identityOf,
  isDirectory,
  isWithin,
  isWritable,
  leadsToFileIn,
  listDirectory,
} from "../../platform/files.ts";
import { targetOf } from "../../platform/target.ts";
import { checkpointFiles } from "../../train/checkpoint.ts";
import { modelDirectory } from "../../train/model-directory.ts";
import { flag } from "../arguments/options.ts";
import { promiseFiles } from "../early-end.ts";
import { calibrationFile, type FileKind } from "./kinds.ts";

export const forceOption = flag("also replaces files that this program did not write, but never one that it reads");

/** A file that is to be written. */
export interface Output {
  /** The option that names it, such as `--save`; none for a name that only the program chooses. */
  readonly option?: string;
  readonly path: string;
  readonly kind: FileKind;
  /** The path that the option names, if it is a directory and the program chooses the names below it. */
  readonly directory?: string;
}

export interface CommandFiles {
  readonly outputs: readonly Output[];
  /** Directories or files of the models that are used. */
  readonly models?: readonly (string | undefined)[];
  /** All else that is read: files, and directories with all that is in them. */
  readonly inputs?: readonly (string | undefined)[];
  readonly force: boolean;
}

export class Outputs {
  private readonly files: CommandFiles;
  /** Paths of all files that are read. */
  private readonly read: readonly string[];

  /** @throws InputError that names the path that cannot, or must not, be written */
  constructor(files: CommandFiles) {
    this.files = files;
    if (files.outputs.length > 0) promiseFiles();
    this.read = filesRead(files);
    requireApart(files.outputs);
    for (const output of files.outputs) requireOutside(output, files);
    this.check();
    for (const { path } of files.outputs) requireWritable(path);
  }

  /** Before the result is written: others may have put something there meanwhile. */
  check(): void {
    const { outputs, force } = this.files;
    const read = new Map(this.read.map((path) => [identityOf(path), path]));
    for (const output of outputs) {
      const identity = identityOf(output.path);
      const input = identity && read.get(identity);
      if (input !== undefined && output.kind !== calibrationFile)
        throw new InputError(`${named(output)} would replace ${input}, which is read; ${ELSEWHERE}`);
      requireOwnPlace(output);
      if (!force) requireReplaceable(output);
    }
  }

  /** Where the command tells its result: standard error if the output itself goes to standard output. */
  get results(): NodeJS.WriteStream {
    const targets = this.files.outputs.map(({ path }) => targetOf(path));
    const isTaken = targets.some((target) => target.kind === "descriptor" && target.descriptor === STANDARD_OUTPUT);
    return isTaken ? process.stderr : process.stdout;
  }
}

const STANDARD_OUTPUT = 1;
const ELSEWHERE = "give another place";

/** The option as it was typed, or the path. */
function named({ option, path, directory = path }: Output): string {
  return option === undefined ? path : `${option} ${directory}`;
}

function filesRead({ models = [], inputs = [] }: CommandFiles): string[] {
  const given = (path: string | undefined) => path !== undefined;
  const ofModels = models.filter(given).map(modelDirectory).flatMap(modelFilesAt);
  return [...ofModels, ...inputs.filter(given).flatMap(filesAt)];
}

/** The files of a model: of a checkpoint of ours, of a directory of others, or the one that it is and its calibration. */
function modelFilesAt(model: string): string[] {
  if (!isDirectory(model)) return [model, calibrationPath(model, false)];
  const shards = listDirectory(model).filter(({ name }) => OF_OTHERS.test(name));
  return [...checkpointFiles, ...shards.map(({ name }) => name)].map((name) => `${model}/${name}`);
}

/** Files that models of others have besides those of ours. */
const OF_OTHERS =
  /^(?:model-\d+-of-\d+\.safetensors|.*\.index\.json|.*_config\.json|chat_template\.jinja|memory\.json)$/;

function filesAt(path: string): string[] {
  if (!isDirectory(path)) return [path];
  return listDirectory(path).flatMap(({ name, kind }) => {
    return kind === "directory" ? filesAt(`${path}/${name}`) : [`${path}/${name}`];
  });
}

/** Refuses two options that name one file. */
function requireApart(outputs: readonly Output[]): void {
  for (const [i, output] of outputs.entries()) {
    const other = outputs.slice(0, i).find(({ path }) => isSameFile(path, output.path));
    if (other === undefined) continue;
    throw new InputError(`${named(output)} and ${named(other)} are one file; give each its own`);
  }
}

function isSameFile(a: string, b: string): boolean {
  const [of, other] = [a, b].map(targetOf);
  return of.kind === "file" && other.kind === "file" && resolve(of.path) === resolve(other.path);
}

/** Refuses a directory for results inside one whose files are documents: the next run would read the results. */
function requireOutside(output: Output, { inputs = [] }: CommandFiles): void {
  const { path, directory } = output;
  const around = inputs.find((input) => input !== undefined && isDirectory(input) && isWithin(path, input));
  if (directory === undefined || around === undefined) return;
  throw new InputError(`${named(output)} lies in ${around}, where everything is read; ${ELSEWHERE}`);
}

/** Refuses a link, of a name that the program chose, by which a file elsewhere would be replaced. */
function requireOwnPlace(output: Output): void {
  const { path, directory } = output;
  if (directory === undefined || identityOf(path) === undefined || leadsToFileIn(path, dirname(path))) return;
  throw new InputError(`${path} is a link out of its directory, and what it leads to would be replaced; ${ELSEWHERE}`);
}

/** Refuses to replace what this program did not write, or what belongs to a model. */
function requireReplaceable(output: Output): void {
  const { option, path, kind } = output;
  const target = targetOf(path);
  const advice =
    option === undefined ? "move it away, or give --force" : `give another ${option}, or --force to replace it`;
  if (target.kind === "stream" && target.isDisk) throw new InputError(`${path} is a whole disk; ${advice}`);
  if (target.kind !== "file" || target.state === undefined || target.state.size === 0) return;
  if (output.directory === undefined && isPartOfModel(target.path)) {
    throw new InputError(`${path} belongs to the model in ${dirname(target.path)}; ${advice}`);
  }
  if (!kind.isAt(path)) throw new InputError(`${path} is there already and is not ${kind.name}; ${advice}`);
  if (!isWritable(path)) throw new InputError(`${path} must not be written; ${advice}`);
}

function isPartOfModel(path: string): boolean {
  return checkpointFiles.has(basename(path)) && exists(`${dirname(path)}/model.safetensors`);
}
