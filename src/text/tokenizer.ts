/**
 * Text to token ids and back: what the rest of the program knows of tokenizers.
 *
 * Two kinds, one file format (Hugging Face's tokenizer.json): plain bytes, and BPE (bpe-tokenizer.ts). Ours give every text
 * back unchanged. Those of models that others trained may alter it, and say so. Training is in bpe-trainer.ts, decoding
 * while tokens still arrive in token-stream.ts.
 */
import { aText, check, type Kind, withMethods } from "../base/check.ts";
import { requireJson } from "../formats/json.ts";
import { BpeTokenizer } from "./bpe-tokenizer.ts";
import { BYTE_SYMBOLS } from "./byte-level.ts";
import { checkEncoding, type EncodingOptions, listOfIds, requireId } from "./calls.ts";
import { type DecodableTokens, type DecodingOptions, decodeTokens } from "./token-stream.ts";
import { readTokenizerJson } from "./tokenizer-checks.ts";
import { byteLevelJson, type TokenizerJson, tokensById } from "./tokenizer-json.ts";

/** Text to token ids and back. */
export interface Tokenizer extends DecodableTokens {
  /** Ids are 0 … vocabSize − 1. */
  readonly vocabSize: number;
  /**
   * How a text may come back changed, as the end of a sentence that begins with "the tokenizer", such as "turns ▁ into a
   * space". Undefined: every text comes back as it was.
   */
  readonly alters?: string;
  /** Linear in the length of the text. */
  encode(text: string, options?: EncodingOptions): Int32Array;
  /**
   * The inverse: decode(encode(text)) is the text, but for what `alters` says. Bytes that are not UTF-8, and halves of
   * surrogate pairs in the text, become U+FFFD.
   */
  decode(ids: Iterable<number>, options?: DecodingOptions): string;
  /**
   * The bytes of text that the token stands for; perhaps only a part of a character. Together those of a text's tokens are
   * the text that `decode` gives, with the space that `dropsFirstSpace` drops. Not to be written to.
   */
  bytes(id: number): Uint8Array;
  /** How many bytes those are (for bits per byte). */
  byteLength(id: number): number;
  /**
   * Of the tokens that a text begins with, the bytes that are none of the text's own: those of tokens that are put around it, and a
   * space that is put before it. Default: none.
   */
  bytesBefore?(ids: Int32Array): number;
  /** The content of a tokenizer.json. */
  toJSON(): unknown;
}

/** The kind of arguments called `tokenizer`. */
export const aTokenizer: Kind = withMethods("a tokenizer", "encode", "decode", "bytes", "byteLength", "toJSON");

/** A tokenizer from the parsed content of a tokenizer.json. `source` is the file that an InputError names. */
export function tokenizerFromJson(json: unknown, source: string): Tokenizer {
  check("source", source, aText);
  requireJson(json, `${source} is not a usable tokenizer`);
  const checked = readTokenizerJson(json, source);
  return isByteVocabulary(checked) ? byteTokenizer() : new BpeTokenizer(checked);
}

/** 256 tokens, the id is the byte. Stored as a byte-level BPE without merges. */
export function byteTokenizer(): Tokenizer {
  return new ByteTokenizer();
}

function isByteVocabulary(json: TokenizerJson): boolean {
  const isPlain = json.normalizer === null && tokensById(json).length === 256;
  return isPlain && BYTE_SYMBOLS.every((symbol, byte) => json.model.vocab[symbol] === byte);
}

class ByteTokenizer implements Tokenizer {
  readonly vocabSize = 256;

  encode(text: string, options: EncodingOptions = {}): Int32Array {
    checkEncoding(text, options);
    return Int32Array.from(new TextEncoder().encode(text));
  }

  decode(ids: Iterable<number>, options: DecodingOptions = {}): string {
    return decodeTokens(this, listOfIds(ids, this.vocabSize), options);
  }

  bytes(id: number): Uint8Array {
    requireId(id, 256);
    return Uint8Array.of(id);
  }

  byteLength(id: number): number {
    requireId(id, 256);
    return 1;
  }

  toJSON(): unknown {
    return byteLevelJson(BYTE_SYMBOLS, []);
  }
}
