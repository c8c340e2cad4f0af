/** The tokenizer and the chat template that a model comes with: in files of a directory, or in the metadata of a GGUF file. */
import { InputError } from "../base/errors.ts";
import type { GgufMetadata } from "../formats/gguf-metadata.ts";
import { type ChatTemplate, chatTemplate } from "../text/chat.ts";
import type { TemplateTokens } from "../text/chat-kinds.ts";
import { type GgufVocabulary, tokenizerFromGguf } from "../text/gguf-vocabulary.ts";
import { type Tokenizer, tokenizerFromJson } from "../text/tokenizer.ts";
import { readTokenizerConfig } from "../text/tokenizer-config.ts";
import { addedTokens, type TokenizerJson } from "../text/tokenizer-json.ts";
import type { ForeignModel, TokenizerSource } from "./foreign-model.ts";

/** @throws InputError if the model has no tokenizer, or one that cannot be used with it */
export function tokenizerOf({ name, tokenizer: source, architecture }: ForeignModel): Tokenizer {
  if (source === undefined) throw new InputError(`${name} has no tokenizer.json; a model reads text only with it`);
  const tokenizer =
    source.kind === "json"
      ? tokenizerFromJson(source.tokenizer, source.name)
      : tokenizerFromGguf(vocabularyOf(source.metadata, source.name), source.name);
  requireRows(tokenizer, source.name, architecture.vocabulary);
  return tokenizer;
}

/** Refuses tokens for which the model has no row. The last ones may be without if they were added, such as one for padding, which no text has. */
function requireRows(tokenizer: Tokenizer, source: string, rows: number): void {
  if (tokenizer.vocabSize <= rows) return;
  const added = new Set(addedTokens(tokenizer.toJSON() as TokenizerJson).map(({ id }) => id));
  let count = tokenizer.vocabSize;
  while (added.has(count - 1)) count--;
  if (count <= rows) return;
  throw new InputError(`${source} has ${tokenizer.vocabSize} tokens, but the model only ${rows}; take the model's own`);
}

/** @throws InputError if the model has no chat template, or one of an unknown kind */
export function chatTemplateOf({ name, tokenizer }: ForeignModel): ChatTemplate {
  const { template, tokens } = tokenizer === undefined ? { template: undefined, tokens: {} } : templateIn(tokenizer);
  if (template !== undefined) return chatTemplate(template, tokens, name);
  throw new InputError(`${name} has no chat template: it was not taught to converse; use the raw prompt`);
}

function templateIn(source: TokenizerSource): { template: string | undefined; tokens: TemplateTokens } {
  if (source.kind === "gguf") return templateInGguf(source);
  const { config, chatTemplate: own, name } = source;
  if (config === undefined) return { template: own, tokens: {} };
  const { tokens, chatTemplate } = readTokenizerConfig(
    config,
    name.replace(/tokenizer\.json$/, "tokenizer_config.json"),
  );
  return { template: own ?? chatTemplate, tokens };
}

type GgufSource = Extract<TokenizerSource, { kind: "gguf" }>;

function templateInGguf(source: GgufSource) {
  const { bos, eos } = specialTokensOf(source);
  return { template: chatTextOf(source), tokens: { bos: bos?.text, eos: eos?.text } };
}

/** The template of a GGUF file as it stands there, of whatever kind. Throws an InputError if it is not a text. */
export function chatTextOf({ metadata, name }: GgufSource): string | undefined {
  const template = metadata.get("tokenizer.chat_template");
  if (template === undefined || typeof template === "string") return template;
  throw new InputError(`${name}: tokenizer.chat_template must be a text`);
}

/** Whether a GGUF file has a tokenizer. */
export function hasVocabulary({ metadata }: GgufSource): boolean {
  return metadata.has("tokenizer.ggml.model") && metadata.has("tokenizer.ggml.tokens");
}

/** The tokens of a GGUF file that begin and end a text. */
export function specialTokensOf({ metadata, name }: GgufSource) {
  const { tokens, bos, eos } = vocabularyOf(metadata, name);
  const spelled = (id: number | undefined) => (id === undefined ? undefined : { id, text: tokens[id] });
  return { bos: spelled(bos), eos: spelled(eos) };
}

/** The keys of a vocabulary; tokenizerFromGguf checks them. */
function vocabularyOf(metadata: GgufMetadata, name: string): GgufVocabulary {
  const get = (key: string) => metadata.get(`tokenizer.ggml.${key}`);
  if (!hasVocabulary({ kind: "gguf", metadata, name })) {
    throw new InputError(`${name} has no tokenizer: tokenizer.ggml.model or tokenizer.ggml.tokens is missing`);
  }
  const vocabulary: Record<keyof GgufVocabulary, unknown> = {
    model: get("model"),
    pre: get("pre"),
    tokens: get("tokens"),
    types: get("token_type"),
    scores: get("scores"),
    merges: get("merges"),
    bos: get("bos_token_id"),
    eos: get("eos_token_id"),
    unknown: get("unknown_token_id"),
    addBos: get("add_bos_token"),
    addEos: get("add_eos_token"),
    addSpacePrefix: get("add_space_prefix"),
  };
  return vocabulary as unknown as GgufVocabulary;
}

/** What a user should know of a model and its tokenizer, a sentence each. */
export function notesOf({ name, notes }: ForeignModel, { alters }: Tokenizer): readonly string[] {
  return alters === undefined ? notes : [...notes, `${name}: the tokenizer ${alters}`];
}
