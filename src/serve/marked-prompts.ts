/**
 * A tokenizer that knows which parts of the conversation at hand its template wrote. Only there does a special token count: a
 * participant who types "<|im_end|>" has typed ten characters. A Reader takes its prompt as a text, so it cannot say so itself.
 */
import { encodePrompt, type Prompt } from "../text/chat.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

export interface MarkedPrompts {
  /** The same tokenizer, except for the text of the prompt at hand. */
  readonly tokenizer: Tokenizer;
  /** Makes `prompt` the one at hand; a plain text leaves none. Returns its text. */
  take(prompt: string | Prompt): string;
  /** The number of tokens of the text that was encoded last. */
  count(): number;
}

export function markedPrompts(tokenizer: Tokenizer): MarkedPrompts {
  let atHand: Prompt | undefined;
  let count = 0;
  const encode: Tokenizer["encode"] = (text, options) => {
    const ids = text === atHand?.text ? encodePrompt(tokenizer, atHand) : tokenizer.encode(text, options);
    count = ids.length;
    return ids;
  };
  const take = (prompt: string | Prompt) => {
    atHand = typeof prompt === "string" ? undefined : prompt;
    return typeof prompt === "string" ? prompt : prompt.text;
  };
  return { tokenizer: Object.create(tokenizer, { encode: { value: encode } }), take, count: () => count };
}
