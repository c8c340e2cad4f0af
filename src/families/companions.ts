/**
 * What a directory of a model has besides its weights: the configuration, the tokenizer, how it generates. A directory's own files
 * are taken as they are; those of a model in a GGUF file are made from its metadata.
 */
import { isPlainObject } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { jsonOf } from "../formats/json.ts";
import { jsonText } from "../formats/json-file.ts";
import type { ForeignModel, ModelFiles } from "./foreign-model.ts";
import { chatTextOf, hasVocabulary, specialTokensOf, tokenizerOf } from "./foreign-tokenizer.ts";
import { ggufConfig } from "./gguf-config.ts";

/** Files of a directory besides its weights. */
export interface Companions {
  /** The content of config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The contents of the others by name. */
  readonly files: ReadonlyMap<string, Uint8Array | string>;
}

/** Names of the files that may be there besides config.json and the weights. */
export const companionNames = [
  "tokenizer.json",
  "tokenizer.model",
  "vocab.json",
  "merges.txt",
  "added_tokens.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "generation_config.json",
  "chat_template.jinja",
] as const;

/** The companions of a model. Throws an InputError if a GGUF file says something that no config.json can. */
export function companionsOf(model: ForeignModel): Companions {
  return model.files === undefined ? ofGguf(model) : ofDirectory(model.files);
}

function ofDirectory(files: ModelFiles): Companions {
  const found = companionNames.flatMap((name): [string, Uint8Array][] => {
    const source = files.open(name);
    return source === undefined ? [] : [[name, source.read(0, source.size)]];
  });
  const source = files.open("config.json");
  const config = source && jsonOf(source);
  if (!isPlainObject(config)) throw new InputError(`${files.name} has no config.json any more`);
  return { config, files: new Map(found) };
}

function ofGguf(model: ForeignModel): Companions {
  const { architecture, tokenizer, name } = model;
  if (tokenizer?.kind !== "gguf") throw new Error(`${name} is neither a directory nor a GGUF file`);
  const { stopIds } = architecture;
  const { bos, eos } = hasVocabulary(tokenizer) ? specialTokensOf(tokenizer) : {};
  const ends = {
    ...(bos && { bos_token_id: bos.id }),
    ...(stopIds.length > 0 && { eos_token_id: stopIds }),
  };
  const config = { ...ggufConfig(architecture, tokenizer.metadata, name), ...ends };
  const generation: [string, string] = ["generation_config.json", jsonText(ends)];
  if (!hasVocabulary(tokenizer)) return { config, files: new Map([generation]) };
  const tokenizerConfig = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: bos?.text,
    eos_token: eos?.text,
    chat_template: chatTextOf(tokenizer),
    clean_up_tokenization_spaces: false,
    model_max_length: architecture.context,
  };
  const files = new Map([
    ["tokenizer.json", jsonText(tokenizerOf(model).toJSON())],
    ["tokenizer_config.json", jsonText(tokenizerConfig)],
    generation,
  ]);
  return { config, files };
}
