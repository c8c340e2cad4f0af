/**
 * The configuration that `train` is told: a preset or a file, then single keys. The vocabulary follows the tokenizer; a file
 * or a key that says otherwise is refused.
 */
import { InputError } from "../base/errors.ts";
import { describeValues, parseFields, parseOverrides } from "../base/fields.ts";
import { readJson } from "../formats/json-file.ts";
import { applyOverrides, configFields, type ModelConfig, parseConfig } from "../model/config.ts";
import { preset, presetNames } from "../model/presets.ts";
import { formatTable } from "../report/table.ts";
import { choiceOption, type Option, text, texts } from "./arguments/options.ts";
import { UsageError } from "./arguments/usage.ts";

export const DEFAULT_PRESET = "small";

export const configOptions = {
  preset: choiceOption(presetNames, `model to begin with [${DEFAULT_PRESET}]`),
  config: text("FILE", "config.json to begin with instead"),
  set: overrides("replaces keys of the configuration; all of them are listed below"),
};

export interface ConfigChoice {
  readonly preset?: string;
  readonly config?: string;
  readonly set: readonly string[];
}

/** A tokenizer's size, and where it comes from, for messages. */
export interface Vocabulary {
  readonly size: number;
  readonly source: string;
}

/** The chosen configuration; `fallback` is what keys are replaced in if neither a preset nor a file is chosen. */
export function chosenConfig(choice: ConfigChoice, fallback: ModelConfig, vocabulary: Vocabulary): ModelConfig {
  const base = chosenBase(choice, fallback, vocabulary.size);
  const config = applyOverrides(base, choice.set);
  if (config.vocab_size === vocabulary.size) return config;
  const source = config.vocab_size === base.vocab_size ? choice.config : "--set";
  const tokens = `${vocabulary.source} has ${vocabulary.size} tokens`;
  throw new InputError(
    `${source}: vocab_size is ${config.vocab_size}, but ${tokens}; leave it out, it follows the tokenizer`,
  );
}

/** The preset or the file, with the vocabulary of the tokenizer unless the file has one. */
function chosenBase(
  { preset: name, config: path }: ConfigChoice,
  fallback: ModelConfig,
  vocab_size: number,
): ModelConfig {
  if (path === undefined) return { ...(name === undefined ? fallback : preset(name)), vocab_size };
  if (name !== undefined) throw new UsageError(`--preset ${name} and --config ${path} exclude each other`);
  const json = readJson(path);
  const config = parseConfig(json, path);
  return Object.hasOwn(Object(json), "vocab_size") ? config : { ...config, vocab_size };
}

/** Refuses a configuration that is not that of the checkpoint in `directory`. */
export function requireSameConfig(config: ModelConfig, saved: ModelConfig, directory: string): void {
  for (const key of new Set([...Object.keys(saved), ...Object.keys(config)])) {
    const [wanted, had] = [JSON.stringify(Object(config)[key]), JSON.stringify(Object(saved)[key])];
    if (wanted === had) continue;
    const advice = "a resumed run keeps its configuration";
    throw new InputError(`the run in ${directory} has ${key}=${had}, but ${key}=${wanted} was asked for; ${advice}`);
  }
}

/** `key=value …`: what is wrong with a key or a value by itself is refused at once, before a model is loaded. */
export function overrides(about: string): Option<readonly string[]> {
  const read = (given: readonly string[], name: string) => {
    parseFields(configFields, parseOverrides(configFields, given, name), name);
    return given;
  };
  return { ...texts("key=value", about), read };
}

/** Every key, for `--help`. */
export function configHelp(): string {
  const shown = new Map<string, unknown>(Object.entries(preset(DEFAULT_PRESET)));
  const rows = Object.entries(configFields).map(([key, field]) => {
    return [key, `${field.about} (${describeValues(field)}) [${shown.get(key) ?? field.default}]`];
  });
  return `Keys of the configuration, and what they are in the preset ${DEFAULT_PRESET}:\n${formatTable(rows, "left")}`;
}

/** `--set` of the commands that use a trained model: keys that its weights do not depend on can be changed. */
export const setOption = overrides(
  "replaces keys of the configuration that leave the weights as they are, such as memory_search or memory_dtype",
);
