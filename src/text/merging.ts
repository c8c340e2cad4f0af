/**
 * Byte pair encoding proper: which neighbouring tokens of a word become one, and in which order (Sennrich, Haddow, Birch
 * 2016). Of all pairs that may merge, the one of the lowest rank goes first, and of equal ranks the leftmost.
 */
import { NumberHeap } from "./number-heap.ts";

/** Two ids that may become one. */
export interface RankedMerge {
  readonly left: number;
  readonly right: number;
  /** The token that they become. */
  readonly id: number;
  /** A whole number; lower ranks merge first. */
  readonly rank: number;
}

export class Merges {
  private readonly vocabSize: number;
  private readonly byPair = new Map<number, RankedMerge>();
  private readonly byRank = new Map<number, RankedMerge>();

  /** A pair that is listed twice has the rank of the last. */
  constructor(vocabSize: number, merges: Iterable<RankedMerge>) {
    this.vocabSize = vocabSize;
    for (const merge of merges) {
      this.byPair.set(merge.left * vocabSize + merge.right, merge);
      this.byRank.set(merge.rank, merge);
    }
  }

  /** The tokens of a word after all merges. Takes n log n steps for n ids. */
  apply(ids: readonly number[]): readonly number[] {
    return ids.length < 2 ? ids : new Word(ids, this).merged();
  }

  of(left: number, right: number): RankedMerge | undefined {
    return this.byPair.get(left * this.vocabSize + right);
  }

  /**
   * Whether a proposal of this rank holds for the pair that stands at its place by now. As in the original, it does if the
   * pair is another one that makes the same token.
   */
  holds(rank: number, now: RankedMerge): boolean {
    return now.rank === rank || now.id === this.byRank.get(rank)?.id;
  }
}

/** There is no token at this place any more, or none follows. */
const NONE = -1;

/** A word while it is merged: a chain of tokens, each at the place of its first id. */
class Word {
  private readonly merges: Merges;
  private readonly tokens: Int32Array;
  private readonly previous: Int32Array;
  private readonly next: Int32Array;
  /** Proposed merges, as rank · length + place: the lowest rank first, then the leftmost. */
  private readonly proposals = new NumberHeap();

  constructor(ids: readonly number[], merges: Merges) {
    this.merges = merges;
    this.tokens = Int32Array.from(ids);
    this.previous = this.tokens.map((_, i) => i - 1);
    this.next = this.tokens.map((_, i) => (i + 1 < ids.length ? i + 1 : NONE));
    for (let place = 0; place + 1 < ids.length; place++) this.propose(place);
  }

  merged(): number[] {
    const { length } = this.tokens;
    for (let best = this.proposals.pop(); best !== undefined; best = this.proposals.pop()) {
      const place = best % length;
      const now = this.mergeAt(place);
      if (now !== undefined && this.merges.holds((best - place) / length, now)) this.join(place, now.id);
    }
    return Array.from(this.tokens.filter((token) => token !== NONE));
  }

  private mergeAt(place: number): RankedMerge | undefined {
    const next = this.next[place];
    if (next === NONE || this.tokens[place] === NONE) return undefined;
    return this.merges.of(this.tokens[place], this.tokens[next]);
  }

  /** Proposes to merge the pair that begins at `place`, if it may. */
  private propose(place: number): void {
    const merge = this.mergeAt(place);
    if (merge !== undefined) this.proposals.push(merge.rank * this.tokens.length + place);
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
