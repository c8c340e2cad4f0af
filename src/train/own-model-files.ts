/**
 * The three files of a model of this program, by name: what is written, with the checks that a reader would make, and what is
 * read. checkpoint.ts adds those of a trainer.
 */
import { InputError } from "../base/errors.ts";
import { requireJson } from "../formats/json.ts";
import { jsonText, readJson } from "../formats/json-file.ts";
import { type SafetensorsFile, type StoredTensor, writeSafetensors } from "../formats/safetensors.ts";
import { readSafetensorsFile } from "../formats/safetensors-file.ts";
import { type ModelConfig, parseConfig } from "../model/config.ts";
import type { Transformer } from "../model/transformer.ts";
import { type Tokenizer, tokenizerFromJson } from "../text/tokenizer.ts";
import { readTokenizerJson } from "../text/tokenizer-checks.ts";
import { firstNotFinite } from "../wasm/half.ts";

/** Names of the files. */
export const names = { config: "config.json", model: "model.safetensors", tokenizer: "tokenizer.json" };

/**
 * The contents of the files by name, for `directory`, as messages name it. `weights` are those of the model in some format; `metadata`
 * go into their file.
 */
export function ownModelFiles(
  directory: string,
  { config }: Transformer,
  tokenizer: Tokenizer,
  weights: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>>,
): Map<string, Uint8Array | string> {
  checkVocabulary(config, tokenizer, `${directory}/${names.config}`, `${directory}/${names.tokenizer}`);
  for (const [name, { data }] of weights) requireFiniteWeights(name, data);
  return new Map<string, Uint8Array | string>([
    [names.config, jsonText(config)],
    [names.tokenizer, jsonText(checkedJson(tokenizer))],
    [names.model, writeSafetensors(weights, metadata)],
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

/** What the files have. */
export interface OwnModelFiles {
  readonly config: ModelConfig;
  readonly weights: SafetensorsFile;
  readonly tokenizer: Tokenizer;
}

/** Reads the files in `directory`. Throws an InputError if one is missing or damaged, or does not fit the others. */
export function readOwnModelFiles(directory: string): OwnModelFiles {
  const [configPath, tokenizerPath] = [`${directory}/${names.config}`, `${directory}/${names.tokenizer}`];
  const config = parseConfig(readJson(configPath), configPath);
  const tokenizer = tokenizerFromJson(readJson(tokenizerPath), tokenizerPath);
  checkVocabulary(config, tokenizer, configPath, tokenizerPath);
  return { config, tokenizer, weights: readSafetensorsFile(`${directory}/${names.model}`) };
}

function checkVocabulary(config: ModelConfig, tokenizer: Tokenizer, configPath: string, tokenizerPath: string): void {
  const { vocab_size } = config;
  if (vocab_size === tokenizer.vocabSize) return;
  const has = `${tokenizerPath} has ${tokenizer.vocabSize} tokens`;
  throw new InputError(`${configPath}: vocab_size is ${vocab_size}, but ${has}; the two must be equal`);
}
