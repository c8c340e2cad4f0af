/**
 * The bodies of OpenAI's requests: what may be in them, and what of it counts. A field that would change the answer and cannot
 * be obeyed is refused, unless its value asks for nothing. `null` counts as left out.
 */
import { randomInt } from "node:crypto";
import {
  aFlag,
  aName,
  either,
  isArrayOf,
  isPlainObject,
  type Kind,
  numberWithin,
  oneOf,
  requireKnownKey,
  whole,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import { parseJson } from "../formats/json.ts";
import type { GenerationOptions } from "../model/generate.ts";
import type { Message } from "../text/chat-kinds.ts";
import { Refusal } from "./refusals.ts";

/** What requests of both kinds ask for. */
export interface TextRequest {
  readonly model: string | undefined;
  readonly memory: string | undefined;
  readonly stops: readonly string[];
  readonly options: Partial<GenerationOptions> & { readonly tokens: number };
  readonly streams: boolean;
  /** Whether a stream ends with the counts of tokens. */
  readonly countsInStream: boolean;
}

type Fields = Readonly<Record<string, Kind>>;
type Body = Readonly<Record<string, unknown>>;

/** Tokens of an answer where the request does not say; the first is OpenAI's own. */
const USUAL_TOKENS = { completion: 16, chat: 512 };
/** Seeds of requests that bring none lie below it. */
const SEEDS = 2 ** 32;

const aStop: Kind = { what: "a text that is not empty", accepts: (value) => aName.accepts(value) && value !== "" };
const someStops: Kind = {
  what: "an array of at most 4 such texts",
  accepts: (value) => isArrayOf(value, aStop.accepts) && (value as unknown[]).length <= 4,
};
const leftOut: Kind = { what: "left out, since no log-probabilities are told here", accepts: () => false };
const nothing: Kind = { what: "an empty array", accepts: (value) => Array.isArray(value) && value.length === 0 };
const anEmptyObject: Kind = {
  what: "an empty object",
  accepts: (value) => isPlainObject(value) && Object.keys(value).length === 0,
};
const plainText: Kind = {
  what: '{"type": "text"}',
  accepts: (value) => isPlainObject(value) && value.type === "text" && Object.keys(value).length === 1,
};
const streamOptions: Kind = {
  what: 'an object with no key but "include_usage", which is true or false',
  accepts: (value) =>
    isPlainObject(value) &&
    Object.entries(value).every(([key, flag]) => key === "include_usage" && typeof flag === "boolean"),
};

/** Fields of both requests. `most`: tokens that a request may ask for. */
const commonFields = (most: number): Fields => ({
  model: aName,
  memory: aName,
  max_tokens: whole(1, most),
  temperature: numberWithin(0, 2),
  top_p: numberWithin(0, 1),
  top_k: whole(0, 2 ** 24),
  seed: whole(-Number.MAX_SAFE_INTEGER),
  stop: either(aStop, someStops),
  stream: aFlag,
  stream_options: streamOptions,
  user: aName,
  n: oneOf(1),
  frequency_penalty: oneOf(0),
  presence_penalty: oneOf(0),
  logit_bias: anEmptyObject,
});

const onePrompt: Kind = {
  what: "a text, or an array of one text",
  accepts: (value) => aName.accepts(value) || (isArrayOf(value, aName.accepts) && (value as unknown[]).length === 1),
};

const completionFields = (most: number): Fields => ({
  ...commonFields(most),
  prompt: onePrompt,
  best_of: oneOf(1),
  echo: oneOf(false),
  logprobs: leftOut,
  suffix: oneOf(""),
});

const aRole = oneOf("system", "developer", "user", "assistant");
const textParts: Kind = {
  what: 'an array of parts like {"type": "text", "text": "…"}',
  accepts: (value) =>
    isArrayOf(value, (part) => isPlainObject(part) && part.type === "text" && aName.accepts(part.text)),
};
const aContent = either({ ...aName, what: "a text" }, textParts);
const someMessages: Kind = {
  what: "an array of at least one message",
  accepts: (value) => isArrayOf(value, isPlainObject) && (value as unknown[]).length > 0,
};

const chatFields = (most: number): Fields => ({
  ...commonFields(most),
  messages: someMessages,
  max_completion_tokens: whole(1, most),
  logprobs: oneOf(false),
  top_logprobs: oneOf(0),
  response_format: plainText,
  tools: nothing,
  tool_choice: oneOf("none", "auto"),
  store: oneOf(false),
});

export interface CompletionRequest extends TextRequest {
  readonly prompt: string;
}

export interface ChatRequest extends TextRequest {
  readonly messages: readonly Message[];
}

/** The request in the body of POST /v1/completions. Throws an InputError or a Refusal that names the field at fault. */
export function completionRequest(body: string, mostTokens: number): CompletionRequest {
  const given = fieldsOf(body, completionFields(mostTokens));
  const prompt = required(given, "prompt");
  const tokens = given.max_tokens ?? Math.min(USUAL_TOKENS.completion, mostTokens);
  return { ...textRequest(given, tokens as number), prompt: Array.isArray(prompt) ? prompt[0] : (prompt as string) };
}

/** The same for POST /v1/chat/completions. */
export function chatRequest(body: string, mostTokens: number): ChatRequest {
  const given = fieldsOf(body, chatFields(mostTokens));
  const messages = (required(given, "messages") as Body[]).map(messageOf);
  const { max_tokens, max_completion_tokens = max_tokens } = given;
  if (max_tokens !== undefined && max_tokens !== max_completion_tokens) {
    const sentence = `max_tokens is ${max_tokens}, but max_completion_tokens ${max_completion_tokens}; give one of them`;
    throw new Refusal(400, sentence, "max_tokens");
  }
  const tokens = max_completion_tokens ?? Math.min(USUAL_TOKENS.chat, mostTokens);
  return { ...textRequest(given, tokens as number), messages };
}

function textRequest(given: Body, tokens: number): TextRequest {
  const { model, memory, stop = [], stream = false, stream_options, temperature, top_p, top_k, seed } = given;
  const kept = top_p === 0 ? { topK: 1 } : { topP: top_p, topK: top_k }; // of no share of the probability, the likeliest token remains
  const options = { tokens, temperature, ...kept, seed: seedOf((seed as number | undefined) ?? randomInt(SEEDS)) };
  const { include_usage: countsInStream = false } = (stream_options ?? {}) as { include_usage?: boolean };
  return {
    model: model as string | undefined,
    memory: memory as string | undefined,
    stops: (Array.isArray(stop) ? stop : [stop]) as string[],
    options: options as TextRequest["options"],
    streams: stream as boolean,
    countsInStream,
  };
}

/** OpenAI's seeds may be negative; ours count from 0. */
function seedOf(seed: number): number {
  return seed < 0 ? seed + Number.MAX_SAFE_INTEGER : seed;
}

/** Answers come back as messages of the next request, with fields that are null. */
function messageOf(message: Body, index: number): Message {
  const name = `messages[${index}]`;
  const given = Object.entries(message).filter(([, value]) => value !== null);
  for (const [key] of given) requireKnownKey(name, key, ["role", "content", "name"]);
  const { role, content } = message;
  requireField(`${name}.role`, role, aRole);
  requireField(`${name}.content`, content, aContent);
  const text = Array.isArray(content) ? content.map((part) => part.text).join("") : (content as string);
  return { role: role === "developer" ? "system" : (role as Message["role"]), content: text };
}

/** The fields of a body, each of its kind, without those that are null. */
function fieldsOf(body: string, fields: Fields): Body {
  const json = parseJson(body, "the body is not valid JSON");
  if (!isPlainObject(json)) throw new InputError(`the body is ${show(json)}; it must be a JSON object`);
  for (const key of Object.keys(json)) requireKnownKey("the request", key, Object.keys(fields));
  const given = Object.entries(json).filter(([, value]) => value !== null);
  for (const [key, value] of given) requireField(key, value, fields[key]);
  return Object.fromEntries(given);
}

function required(given: Body, name: string): unknown {
  if (given[name] !== undefined) return given[name];
  throw new Refusal(400, `the request has no ${name}`, name);
}

function requireField(name: string, value: unknown, { what, accepts }: Kind): void {
  if (!accepts(value)) throw new Refusal(400, `${name}: got ${show(value)}; it must be ${what}`, name);
}
