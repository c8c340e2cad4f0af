/**
 * The observer behind inspect.ts: records what the memory layers retrieve while a document is read. It turns the reused slots
 * of a ring into places in the document.
 */
import type { SourceTable } from "../memory/source-table.ts";
import type { SourceLog } from "../memory/sources.ts";
import type { ReadingState } from "../nn/language-model.ts";
import type { SegmentInput } from "../nn/segment.ts";
import type { Retrieval } from "../nn/self-attention.ts";
import { lookups } from "./lookups.ts";
import { RetrievedPairs } from "./retrieved-pairs.ts";

/** A head that has a memory. */
export interface MemoryHead {
  /** Number of the layer, from 0. */
  readonly layer: number;
  /** Number of the head, from 0. */
  readonly head: number;
}

/** Everything that the memory layers retrieved while n tokens were read. */
export interface Retrievals {
  /** All heads that have a memory, layer by layer. */
  readonly heads: readonly MemoryHead[];
  /** The share of the memory in each head's result, [n, heads]; 0 while the memory is empty. */
  readonly gates: Float32Array;
  /** The pairs retrieved for the prediction of each token. */
  readonly retrieved: RetrievedPairs;
  /** The sources of the pairs remembered before the document, oldest first. */
  readonly earlier: SourceTable;
  /**
   * For each remembered pair, the sum of its weights over all predictions and heads: first the earlier pairs, then those of
   * the document's tokens.
   */
  readonly received: Float64Array;
}

/** The heads of a layer in the order of its retrievals: their numbers in the layer, and among all that are watched. */
interface Order {
  readonly heads: readonly number[];
  readonly numbers: readonly number[];
}

/** Records what is retrieved. */
export class RetrievalWatch implements Retrievals {
  readonly heads: readonly MemoryHead[];
  readonly gates: Float32Array;
  readonly retrieved: RetrievedPairs;
  readonly received: Float64Array;
  readonly earlier: SourceTable;
  private readonly log: SourceLog;
  private readonly orders: ReadonlyMap<number, Order>;
  /** Pairs that a head remembered before the document, and all pairs ever appended before it. */
  private readonly remembered: number;
  private readonly before: number;

  /** `state` has one row with sources and will read a document of n tokens next. See `RetrievedPairs` for `top`. */
  constructor(state: ReadingState, n: number, top: number) {
    const { memories, sources, served } = state;
    const [memory] = memories.values();
    this.log = sources[0];
    const retrieving = [...memories.keys()].map((layer) => ({ layer, order: state.retrievingHeads(layer) }));
    this.heads = retrieving.flatMap(({ layer, order }) =>
      order.toSorted((a, b) => a - b).map((head) => ({ layer, head })),
    );
    const number = new Map(this.heads.map(({ layer, head }, i) => [`${layer}.${head}`, i]));
    const orderOf = (layer: number, heads: readonly number[]) => ({
      heads,
      numbers: heads.map((head) => number.get(`${layer}.${head}`)!),
    });
    this.orders = new Map(retrieving.map(({ layer, order }) => [layer, orderOf(layer, order)]));
    this.remembered = served?.length ?? memory.length(0);
    this.before = memory.appended(0);
    this.earlier = served?.sources() ?? this.log.copyOut(this.remembered);
    this.gates = new Float32Array(n * this.heads.length);
    this.retrieved = new RetrievedPairs(n, top);
    this.received = new Float64Array(this.remembered + n);
  }

  /** Returns the observer of a forward pass whose first input is token `begin`. */
  segmentFrom(begin: number): SegmentInput["observe"] {
    return (layer, retrieval) => this.note(begin + 1, layer, retrieval);
  }

  private note(firstPredicted: number, layer: number, retrieval: Retrieval): void {
    const { heads, numbers } = this.orders.get(layer) as Order;
    for (const { token, place, gate, pairs } of lookups(retrieval, heads)) {
      const predicted = firstPredicted + token;
      const head = numbers[place];
      this.gates[predicted * this.heads.length + head] = gate;
      for (const { slot, score, weight } of pairs) {
        const of = this.tokenIn(slot);
        this.received[this.remembered + of] += weight;
        this.retrieved.add(predicted, { head, token: of, score, weight, share: weight * gate });
      }
    }
  }

  /** The token whose pair is in `slot`, counted from the beginning of the document; below 0 if it was read earlier. */
  private tokenIn(slot: number): number {
    if (slot < 0) return slot; // others serve it
    const later = this.log.serial(slot) - this.before;
    return later < 0 ? later : this.log.index(slot); // not all tokens of a document become pairs
  }
}
