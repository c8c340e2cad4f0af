/**
 * A model that somebody else trained, read from its files: a description, parameters by canonical name, the tokens that end a
 * text, and where its tokenizer comes from. The files may be on a disk or in a page; see load-foreign.ts for paths.
 */
import { isPlainObject } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { ByteSource } from "../formats/byte-source.ts";
import { readGguf } from "../formats/gguf.ts";
import type { GgufMetadata } from "../formats/gguf-metadata.ts";
import { jsonOf } from "../formats/json.ts";
import { safetensorsWeights } from "../formats/safetensors-weights.ts";
import { shardedWeights } from "../formats/sharded-weights.ts";
import type { WeightFile } from "../formats/weight-file.ts";
import type { Architecture } from "./architecture.ts";
import { CALIBRATION_FILE, type Calibration, parseCalibration } from "./calibration.ts";
import { ConfigReader } from "./config-reader.ts";
import { describeConfig, families } from "./families.ts";
import { describeGguf, ggufNames } from "./gguf-model.ts";
import { OFFSETS_FILE, readOffsets, type TrainedMemory } from "./offsets-file.ts";
import { readParameters, type StoredParameter } from "./read-parameters.ts";
import { sortedIds } from "./sizes.ts";

/** A model as its files have it. Parameters are read when they are asked for. */
export interface ForeignModel {
  /** The directory or file, as messages name it. */
  readonly name: string;
  /** With all tokens that end a text: of the configuration, of generation and of the tokenizer. */
  readonly architecture: Architecture;
  /** By canonical name. */
  readonly parameters: ReadonlyMap<string, StoredParameter>;
  /** Undefined if there is none. */
  readonly tokenizer: TokenizerSource | undefined;
  /** The directory that it was read from; undefined for a GGUF file. */
  readonly files: ModelFiles | undefined;
  /** What a training of its memory left; undefined for a model whose memory was not trained. */
  readonly trained: TrainedMemory | undefined;
  /** Returns which heads remember, if there is a file that says so. Throws an InputError if it is damaged. */
  calibration(): Calibration | undefined;
  /** What a user should know, a sentence each. */
  readonly notes: readonly string[];
}

/** What a tokenizer is made of: the files of a directory, or the metadata of a GGUF file. */
export type TokenizerSource =
  | {
      readonly kind: "json";
      /** Contents of tokenizer.json and tokenizer_config.json; the latter is undefined if there is none. */
      readonly tokenizer: unknown;
      readonly config: unknown;
      /** The text of chat_template.jinja, if there is one; older files have it in `config`. */
      readonly chatTemplate: string | undefined;
      /** tokenizer.json, as messages name it. */
      readonly name: string;
    }
  | { readonly kind: "gguf"; readonly metadata: GgufMetadata; readonly name: string };

/** Files of a directory. */
export interface ModelFiles {
  /** The directory, as messages name it. */
  readonly name: string;
  /** The file of that name in it; undefined if there is none. */
  open(file: string): ByteSource | undefined;
}

/** The model in a directory as `transformers` writes it. Throws an InputError that names the file, and what is wrong with it. */
export function readModelFiles(files: ModelFiles): ForeignModel {
  const config = requireFile(files, "config.json", "it says what the model is");
  const described = describeConfig(jsonOf(config), config.name);
  const weights = openWeights(files);
  const read = readParameters(weights, described.architecture, families[described.architecture.family].names);
  const tokenizer = openTokenizer(files);
  const { stopIds } = described.architecture;
  const architecture = {
    ...read.architecture,
    stopIds: sortedIds(stopIds, generationStops(files), tokenizerStops(tokenizer)),
  };
  const notes = [...described.notes, ...read.notes];
  const offsets = files.open(OFFSETS_FILE);
  const trained = offsets && readOffsets(offsets.read(0, offsets.size), offsets.name, architecture);
  const calibration = calibrationIn(files.open(CALIBRATION_FILE));
  return { name: files.name, architecture, parameters: read.parameters, tokenizer, files, trained, calibration, notes };
}

/**
 * The model in a GGUF file. `calibration`: the file next to it that says which heads remember.
 * @throws InputError that names the file, and what is wrong with it
 */
export function readGgufModel(source: ByteSource, calibration?: ByteSource): ForeignModel {
  const file = readGguf(source);
  const described = describeGguf(file);
  const { architecture, parameters, notes } = readParameters(file, described, ggufNames(described.family));
  const tokenizer: TokenizerSource = { kind: "gguf", metadata: file.metadata, name: file.name };
  const own = { files: undefined, trained: undefined, calibration: calibrationIn(calibration) };
  return { name: file.name, architecture, parameters, tokenizer, ...own, notes };
}

function calibrationIn(source: ByteSource | undefined): ForeignModel["calibration"] {
  return () => source && parseCalibration(jsonOf(source), source.name);
}

function requireFile(files: ModelFiles, file: string, reason: string): ByteSource {
  const source = files.open(file);
  if (source !== undefined) return source;
  throw new InputError(`${files.name} has no ${file}; ${reason}`);
}

/** One file of weights, or an index and its shards. */
function openWeights(files: ModelFiles): WeightFile {
  const whole = files.open("model.safetensors");
  if (whole !== undefined) return safetensorsWeights(whole);
  const index = files.open("model.safetensors.index.json");
  if (index !== undefined) {
    const open = (shard: string) => requireFile(files, shard, `${index.name} says that weights are in it`);
    return shardedWeights(jsonOf(index), index.name, open);
  }
  const pytorch = ["pytorch_model.bin", "pytorch_model.bin.index.json"].some((file) => files.open(file) !== undefined);
  const advice = pytorch ? "; pytorch_model.bin must be converted to safetensors first" : "";
  throw new InputError(`${files.name} has neither model.safetensors nor model.safetensors.index.json${advice}`);
}

function openTokenizer(files: ModelFiles): Extract<TokenizerSource, { kind: "json" }> | undefined {
  const tokenizer = files.open("tokenizer.json");
  if (tokenizer === undefined) return undefined;
  const config = files.open("tokenizer_config.json");
  const template = files.open("chat_template.jinja");
  return {
    kind: "json",
    tokenizer: jsonOf(tokenizer),
    config: config && jsonOf(config),
    chatTemplate: template && new TextDecoder().decode(template.read(0, template.size)),
    name: tokenizer.name,
  };
}

/** Tokens that end a text, of generation_config.json. */
function generationStops(files: ModelFiles): number[] {
  const source = files.open("generation_config.json");
  return source === undefined ? [] : new ConfigReader(jsonOf(source), source.name).tokenIds("eos_token_id");
}

/** The token that tokenizer_config.json calls the end, by the number that tokenizer.json gives it. */
function tokenizerStops(source: ReturnType<typeof openTokenizer>): number[] {
  if (source === undefined || !isPlainObject(source.config) || !isPlainObject(source.tokenizer)) return [];
  const { eos_token: end } = source.config;
  const text = isPlainObject(end) ? end.content : end;
  const { added_tokens: added } = source.tokenizer;
  const token = Array.isArray(added) ? added.find((item) => isPlainObject(item) && item.content === text) : undefined;
  return token !== undefined && Number.isSafeInteger(token.id) && token.id >= 0 ? [token.id] : [];
}
