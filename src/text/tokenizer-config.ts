/** The file tokenizer_config.json that models come with: the tokens that begin and end texts, and the chat template. */
import { aText, check } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { TemplateTokens } from "./chat-kinds.ts";

/** What is used of a tokenizer_config.json. */
export interface TokenizerConfig {
  /** Spelling of its beginning and end tokens. The id of the end token, `tokenizer.specials.get(eos)`, is a stop id. */
  readonly tokens: TemplateTokens;
  /** The Jinja text, if it is here. A file chat_template.jinja next to it goes first. */
  readonly chatTemplate?: string;
}

/**
 * Reads the content of a tokenizer_config.json.
 * @throws InputError that names `source` and the key which is not as it should be
 */
export function readTokenizerConfig(json: unknown, source: string): TokenizerConfig {
  check("source", source, aText);
  if (!isObject(json)) throw new InputError(`${source} must be a JSON object`);
  const tokens = { bos: tokenAt("bos_token", json, source), eos: tokenAt("eos_token", json, source) };
  return { tokens, chatTemplate: templateIn(json, source) };
}

/** A token is written as a text, or as an object with its content. */
function tokenAt(key: string, json: Record<string, unknown>, source: string): string | undefined {
  const value = isObject(json[key]) ? json[key].content : json[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new InputError(`${source}: ${key} must be a text, or an object with a content`);
  return value;
}

/** A template is a text, or the one called "default" of a list. */
function templateIn({ chat_template: given }: Record<string, unknown>, source: string): string | undefined {
  const named = Array.isArray(given)
    ? given.find((item) => isObject(item) && item.name === "default")?.template
    : given;
  if (named === undefined || named === null) return undefined;
  if (typeof named !== "string")
    throw new InputError(`${source}: chat_template must be a text, or a list with a default`);
  return named;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
