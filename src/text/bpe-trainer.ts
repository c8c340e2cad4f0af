/**
 * Learns a byte-level BPE vocabulary from text (Sennrich, Haddow, Birch 2016, over bytes as in GPT-2) and returns it as
 * the content of a Hugging Face tokenizer.json.
 *
 * Starts with the 256 bytes and, again and again, makes the most frequent pair of neighbouring tokens a new token. Only
 * words with their counts are kept, never the text; pair counts are updated where a merge happened, never recounted.
 * The result depends on the word counts alone, so the order of the texts does not matter. Encoding is elsewhere
 * (tokenizer.ts).
 */
import { aFunction, aText, check, checkOptions, type Kind, type Kinds, optional, whole } from "../base/check.ts";
import { BYTE_SYMBOLS, type Merge, preTokens, symbolsOf } from "./byte-level.ts";
import { PairQueue } from "./pair-queue.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";
import { byteLevelJson } from "./tokenizer-json.ts";

/** A pair that is seen only once is not merged: its token would be of use in that one place only. */
const LEAST_COUNT = 2;

/** How large a vocabulary is learned. */
export interface BpeTrainingOptions {
  /** Tokens wanted, the 256 bytes among them. A small text may not have enough pairs. */
  vocabSize: number;
  /** Called after every merge with the number of tokens so far. */
  onProgress?: (tokens: number, vocabSize: number) => void;
}

const someTexts: Kind = {
  what: "an array of texts, or another list of them",
  accepts: (value) => typeof value === "object" && value !== null && Symbol.iterator in value,
};
const trainingKinds: Kinds<BpeTrainingOptions> = {
  vocabSize: whole(256, 2 ** 24), // one token a byte
  onProgress: optional(aFunction),
};

/**
 * Token i < 256 is byte i, then the merges follow in the order in which they were learned. Of pairs with equal counts the
 * one with the smaller left id is taken, then the one with the smaller right id.
 */
export function trainBpe(texts: Iterable<string>, options: BpeTrainingOptions): TokenizerJson {
  check("texts", texts, someTexts);
  checkOptions("the options of a tokenizer's training", options, trainingKinds);
  const { vocabSize, onProgress } = options;
  const pairs = new PairCounts(countWords(texts), vocabSize);
  const tokens = [...BYTE_SYMBOLS];
  const merges: Merge[] = [];
  while (tokens.length < vocabSize) {
    const pair = pairs.mostFrequent();
    if (pair === undefined) break;
    const [left, right] = pair;
    pairs.merge(left, right, tokens.length);
    merges.push([tokens[left], tokens[right]]);
    tokens.push(tokens[left] + tokens[right]);
    onProgress?.(tokens.length, vocabSize);
  }
  return byteLevelJson(tokens, merges);
}

/** A distinct word of the texts: its tokens as merged so far, and how often it occurs. */
interface Word {
  tokens: number[];
  count: number;
}

function countWords(texts: Iterable<string>): Word[] {
  const words = new Map<string, Word>();
  for (const text of texts) {
    check("a text", text, aText);
    for (const [word, count] of countPreTokens(text)) {
      const bytes = new TextEncoder().encode(word);
      // The key is a new string: the word itself is a slice and would keep its whole text in memory.
      const key = symbolsOf(bytes);
      const known = words.get(key);
      if (known) known.count += count;
      else words.set(key, { tokens: Array.from(bytes), count });
    }
  }
  return [...words.values()];
}

function countPreTokens(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of preTokens(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** How often each pair of neighbouring tokens occurs, and in which words; kept up to date through merges. */
class PairCounts {
  private readonly base: number;
  private readonly counts = new Map<number, number>();
  /** The words that a pair was ever seen in; it may have gone from some of them since. */
  private readonly places = new Map<number, Word[]>();
  /** Every pair once. Merges make counts of older pairs only smaller, so an outdated entry is never too far back. */
  private readonly queue = new PairQueue();

  constructor(words: readonly Word[], vocabSize: number) {
    this.base = vocabSize;
    for (const word of words) {
      for (let i = 1; i < word.tokens.length; i++) this.change(word.tokens[i - 1], word.tokens[i], word.count, word);
    }
    for (const [key, count] of this.counts) this.queue.push({ key, count });
  }

  /** Takes the most frequent pair out of the queue; undefined if none occurs often enough. */
  mostFrequent(): [left: number, right: number] | undefined {
    for (;;) {
      const pair = this.queue.pop();
      if (pair === undefined || pair.count < LEAST_COUNT) return undefined;
      const count = this.counts.get(pair.key) ?? 0;
      if (count === pair.count) return [Math.floor(pair.key / this.base), pair.key % this.base];
      this.queue.push({ key: pair.key, count });
    }
  }

  /** Makes every neighbouring `left`, `right` one token `id`, which is new. */
  merge(left: number, right: number, id: number): void {
    const key = this.keyOf(left, right);
    const born = new Set<number>();
    for (const word of this.places.get(key) ?? []) this.mergeIn(word, left, right, id, born);
    this.counts.delete(key);
    this.places.delete(key);
    for (const pair of born) this.queue.push({ key: pair, count: this.counts.get(pair) ?? 0 });
  }

  /** One pass from left to right: in "aaa" the first two a are merged. Adds the new pairs to `born`. */
  private mergeIn(word: Word, left: number, right: number, id: number, born: Set<number>): void {
    const { tokens, count } = word;
    let kept = 0;
    for (let i = 0; i < tokens.length; i++) {
      if (tokens[i] !== left || tokens[i + 1] !== right) {
        tokens[kept++] = tokens[i];
        continue;
      }
      if (kept > 0) {
        this.change(tokens[kept - 1], left, -count, word);
        born.add(this.change(tokens[kept - 1], id, count, word));
      }
      if (i + 2 < tokens.length) {
        this.change(right, tokens[i + 2], -count, word);
        born.add(this.change(id, tokens[i + 2], count, word));
      }
      tokens[kept++] = id;
      i++;
    }
    tokens.length = kept;
  }

  /** Adds to a pair's count and returns its key. All of one word's changes come before the next word's. */
  private change(left: number, right: number, by: number, word: Word): number {
    const key = this.keyOf(left, right);
    this.counts.set(key, (this.counts.get(key) ?? 0) + by);
    const places = this.places.get(key);
    if (places === undefined) this.places.set(key, [word]);
    else if (by > 0 && places.at(-1) !== word) places.push(word);
    return key;
  }

  /** Orders pairs by their left, then their right id. */
  private keyOf(left: number, right: number): number {
    return left * this.base + right;
  }
}
