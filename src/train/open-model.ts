/** Models by their paths, ours and those that others trained: every command's MODEL. */
import { aPath, aText, check, listOf, oneOf, someOptions } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { loadForeign } from "../families/load-foreign.ts";
import { type LearningPart, learningParts } from "../families/offsets-file.ts";
import { type ForeignOptions, openForeign } from "../families/open-foreign.ts";
import { openForTraining } from "../families/trained-decoder.ts";
import { readJson } from "../formats/json-file.ts";
import { isOwnConfig, openedOwn, ownOverrides } from "../model/open-own.ts";
import type { OpenedForTraining, OpenedModel } from "../nn/opened-model.ts";
import { exists, isDirectory } from "../platform/files.ts";
import { loadModel } from "./checkpoint.ts";
import { modelDirectory } from "./model-directory.ts";

/** How a model is opened. */
export interface OpenOptions extends ForeignOptions {
  /** `key=value`: replaces keys of the configuration of a model of this program. */
  readonly overrides?: readonly string[];
}

/**
 * Opens the model at `named`: the directory of a model that this program trained, or the name of one in the package; a directory
 * as `transformers` writes it; a .gguf file.
 * @throws InputError that names the file, key or tensor which is missing, damaged or not understood
 */
export function openModel(named: string, options: OpenOptions = {}): OpenedModel {
  check("model", named, aPath);
  check("options", options, someOptions);
  const { overrides = [], ...others } = options;
  check("overrides", overrides, listOf(aText));
  const path = modelDirectory(named);
  if (isForeign(path)) {
    if (overrides.length === 0) return openForeign(loadForeign(path), others);
    throw new InputError(`${named} has no keys of this program's configuration, so ${overrides[0]} means nothing`);
  }
  const { model, tokenizer } = loadModel(path, [...ownOverrides(others, named), ...overrides]);
  return openedOwn(model, tokenizer, named);
}

/**
 * Opens a model that others trained so that `learned` can learn: the offsets of its memories, the layers that have one, or everything.
 * @throws InputError if it is a model of this program, an option is impossible for it, or a file is missing or damaged
 */
export function openModelForTraining(
  named: string,
  learned: LearningPart,
  options: Omit<ForeignOptions, "weights" | "onProgress"> = {},
): OpenedForTraining {
  check("model", named, aPath);
  check("learned", learned, oneOf(...learningParts));
  check("options", options, someOptions);
  const path = modelDirectory(named);
  if (isForeign(path)) return openForTraining(loadForeign(path), learned, options);
  throw new InputError(`${named} is a model of this program, all of which learns; load it, and make a Trainer`);
}

/** Whether the model at `path` is one that others trained. What is missing is left to our own reader to name. */
export function isForeign(path: string): boolean {
  if (path.endsWith(".gguf")) return true;
  const config = `${path}/config.json`;
  if (exists(config)) return !isOwnConfig(readJson(config));
  return exists(path) && !isDirectory(path);
}
