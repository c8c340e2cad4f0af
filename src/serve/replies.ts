/** The JSON of OpenAI's answers: a whole one, or the chunks of a stream. */
import { randomUUID } from "node:crypto";
import type { Written } from "./served-model.ts";

/** How completions and chat answers differ. */
export interface ReplyShape {
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  /** The part of a choice that has the whole text. */
  whole(text: string): object;
  /** The same with a piece of the text. */
  piece(text: string): object;
  /** What a stream begins with, before any text. */
  readonly opening: object | undefined;
  /** What the chunk that says how the text ended has in place of a piece. */
  readonly closing: object;
}

export const completionShape: ReplyShape = {
  idPrefix: "cmpl",
  object: "text_completion",
  chunkObject: "text_completion",
  whole: (text) => ({ text }),
  piece: (text) => ({ text }),
  opening: undefined,
  closing: { text: "" },
};

export const chatShape: ReplyShape = {
  idPrefix: "chatcmpl",
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",
  whole: (text) => ({ message: { role: "assistant", content: text, refusal: null } }),
  piece: (text) => ({ delta: { content: text } }),
  opening: { delta: { role: "assistant", content: "" } },
  closing: { delta: {} },
};

/** The answer to one request. */
export class Reply {
  private readonly shape: ReplyShape;
  private readonly common: { readonly id: string; readonly created: number; readonly model: string };
  /** Chunks say that their counts come later, if they do. */
  private readonly later: object;

  constructor(shape: ReplyShape, model: string, countsInStream: boolean) {
    this.shape = shape;
    const id = `${shape.idPrefix}-${randomUUID().replaceAll("-", "")}`;
    this.common = { id, created: Math.floor(Date.now() / 1000), model };
    this.later = countsInStream ? { usage: null } : {};
  }

  /** The answer of a request without a stream. */
  whole(text: string, written: Written): object {
    const choice = { index: 0, ...this.shape.whole(text), logprobs: null, finish_reason: written.finish };
    return { ...this.common, object: this.shape.object, choices: [choice], usage: usageOf(written) };
  }

  /** The chunk that a stream begins with, if it has one. */
  opening(): object | undefined {
    return this.shape.opening && this.chunk(this.shape.opening, null);
  }

  /** A chunk with a piece of the text. */
  piece(text: string): object {
    return this.chunk(this.shape.piece(text), null);
  }

  /** The chunk that says how the text ended. */
  closing({ finish }: Written): object {
    return this.chunk(this.shape.closing, finish);
  }

  /** The chunk with the counts of tokens, for clients that ask for it. */
  counts(written: Written): object {
    return { ...this.common, object: this.shape.chunkObject, choices: [], usage: usageOf(written) };
  }

  private chunk(part: object, finish_reason: string | null): object {
    const choice = { index: 0, ...part, logprobs: null, finish_reason };
    return { ...this.common, object: this.shape.chunkObject, choices: [choice], ...this.later };
  }
}

function usageOf({ promptTokens, writtenTokens }: Written): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: writtenTokens,
    total_tokens: promptTokens + writtenTokens,
  };
}
