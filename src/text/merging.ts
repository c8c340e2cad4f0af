/**
 * Byte pair encoding proper: which neighbouring tokens of a word become one, and in which order (Sennrich, Haddow, Birch
 * 2016). Of all pairs that may merge, the one of the lowest rank goes first, and of equal ranks the leftmost.
 */
import { PairQueue } from "./pair-queue.ts";

/** Two ids that may become one. */
export interface RankedMerge {
  readonly left: number;
  readonly right: number;
  /** The token that they become. */
  readonly id: number;
  /** Lower ranks merge first. */
  readonly rank: number;
}

export class Merges {
  private readonly vocabSize: number;
  private readonly byPair = new Map<number, RankedMerge>();

  /** A pair that is listed twice has the rank of the last. */
  constructor(vocabSize: number, merges: Iterable<RankedMerge>) {
    this.vocabSize = vocabSize;
    for (const merge of merges) this.byPair.set(merge.left * vocabSize + merge.right, merge);
  }

  /** The tokens of a word after all merges. Takes n log n steps for n ids. */
  apply(ids: readonly number[]): readonly number[] {
    return ids.length < 2 ? ids : new Word(ids, (left, right) => this.of(left, right), this.vocabSize).merged();
  }

  private of(left: number, right: number): RankedMerge | undefined {
    return this.byPair.get(left * this.vocabSize + right);
  }
}

/** There is no token at this place any more, or none follows. */
const NONE = -1;

/** A word while it is merged: a chain of tokens, each at the place of its first id. */
class Word {
  private readonly tokens: Int32Array;
  private readonly previous: Int32Array;
  private readonly next: Int32Array;
  private readonly queue = new PairQueue();
  private readonly mergeOf: (left: number, right: number) => RankedMerge | undefined;
  private readonly vocabSize: number;

  constructor(ids: readonly number[], mergeOf: Word["mergeOf"], vocabSize: number) {
    this.mergeOf = mergeOf;
    this.vocabSize = vocabSize;
    this.tokens = Int32Array.from(ids);
    this.previous = Int32Array.from(ids, (_, i) => i - 1);
    this.next = Int32Array.from(ids, (_, i) => (i + 1 < ids.length ? i + 1 : NONE));
    for (let place = 0; place + 1 < ids.length; place++) this.propose(place);
  }

  merged(): number[] {
    for (let best = this.queue.pop(); best !== undefined; best = this.queue.pop()) {
      const place = Math.floor(best.key / this.vocabSize);
      // As in the original, an outdated proposal holds if the pair that stands there now makes the same token.
      if (this.mergeAt(place)?.id === best.key % this.vocabSize) this.join(place, best.key % this.vocabSize);
    }
    return Array.from(this.tokens.filter((token) => token !== NONE));
  }

  private mergeAt(place: number): RankedMerge | undefined {
    const next = this.next[place];
    if (next === NONE || this.tokens[place] === NONE) return undefined;
    return this.mergeOf(this.tokens[place], this.tokens[next]);
  }

  /** Queues the pair that begins at `place`, if it may merge. */
  private propose(place: number): void {
    const merge = this.mergeAt(place);
    if (merge !== undefined) this.queue.push({ key: place * this.vocabSize + merge.id, count: -merge.rank });
  }

  private join(place: number, id: number): void {
    const { tokens, previous, next } = this;
    const gone = next[place];
    tokens[place] = id;
    tokens[gone] = NONE;
    next[place] = next[gone];
    if (next[gone] !== NONE) previous[next[gone]] = place;
    if (previous[place] >= 0) this.propose(previous[place]);
    this.propose(place);
  }
}
