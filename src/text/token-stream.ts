/**
 * Decodes tokens one at a time, for text that is shown while it is written. A character may be spread over several
 * tokens: its bytes are held back until it is whole.
 */
import { check, tokenIds } from "../base/check.ts";
import { aTokenizer, type Tokenizer } from "./tokenizer.ts";

/** Turns tokens into text one by one, characters that several tokens make up included. */
export class TokenStream {
  private readonly tokenizer: Tokenizer;
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** Starts with no token. */
  constructor(tokenizer: Tokenizer) {
    check("tokenizer", tokenizer, aTokenizer);
    this.tokenizer = tokenizer;
  }

  /** The characters that this token completes, often its own text, perhaps none. */
  push(id: number): string {
    return this.decoder.decode(this.tokenizer.bytes(id), { stream: true });
  }

  /** The end: a character that was never completed becomes U+FFFD. The stream can then be used again. */
  flush(): string {
    return this.decoder.decode();
  }
}

/** The text of each token, as a stream gives it: a character that is spread over several belongs to the last of them. */
export function tokenTexts(tokenizer: Tokenizer, ids: Int32Array): string[] {
  check("ids", ids, tokenIds);
  const stream = new TokenStream(tokenizer);
  const texts = Array.from(ids, (id) => stream.push(id));
  const rest = stream.flush();
  if (rest !== "") texts[texts.length - 1] += rest;
  return texts;
}
