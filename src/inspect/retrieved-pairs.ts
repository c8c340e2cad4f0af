/**
 * For each token of a document, the few retrieved pairs with the largest share in its prediction. They are kept in columns,
 * because a document of 262,144 tokens has tens of millions of lookups. retrieval-watch.ts fills in the numbers.
 */

/** One pair that one head retrieved. */
export interface RetrievedPair {
  /** Number of the head among those with a memory. */
  readonly head: number;
  /** The pair's token, counted from the beginning of the document; below 0 if it was read earlier. */
  readonly token: number;
  /** q·k; from −1 to 1 in a model that normalises both, as ours does. */
  readonly score: number;
  /** Its part of the softmax over the head's retrieved pairs, 0 to 1. */
  readonly weight: number;
  /** Its part of the head's result: weight times gate. */
  readonly share: number;
}

/** For each token of an inspection, the retrieved pairs with the largest shares. */
export class RetrievedPairs {
  /** Pairs kept for each token. */
  readonly top: number;
  private readonly counts: Uint16Array; // [n]
  private readonly heads: Uint16Array; // [n, top], and so are the others
  private readonly tokens: Int32Array;
  private readonly scores: Float32Array;
  private readonly weights: Float32Array;
  private readonly shares: Float32Array;

  /** Makes room for `top` pairs of each of n tokens. */
  constructor(n: number, top: number) {
    this.top = top;
    this.counts = new Uint16Array(n);
    this.heads = new Uint16Array(n * top);
    this.tokens = new Int32Array(n * top);
    this.scores = new Float32Array(n * top);
    this.weights = new Float32Array(n * top);
    this.shares = new Float32Array(n * top);
  }

  /** Keeps `pair` if its share is among the `top` largest of token `of`. Among equal shares the first stays ahead. */
  add(of: number, { head, token, score, weight, share }: RetrievedPair): void {
    const begin = of * this.top;
    let place = begin + this.counts[of];
    while (place > begin && this.shares[place - 1] < share) place--;
    if (place === begin + this.top) return;
    if (this.counts[of] < this.top) this.counts[of]++;
    const end = begin + this.counts[of];
    for (const column of [this.heads, this.tokens, this.scores, this.weights, this.shares]) {
      column.copyWithin(place + 1, place, end - 1);
    }
    this.heads[place] = head;
    this.tokens[place] = token;
    this.scores[place] = score;
    this.weights[place] = weight;
    this.shares[place] = share;
  }

  /** The pairs kept for token `of`, largest share first. */
  list(of: number): RetrievedPair[] {
    return Array.from({ length: this.counts[of] }, (_, rank) => this.at(of * this.top + rank));
  }

  /** The pair with the largest share of all that token `of` retrieved; undefined if it retrieved none. */
  best(of: number): RetrievedPair | undefined {
    return this.counts[of] === 0 ? undefined : this.at(of * this.top);
  }

  /** The pair at a place of the columns. */
  private at(place: number): RetrievedPair {
    return {
      head: this.heads[place],
      token: this.tokens[place],
      score: this.scores[place],
      weight: this.weights[place],
      share: this.shares[place],
    };
  }
}
