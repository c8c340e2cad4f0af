/**
 * Text to token ids and back: what the rest of the program knows of tokenizers.
 *
 * Two kinds, one file format (Hugging Face's tokenizer.json): plain bytes, and byte-level BPE, which is encoded and
 * decoded by `@huggingface/tokenizers`. Both give every text back unchanged. Training is in bpe-trainer.ts, decoding
 * while tokens still arrive in token-stream.ts.
 */
import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { aText, check, type Kind, whole, withMethods } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { requireJson } from "../formats/json.ts";
import { BYTE_SYMBOLS, bytesOfToken, preTokens } from "./byte-level.ts";
import { byteLevelJson, readTokenizerJson, type TokenizerJson, tokensById } from "./tokenizer-json.ts";

/** Text to token ids and back, without loss. */
export interface Tokenizer {
  /** Ids are 0 … vocabSize − 1. */
  readonly vocabSize: number;
  /** Linear in the length of the text. */
  encode(text: string): Int32Array;
  /** The inverse: decode(encode(text)) is the text. Bytes that are not UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string;
  /** The bytes of text that the token stands for; perhaps only a part of a character. Not to be written to. */
  bytes(id: number): Uint8Array;
  /** How many bytes those are (for bits per byte). */
  byteLength(id: number): number;
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
  if (isByteVocabulary(checked)) return byteTokenizer();
  try {
    return new BpeTokenizer(checked);
  } catch (error) {
    // The library compiles the patterns of the file.
    if (!(error instanceof SyntaxError)) throw error;
    throw new InputError(`${source} is not a usable tokenizer: ${error.message.slice(0, 150).replaceAll(/\s/g, " ")}`);
  }
}

/** 256 tokens, the id is the byte. Stored as a byte-level BPE without merges. */
export function byteTokenizer(): Tokenizer {
  return new ByteTokenizer();
}

function isByteVocabulary(json: TokenizerJson): boolean {
  return tokensById(json).length === 256 && BYTE_SYMBOLS.every((symbol, byte) => json.model.vocab[symbol] === byte);
}

function requireId(id: number, vocabSize: number): void {
  if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) check("token id", id, whole(0, vocabSize - 1));
}

/** The ids as a list. Throws an InputError for anything but a list of ids. */
function listOfIds(ids: Iterable<number>, vocabSize: number): number[] {
  check("ids", ids, someIds);
  const list = [...ids];
  for (const id of list) requireId(id, vocabSize);
  return list;
}

const someIds: Kind = {
  what: "token ids that can be iterated over, such as an Int32Array",
  accepts: (value) => typeof value === "object" && value !== null && Symbol.iterator in value,
};

class ByteTokenizer implements Tokenizer {
  readonly vocabSize = 256;

  encode(text: string): Int32Array {
    check("text", text, aText);
    return Int32Array.from(new TextEncoder().encode(text));
  }

  decode(ids: Iterable<number>): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(listOfIds(ids, 256)));
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

/** The functions of the library that are called here; its own declarations do not resolve under `moduleResolution: nodenext`. */
interface HuggingFaceTokenizer {
  encode(text: string): { ids: number[] };
  decode(ids: number[]): string;
}

class BpeTokenizer implements Tokenizer {
  readonly vocabSize: number;
  private readonly json: TokenizerJson;
  private readonly library: HuggingFaceTokenizer;
  private readonly tokenBytes: Uint8Array[];

  constructor(json: TokenizerJson) {
    this.json = json;
    // A post-processor would add a beginning-of-text token and the like; documents are encoded as they are.
    this.library = new LibraryTokenizer({ ...json, post_processor: null }, { clean_up_tokenization_spaces: false });
    const added = new Set(json.added_tokens.map(({ id }) => id));
    this.tokenBytes = tokensById(json).map((token, id) => {
      const bytes = added.has(id) ? undefined : bytesOfToken(token);
      return bytes ?? new TextEncoder().encode(token);
    });
    this.vocabSize = this.tokenBytes.length;
  }

  encode(text: string): Int32Array {
    check("text", text, aText);
    return splitsIntoPlainWords(this.json) ? this.encodeWords(text) : Int32Array.from(this.library.encode(text).ids);
  }

  /** The library's result, word by word, each distinct word only once: on long texts more than ten times as fast. */
  private encodeWords(text: string): Int32Array {
    const idsOf = new Map<string, readonly number[]>();
    const ids: number[] = [];
    for (const word of preTokens(text)) {
      let wordIds = idsOf.get(word);
      if (wordIds === undefined) {
        wordIds = this.library.encode(word).ids;
        idsOf.set(word, wordIds);
      }
      for (const id of wordIds) ids.push(id);
    }
    return Int32Array.from(ids);
  }

  decode(ids: Iterable<number>): string {
    const list = listOfIds(ids, this.vocabSize);
    return list.length === 0 ? "" : this.library.decode(list);
  }

  bytes(id: number): Uint8Array {
    requireId(id, this.vocabSize);
    return this.tokenBytes[id];
  }

  byteLength(id: number): number {
    return this.bytes(id).length;
  }

  toJSON(): unknown {
    return this.json;
  }
}

/** Whether a text's tokens are those of its pre-tokens, one after the other: nothing is looked for across their borders. */
function splitsIntoPlainWords({ pre_tokenizer, added_tokens }: TokenizerJson): boolean {
  return pre_tokenizer.type === "ByteLevel" && pre_tokenizer.use_regex !== false && added_tokens.length === 0;
}
