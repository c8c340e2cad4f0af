/**
 * Directories of models and checkpoints.
 *
 * A model is `config.json`, `model.safetensors` and `tokenizer.json`; one that others trained has more. A checkpoint is a model, plus
 * `trainer.safetensors` (moments, contexts, memories) and `trainer.json` (step, options, generators, place in the data). A run
 * resumed from it gives bit-identical results. The three files that change from step to step each name their step, so a mix of two
 * checkpoints is refused. checksums.json covers all of them. Other files know the content of each file.
 */
import { aPath, aText, check, checkOptions, type Kinds, listOf, oneOf, optional } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { companionNames } from "../families/companions.ts";
import { loadForeign } from "../families/load-foreign.ts";
import { OFFSETS_FILE } from "../families/offsets-file.ts";
import { resumedDecoder, TrainedDecoder } from "../families/trained-decoder.ts";
import { jsonText, readJson } from "../formats/json-file.ts";
import { writeSafetensors } from "../formats/safetensors.ts";
import { readSafetensorsFile } from "../formats/safetensors-file.ts";
import { readLayout } from "../formats/safetensors-layout.ts";
import { TensorReader } from "../formats/tensor-reader.ts";
import { applyOverrides } from "../model/config.ts";
import { isOwnConfig } from "../model/open-own.ts";
import { halfModelTensors, modelFromTensors, modelTensors, type WeightDtype } from "../model/pretrained.ts";
import { Transformer } from "../model/transformer.ts";
import { aTrainableModel, type TrainableModel } from "../nn/language-model.ts";
import { writeFilesAtomic } from "../platform/atomic-write.ts";
import { fileRanges } from "../platform/file-ranges.ts";
import { exists } from "../platform/files.ts";
import { aTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { CHECKSUMS, requireChecksums, withChecksums } from "./checksums.ts";
import { aCourse, type Course } from "./course.ts";
import { requireNoneLeft } from "./left-files.ts";
import { modelDirectory } from "./model-directory.ts";
import { names as modelNames, ownModelFiles, readOwnModelFiles } from "./own-model-files.ts";
import { parseTrainerRecord, type TrainerRecord } from "./trainer-record.ts";

/** A trained model and its tokenizer. */
export interface Pretrained {
  /** The model. */
  readonly model: Transformer;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
}

/** A model of kind M, and the arguments of `Trainer.load` to continue its training. */
export interface Checkpoint<M extends TrainableModel = Transformer> {
  /** The model. */
  readonly model: M;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Step, options, generators and place in the data. */
  readonly record: TrainerRecord;
  /** Moments, contexts and memories. */
  readonly tensors: TensorReader;
}

/** Names of the files in a checkpoint. */
const names = { ...modelNames, trainer: "trainer.safetensors", record: "trainer.json" };

/** Names of the files that may be in the directory of a checkpoint, or of a model. */
export const checkpointFiles: ReadonlySet<string> = new Set([
  ...Object.values(names),
  ...companionNames,
  OFFSETS_FILE,
  CHECKSUMS,
]);

function pathsIn(directory: string): typeof names {
  const { config, model, tokenizer, trainer, record } = names;
  const at = (name: string) => `${directory}/${name}`;
  return { config: at(config), model: at(model), tokenizer: at(tokenizer), trainer: at(trainer), record: at(record) };
}

/** The options of saving a model. */
export interface SaveOptions {
  /** The format of the weights. Default: float32. */
  readonly dtype?: WeightDtype;
}

const saveKinds: Kinds<SaveOptions> = { dtype: optional(oneOf("float32", "float16")) };

/**
 * Writes `model` and `tokenizer` into `directory`, and creates it if it is missing. Weights in float16 take half the bytes;
 * `loadModel` reads both formats. A model that others trained is written as their files have it, and only what it learned as float32.
 * @throws InputError if a weight is not finite, or outside the range of `dtype`; if a file of another model would stay and be taken for this one's
 */
export function saveModel(
  directory: string,
  model: TrainableModel,
  tokenizer: Tokenizer,
  options: SaveOptions = {},
): void {
  check("directory", directory, aPath);
  check("model", model, aTrainableModel);
  check("tokenizer", tokenizer, aTokenizer);
  checkOptions("options", options, saveKinds);
  writeFilesAtomic(filesOf(directory, model, tokenizer, {}, options.dtype));
}

/** The files of a model by their paths. */
function filesOf(
  directory: string,
  model: TrainableModel,
  tokenizer: Tokenizer,
  metadata: Readonly<Record<string, string>>,
  dtype: WeightDtype = "float32",
): Map<string, Uint8Array | string> {
  if (model instanceof TrainedDecoder) {
    requireNoneLeft(directory, model.companionFiles);
    return inDirectory(directory, model.files(metadata));
  }
  if (!(model instanceof Transformer)) throw new InputError("model: it is of a kind that this program cannot save");
  const weights = dtype === "float16" ? halfModelTensors(model) : modelTensors(model);
  return inDirectory(directory, ownModelFiles(directory, model, tokenizer, weights, metadata));
}

/** The files by their paths. */
function inDirectory(directory: string, files: ReadonlyMap<string, Uint8Array | string>) {
  return new Map([...files].map(([name, content]) => [`${directory}/${name}`, content]));
}

/**
 * Loads a model and its tokenizer from a directory, or by the name of a model in the package, such as "reader-1m".
 * `overrides` (key=value) replace keys of the configuration that do not affect the weights.
 * @throws InputError if a file is missing or damaged, or does not fit the others
 */
export function loadModel(directoryOrName: string, overrides: readonly string[] = []): Pretrained {
  check("directory", directoryOrName, aPath);
  check("overrides", overrides, listOf(aText));
  const directory = modelDirectory(directoryOrName);
  const { config, weights, tokenizer } = readOwnModelFiles(directory);
  const model = modelFromTensors(applyOverrides(config, overrides), weights.tensors, pathsIn(directory).model);
  return { model, tokenizer };
}

/** Writes the whole state of `trainer`, its model and `tokenizer` into `directory`, and creates it if it is missing. */
export function saveCheckpoint(directory: string, trainer: Course, tokenizer: Tokenizer): void {
  check("directory", directory, aPath);
  check("trainer", trainer, aCourse);
  check("tokenizer", tokenizer, aTokenizer);
  const { record, tensors } = trainer.save();
  const step = { step: String(record.step) };
  const paths = pathsIn(directory);
  const files = filesOf(directory, trainer.model, tokenizer, step);
  files.set(paths.trainer, writeSafetensors(tensors, step)).set(paths.record, jsonText(record));
  writeFilesAtomic(withChecksums(directory, files));
}

/**
 * Reads a checkpoint of a model of this program.
 * @throws InputError if a file is missing or damaged, does not fit the others, or is from another step
 */
export function loadCheckpoint(directory: string): Checkpoint {
  check("directory", directory, aPath);
  requireChecksums(directory, Object.values(names));
  const { record, tensors } = readTrainer(directory);
  const { config, weights, tokenizer } = readOwnModelFiles(directory);
  const { model: path } = pathsIn(directory);
  requireStep(path, weights.metadata, record, directory);
  return { model: modelFromTensors(config, weights.tensors, path), tokenizer, record, tensors };
}

/**
 * Reads a checkpoint of our own model or of one that others trained.
 * @throws InputError as `loadCheckpoint`
 */
export function loadAnyCheckpoint(directory: string): Checkpoint<TrainableModel> {
  check("directory", directory, aPath);
  const { config, model: path } = pathsIn(directory);
  if (!exists(config) || isOwnConfig(readJson(config))) return loadCheckpoint(directory);
  const others = companionNames.filter((name) => exists(`${directory}/${name}`));
  requireChecksums(directory, [...new Set([...Object.values(names), OFFSETS_FILE, ...others])]);
  const { record, tensors } = readTrainer(directory);
  requireStep(path, readLayout(fileRanges(path)).metadata, record, directory);
  return { ...resumedDecoder(loadForeign(directory)), record, tensors };
}

function readTrainer(directory: string): Pick<Checkpoint, "record" | "tensors"> {
  const { record: recordPath, trainer: path } = pathsIn(directory);
  const record = parseTrainerRecord(readJson(recordPath), recordPath);
  const { tensors, metadata } = readSafetensorsFile(path);
  requireStep(path, metadata, record, directory);
  return { record, tensors: new TensorReader(tensors, path) };
}

/** Refuses a file of another step. */
function requireStep(
  path: string,
  metadata: Readonly<Record<string, string>>,
  { step }: TrainerRecord,
  directory: string,
): void {
  if (metadata.step === String(step)) return;
  const found = /^\d{1,16}$/.test(metadata.step ?? "") ? `of step ${metadata.step}` : "of no step";
  throw new InputError(
    `${path} is ${found} but ${pathsIn(directory).record} of step ${step}: they belong to different checkpoints`,
  );
}
