/**
 * Tokens back to text, one at a time, for text that is shown while it is written; decoding at once is the same, joined.
 *
 * Tokens stand for bytes. A character may be spread over several of them: its bytes are held back until it is whole. Of
 * byte-level vocabularies that is all. Vocabularies with byte fallback have whole characters, and byte tokens such as
 * "<0xC3>" for all others. There a run of byte tokens is decoded as a whole or not at all: if it is not UTF-8, each of its
 * bytes, letters too, becomes U+FFFD. So a run is held back until another token follows.
 */
import { aFlag, check, checkOptions, type Kinds, optional, tokenIds, withMethods } from "../base/check.ts";

/** The part of a tokenizer that decoding needs. */
export interface DecodableTokens {
  /** The bytes of text that the token stands for. */
  bytes(id: number): Uint8Array;
  /** The special tokens, such as "<|im_end|>", with their ids. */
  readonly specials?: ReadonlyMap<string, number>;
  /** Ids of the tokens that stand for one byte where the vocabulary has byte fallback. */
  readonly byteTokens?: ReadonlySet<number>;
  /** Whether a space at the beginning of a decoded text is dropped, since the tokenizer put it there. */
  readonly dropsFirstSpace?: boolean;
}

/** How tokens become text. */
export interface DecodingOptions {
  /** Whether special tokens such as "<|im_end|>" are part of the text. Default: true. */
  readonly special?: boolean;
}

export const decodingKinds: Kinds<DecodingOptions> = { special: optional(aFlag) };

/** Turns tokens into text one by one, characters that several tokens make up included. */
export class TokenStream {
  private readonly tokenizer: DecodableTokens;
  private readonly skipped: ReadonlySet<number>;
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** Bytes of a run of byte tokens that has not ended. */
  private run: number[] = [];
  /** Whether there is text already, so that a space is one of the text. */
  private begun = false;

  /** Starts with no token. */
  constructor(tokenizer: DecodableTokens, options: DecodingOptions = {}) {
    check("tokenizer", tokenizer, withMethods("a tokenizer", "bytes"));
    checkOptions("decoding options", options, decodingKinds);
    this.tokenizer = tokenizer;
    this.skipped = new Set(options.special === false ? tokenizer.specials?.values() : []);
  }

  /**
   * Takes tokens that come before the first and whose text is known, such as a prompt. A space behind them belongs to the
   * text, and a character that they begin is completed by what is pushed.
   */
  follow(ids: Int32Array): void {
    check("ids", ids, tokenIds);
    const { byteTokens, specials } = this.tokenizer;
    const texts = Array.from(ids, (id) => this.tokenizer.bytes(id));
    const isSpecial = new Set(specials?.values());
    this.begun ||= texts.some(({ length }, i) => length > 0 && !isSpecial.has(ids[i]));
    const bytes = unfinished(texts.slice(-3).flatMap((text) => [...text]));
    if (byteTokens?.has(ids[ids.length - 1])) this.run.push(...bytes);
    else this.decoder.decode(Uint8Array.from(bytes), { stream: true });
  }

  /** The characters that this token completes, often its own text, perhaps none. */
  push(id: number): string {
    const bytes = this.tokenizer.bytes(id);
    if (this.skipped.has(id)) return "";
    if (this.tokenizer.byteTokens?.has(id)) {
      this.run.push(...bytes);
      return "";
    }
    return this.shown(this.endRun() + this.decoder.decode(bytes, { stream: true }));
  }

  /** The end: a character that was never completed becomes U+FFFD. The stream can then be used again. */
  flush(): string {
    const rest = this.shown(this.endRun() + this.decoder.decode());
    this.begun = false;
    return rest;
  }

  /** Ends a run of byte tokens, and returns its text. */
  private endRun(): string {
    const text = textsOfRun(this.run).join("");
    this.run = [];
    return text;
  }

  /** Drops the space that the tokenizer put before the text. */
  private shown(text: string): string {
    const drops = this.tokenizer.dropsFirstSpace === true && !this.begun && text.startsWith(" ");
    this.begun ||= text !== "";
    return drops ? text.slice(1) : text;
  }
}

/** The text of all tokens together, as a stream gives it, but fast. */
export function decodeTokens(tokenizer: DecodableTokens, ids: readonly number[], options: DecodingOptions): string {
  checkOptions("decoding options", options, decodingKinds);
  const { byteTokens = new Set(), specials, dropsFirstSpace } = tokenizer;
  const skipped = new Set(options.special === false ? specials?.values() : []);
  const kept = skipped.size === 0 ? ids : ids.filter((id) => !skipped.has(id));
  const bytes: number[] = [];
  for (let i = 0; i < kept.length; i++) {
    const run: number[] = [];
    while (byteTokens.has(kept[i])) run.push(tokenizer.bytes(kept[i++])[0]);
    for (const byte of isUtf8(run) ? run : run.flatMap(() => REPLACEMENT)) bytes.push(byte);
    if (i < kept.length) for (const byte of tokenizer.bytes(kept[i])) bytes.push(byte);
  }
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  return dropsFirstSpace === true && text.startsWith(" ") ? text.slice(1) : text;
}

/** The bytes at the end that begin a character and do not complete it. */
function unfinished(bytes: readonly number[]): readonly number[] {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const byte = bytes[bytes.length - length];
    if (byte >= 0x80 && byte < 0xc0) continue; // one that follows another
    const whole = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return whole > length ? bytes.slice(-length) : [];
  }
  return [];
}

/** U+FFFD in UTF-8. */
const REPLACEMENT = [0xef, 0xbf, 0xbd];

/** The text of each token, as a stream gives it: a character that is spread over several belongs to the last of them. */
export function tokenTexts(tokenizer: DecodableTokens, ids: Int32Array): string[] {
  check("tokenizer", tokenizer, withMethods("a tokenizer", "bytes"));
  check("ids", ids, tokenIds);
  const { byteTokens = new Set() } = tokenizer;
  const stream = new TokenStream({ bytes: (id) => tokenizer.bytes(id) });
  const texts: string[] = [];
  for (let from = 0; from < ids.length; from = texts.length) {
    let to = from;
    while (to < ids.length && byteTokens.has(ids[to])) to++;
    const run = Array.from(ids.subarray(from, to), (id) => [...tokenizer.bytes(id)]).flat();
    for (const text of to > from ? textsOfRun(run) : [stream.push(ids[from])]) texts.push(text);
  }
  const rest = stream.flush();
  if (rest !== "") texts[texts.length - 1] += rest;
  const first = texts.findIndex((text) => text !== "");
  if (tokenizer.dropsFirstSpace === true && texts[first]?.startsWith(" ")) texts[first] = texts[first].slice(1);
  return texts;
}

/** The text that each byte of a run of byte tokens completes; U+FFFD for each where the run is not UTF-8. */
function textsOfRun(run: readonly number[]): string[] {
  if (!isUtf8(run)) return run.map(() => "\ufffd");
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return run.map((byte) => decoder.decode(Uint8Array.of(byte), { stream: true }));
}

function isUtf8(run: readonly number[]): boolean {
  if (run.length === 0) return true;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(run));
    return true;
  } catch {
    return false;
  }
}
