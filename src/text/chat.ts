/**
 * Conversations as the prompts of models that were trained to answer. Models come with a template in a language of its own
 * (Jinja). It is not run here: of seven common kinds, each known by marks in its template, chat-kinds.ts has the text.
 */
import {
  aFlag,
  aText,
  check,
  checkOptions,
  isArrayOf,
  type Kind,
  type Kinds,
  optional,
  withMethods,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { quote } from "../formats/json-scanner.ts";
import type { TextRange } from "./calls.ts";
import { type ChatKind, chatKinds, type Message, type Piece, type TemplateTokens } from "./chat-kinds.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** How a conversation becomes a prompt. */
export interface ChatOptions {
  /** Whether the prompt ends with the beginning of an answer. Default: true. */
  readonly opensAnswer?: boolean;
  /** Whether a model that thinks aloud may do so (Qwen3). Default: true. */
  readonly thinks?: boolean;
}

/** A conversation as a model reads it. */
export interface Prompt {
  /** The whole text. It has the beginning-of-text token where the model wants one, so it is encoded without a frame. */
  readonly text: string;
  /** Which parts the template wrote, and not a participant. Only there may special tokens stand. */
  readonly marks: readonly TextRange[];
}

/** The template of a model, ready to render conversations. */
export interface ChatTemplate {
  /** Its kind: "ChatML", "Qwen3", "Llama 3", "Gemma", "Gemma 3" or "Zephyr". */
  readonly kind: string;
  /** Returns a conversation as its text. Throws an InputError if the template refuses it. */
  render(messages: readonly Message[], options?: ChatOptions): Prompt;
}

const someMessages: Kind = {
  what: 'an array of at least one message, each with a role ("system", "user" or "assistant") and a text as content',
  accepts: (value) => isArrayOf(value, isMessage) && (value as unknown[]).length > 0,
};

function isMessage(value: unknown): boolean {
  const { role, content } = (value ?? {}) as Partial<Message>;
  return (role === "system" || role === "user" || role === "assistant") && typeof content === "string";
}

const tokenKinds: Kinds<TemplateTokens> = { bos: optional(aText), eos: optional(aText) };
const promptKinds: Kinds<Prompt> = { text: aText, marks: { what: "an array of ranges", accepts: Array.isArray } };
const chatKeys: Kinds<ChatOptions> = { opensAnswer: optional(aFlag), thinks: optional(aFlag) };

/**
 * The kind of `template`, the Jinja text from chat_template.jinja, tokenizer_config.json or a GGUF file.
 * @param tokens spelling of the tokens that some templates put in
 * @throws InputError if the template is of no kind that is known here
 */
export function chatTemplate(template: string, tokens: TemplateTokens, source: string): ChatTemplate {
  check("template", template, aText);
  checkOptions("tokens", tokens, tokenKinds);
  check("source", source, aText);
  const found = chatKinds.find(({ has, lacks, isOther }) => {
    const isIn = (mark: string) => template.includes(mark);
    return has.every(isIn) && !lacks.some(isIn) && isOther?.(template) !== true;
  });
  if (found === undefined) {
    throw new InputError(`${source} has no chat template of a kind that is known here; use the raw prompt`);
  }
  const missing = found.needs.find((name) => tokens[name] === undefined);
  if (missing !== undefined) {
    const key = missing === "bos" ? "bos_token" : "eos_token";
    throw new InputError(`${source} has a chat template that needs a ${key}, which is not given; use the raw prompt`);
  }
  return { kind: found.name, render: (messages, options = {}) => render(found, template, tokens, messages, options) };
}

function render(
  kind: ChatKind,
  template: string,
  tokens: TemplateTokens,
  messages: readonly Message[],
  options: ChatOptions,
): Prompt {
  check("messages", messages, someMessages);
  checkOptions("chat options", options, chatKeys);
  const { opensAnswer = true, thinks = true } = options;
  const reason = kind.refuses?.(messages);
  if (reason !== undefined)
    throw new InputError(`messages: ${reason} (a chat template of the kind ${quote(kind.name)})`);
  return promptOf(kind.render(messages, { template, tokens, opensAnswer, thinks }));
}

function promptOf(pieces: readonly Piece[]): Prompt {
  const marks: TextRange[] = [];
  let text = "";
  for (const piece of pieces) {
    const part = typeof piece === "string" ? piece : piece.typed;
    if (typeof piece === "string") marks.push([text.length, text.length + part.length]);
    text += part;
  }
  return { text, marks };
}

/**
 * The tokens of a prompt. Special tokens are taken from the template alone: a participant who types "<|im_end|>" has typed
 * ten characters. (`tokenizer.encode(prompt.text, { special: true })` takes them from everywhere, as `transformers` does.)
 */
export function encodePrompt(tokenizer: Tokenizer, prompt: Prompt): Int32Array {
  check("tokenizer", tokenizer, withMethods("a tokenizer", "encode"));
  checkOptions("prompt", prompt, promptKinds);
  return tokenizer.encode(prompt.text, { special: prompt.marks });
}
