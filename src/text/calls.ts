/** What every tokenizer's methods take, and the checks of it. */
import {
  aFlag,
  aText,
  check,
  checkOptions,
  either,
  isArrayOf,
  type Kind,
  type Kinds,
  oneOf,
  optional,
  whole,
} from "../base/check.ts";

/** A part of a text, by its UTF-16 units: `from` until before `to`. */
export type TextRange = readonly [from: number, to: number];

/** How a text becomes tokens. */
export interface EncodingOptions {
  /**
   * Whether special tokens that are spelled out in the text, such as "<|im_end|>", become those tokens; or the only ranges
   * of the text in which they do. Default: false, so that nobody can end a turn by typing.
   */
  readonly special?: boolean | readonly TextRange[];
  /**
   * Whether the tokens that the tokenizer's file puts around a text, such as "<s>", are put there; "begin": only those before
   * it. Default: false.
   */
  readonly framed?: boolean | "begin";
}

const someRanges: Kind = {
  what: "an array of ranges [from, to]",
  accepts: (value) =>
    isArrayOf(value, (range) => isArrayOf(range, Number.isSafeInteger) && (range as number[]).length === 2),
};

const encodingKinds: Kinds<EncodingOptions> = {
  special: optional(either(aFlag, someRanges)),
  framed: optional(either(aFlag, oneOf("begin"))),
};

export function checkEncoding(text: string, options: EncodingOptions): void {
  check("text", text, aText);
  checkOptions("encoding options", options, encodingKinds);
}

export function requireId(id: number, vocabSize: number): void {
  if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) check("token id", id, whole(0, vocabSize - 1));
}

/** The ids as a list. Throws an InputError for anything but a list of ids. */
export function listOfIds(ids: Iterable<number>, vocabSize: number): number[] {
  check("ids", ids, someIds);
  const list = [...ids];
  for (const id of list) requireId(id, vocabSize);
  return list;
}

const someIds: Kind = {
  what: "token ids that can be iterated over, such as an Int32Array",
  accepts: (value) => typeof value === "object" && value !== null && Symbol.iterator in value,
};
