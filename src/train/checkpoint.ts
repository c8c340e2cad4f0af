/**
 * Directories of models and checkpoints.
 *
 * A model is `config.json`, `model.safetensors` and `tokenizer.json`. A checkpoint is a model, plus `trainer.safetensors`
 * (moments, contexts, memories) and `trainer.json` (step, options, generators, place in the data). A run resumed from it gives
 * bit-identical results. The three files that change from step to step each name their step, so a mix of two checkpoints is
 * refused. checksums.json covers all of them. Other files know the content of each file.
 */
import { aPath, aText, check, checkOptions, instance, type Kinds, listOf, oneOf, optional } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { requireJson } from "../formats/json.ts";
import { jsonText, readJson } from "../formats/json-file.ts";
import { type SafetensorsFile, type StoredTensor, writeSafetensors } from "../formats/safetensors.ts";
import { readSafetensorsFile } from "../formats/safetensors-file.ts";
import { TensorReader } from "../formats/tensor-reader.ts";
import { applyOverrides, type ModelConfig, parseConfig } from "../model/config.ts";
import { halfModelTensors, modelFromTensors, modelTensors, type WeightDtype } from "../model/pretrained.ts";
import { aModel, type Transformer } from "../model/transformer.ts";
import { writeFilesAtomic } from "../platform/atomic-write.ts";
import { aTokenizer, type Tokenizer, tokenizerFromJson } from "../text/tokenizer.ts";
import { readTokenizerJson } from "../text/tokenizer-checks.ts";
import { firstNotFinite } from "../wasm/half.ts";
import { CHECKSUMS, requireChecksums, withChecksums } from "./checksums.ts";
import { modelDirectory } from "./model-directory.ts";
import { Trainer } from "./trainer.ts";
import { parseTrainerRecord, type TrainerRecord } from "./trainer-record.ts";

/** A trained model and its tokenizer. */
export interface Pretrained {
  /** The model. */
  readonly model: Transformer;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
}

/** A model, and the arguments of `Trainer.load` to continue its training. */
export interface Checkpoint extends Pretrained {
  /** Step, options, generators and place in the data. */
  readonly record: TrainerRecord;
  /** Moments, contexts and memories. */
  readonly tensors: TensorReader;
}

/** Names of the files in a checkpoint; a model has the first three. */
const names = {
  config: "config.json",
  model: "model.safetensors",
  tokenizer: "tokenizer.json",
  trainer: "trainer.safetensors",
  record: "trainer.json",
};

/** Names of the files that may be in the directory of a checkpoint, or of a model. */
export const checkpointFiles: ReadonlySet<string> = new Set([...Object.values(names), CHECKSUMS]);

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
 * `loadModel` reads both formats.
 * @throws InputError if a weight is not finite, or outside the range of `dtype`
 */
export function saveModel(
  directory: string,
  model: Transformer,
  tokenizer: Tokenizer,
  options: SaveOptions = {},
): void {
  check("directory", directory, aPath);
  check("model", model, aModel);
  check("tokenizer", tokenizer, aTokenizer);
  checkOptions("options", options, saveKinds);
  const { dtype = "float32" } = options;
  const weights = dtype === "float16" ? halfModelTensors(model) : modelTensors(model);
  writeFilesAtomic(modelFiles(directory, model, tokenizer, weights, {}));
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
  const { config, weights, tokenizer } = readModelFiles(directory);
  const model = modelFromTensors(applyOverrides(config, overrides), weights.tensors, pathsIn(directory).model);
  return { model, tokenizer };
}

/** Writes the whole state of `trainer`, its model and `tokenizer` into `directory`, and creates it if it is missing. */
export function saveCheckpoint(directory: string, trainer: Trainer, tokenizer: Tokenizer): void {
  check("directory", directory, aPath);
  check("trainer", trainer, instance(Trainer, "a Trainer"));
  check("tokenizer", tokenizer, aTokenizer);
  const paths = pathsIn(directory);
  const { record, tensors } = trainer.save();
  const step = { step: String(record.step) };
  const files = modelFiles(directory, trainer.model, tokenizer, modelTensors(trainer.model), step);
  files.set(paths.trainer, writeSafetensors(tensors, step)).set(paths.record, jsonText(record));
  writeFilesAtomic(withChecksums(directory, files));
}

/**
 * Reads a checkpoint.
 * @throws InputError if a file is missing or damaged, does not fit the others, or is from another step
 */
export function loadCheckpoint(directory: string): Checkpoint {
  check("directory", directory, aPath);
  requireChecksums(directory, Object.values(names));
  const paths = pathsIn(directory);
  const record = parseTrainerRecord(readJson(paths.record), paths.record);
  const trainer = readSafetensorsFile(paths.trainer);
  const { config, weights, tokenizer } = readModelFiles(directory);
  for (const [path, { metadata }] of [[paths.trainer, trainer] as const, [paths.model, weights] as const]) {
    if (metadata.step === String(record.step)) continue;
    const found = /^\d{1,16}$/.test(metadata.step ?? "") ? `of step ${metadata.step}` : "of no step";
    throw new InputError(
      `${path} is ${found} but ${paths.record} of step ${record.step}: they belong to different checkpoints`,
    );
  }
  const model = modelFromTensors(config, weights.tensors, paths.model);
  return { model, tokenizer, record, tensors: new TensorReader(trainer.tensors, paths.trainer) };
}

function modelFiles(
  directory: string,
  { config }: Transformer,
  tokenizer: Tokenizer,
  weights: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>>,
): Map<string, Uint8Array | string> {
  const paths = pathsIn(directory);
  checkVocabulary(config, tokenizer, paths.config, paths.tokenizer);
  for (const [name, { data }] of weights) requireFiniteWeights(name, data);
  return new Map<string, Uint8Array | string>([
    [paths.config, jsonText(config)],
    [paths.tokenizer, jsonText(checkedJson(tokenizer))],
    [paths.model, writeSafetensors(weights, metadata)],
  ]);
}

/** @throws InputError for a weight that `loadModel` would refuse */
function requireFiniteWeights(name: string, data: StoredTensor["data"]): void {
  const place = data instanceof Float32Array ? firstNotFinite(data) : -1;
  if (place >= 0) throw new InputError(`the model's ${name} has ${data[place]} at element ${place}; it must be finite`);
}

/** Returns the content of a tokenizer.json that `loadModel` accepts. */
function checkedJson(tokenizer: Tokenizer): unknown {
  const json = tokenizer.toJSON();
  requireJson(json, "tokenizer");
  readTokenizerJson(json, "tokenizer");
  return json;
}

interface ModelFiles {
  config: ModelConfig;
  weights: SafetensorsFile;
  tokenizer: Tokenizer;
}

function readModelFiles(directory: string): ModelFiles {
  const paths = pathsIn(directory);
  const config = parseConfig(readJson(paths.config), paths.config);
  const tokenizer = tokenizerFromJson(readJson(paths.tokenizer), paths.tokenizer);
  checkVocabulary(config, tokenizer, paths.config, paths.tokenizer);
  return { config, tokenizer, weights: readSafetensorsFile(paths.model) };
}

function checkVocabulary(config: ModelConfig, tokenizer: Tokenizer, configPath: string, tokenizerPath: string): void {
  const { vocab_size } = config;
  if (vocab_size === tokenizer.vocabSize) return;
  const has = `${tokenizerPath} has ${tokenizer.vocabSize} tokens`;
  throw new InputError(`${configPath}: vocab_size is ${vocab_size}, but ${has}; the two must be equal`);
}
