/**
 * The observer behind inspect.ts: records what the memory layers retrieve while a document is read. It turns the reused slots
 * of a ring into places in the document.
 */
import type { SourceTable } from "../memory/source-table.ts";
import type { SourceLog } from "../memory/sources.ts";
import type { ReadingState } from "../nn/language-model.ts";
import type { SegmentInput } from "../nn/segment.ts";
import type { Retrieval } from "../nn/self-attention.ts";
import { heap } from "../wasm/runtime.ts";
import { RetrievedPairs } from "./retrieved-pairs.ts";

/** A head that has a memory. */
export interface MemoryHead {
  /** Number of the layer, from 0. */
  readonly layer: number;
  /** Number of the head, from 0. */
  readonly head: number;
}

/** A head: its number in its layer, and among all that are watched. */
interface Place {
  readonly head: number;
  readonly number: number;
}

/** Records the numbers that `Inspection` describes. */
export class RetrievalWatch {
  readonly heads: readonly MemoryHead[];
  readonly gates: Float32Array; // [n, heads]
  readonly retrieved: RetrievedPairs;
  readonly received: Float64Array; // [earlier + n]
  readonly earlier: SourceTable;
  private readonly log: SourceLog;
  /** For each layer, by the order of its retrievals, the heads' numbers in the layer and in `heads`. */
  private readonly orders: ReadonlyMap<number, readonly Place[]>;
  /** Pairs that a head remembered before the document, and all pairs ever appended before it. */
  private readonly remembered: number;
  private readonly before: number;

  /** `state` has one row with sources and will read a document of n tokens next. See `RetrievedPairs` for `top`. */
  constructor(state: ReadingState, n: number, top: number) {
    const { memories, sources } = state;
    const [memory] = memories.values();
    this.log = sources[0];
    const retrieving = [...memories.keys()].map((layer) => ({ layer, order: state.retrievingHeads(layer) }));
    this.heads = retrieving.flatMap(({ layer, order }) =>
      order.toSorted((a, b) => a - b).map((head) => ({ layer, head })),
    );
    const number = new Map(this.heads.map(({ layer, head }, i) => [`${layer}.${head}`, i]));
    const placesOf = (layer: number, order: readonly number[]) =>
      order.map((head) => ({ head, number: number.get(`${layer}.${head}`)! }));
    this.orders = new Map(retrieving.map(({ layer, order }) => [layer, placesOf(layer, order)]));
    this.remembered = memory.length(0);
    this.before = memory.appended(0);
    this.earlier = this.log.copyOut(this.remembered);
    this.gates = new Float32Array(n * this.heads.length);
    this.retrieved = new RetrievedPairs(n, top);
    this.received = new Float64Array(this.remembered + n);
  }

  /** Returns the observer of a forward pass whose first input is token `begin`. */
  segmentFrom(begin: number): SegmentInput["observe"] {
    return (layer, retrieval) => this.note(begin + 1, layer, retrieval);
  }

  private note(firstPredicted: number, layer: number, { neighbours, weights, gates }: Retrieval): void {
    const { topk, counts } = neighbours;
    const views = {
      weights: heap.f32(weights.ptr, weights.size), // [T, H, K]
      scores: heap.f32(neighbours.scores.ptr, weights.size),
      slots: heap.i32(neighbours.slots, weights.size),
      gates: heap.f32(gates.ptr, gates.size), // [T, H]
    };
    const order = this.orders.get(layer) as readonly Place[];
    const headsPerToken = gates.shape[2];
    for (let query = 0; query < weights.size / topk; query++) {
      const token = Math.floor(query / order.length);
      const { head, number } = order[query % order.length];
      const gate = views.gates[token * headsPerToken + head];
      this.gates[(firstPredicted + token) * this.heads.length + number] = gate;
      for (let at = query * topk; at < query * topk + counts[0]; at++) {
        this.add(firstPredicted + token, number, views.slots[at], views.scores[at], views.weights[at], gate);
      }
    }
  }

  private add(predicted: number, head: number, slot: number, score: number, weight: number, gate: number): void {
    const token = this.tokenIn(slot);
    this.received[this.remembered + token] += weight;
    this.retrieved.add(predicted, { head, token, score, weight, share: weight * gate });
  }

  /** The token whose pair is in `slot`, counted from the beginning of the document; below 0 if it was read earlier. */
  private tokenIn(slot: number): number {
    const later = this.log.serial(slot) - this.before;
    return later < 0 ? later : this.log.index(slot); // not all tokens of a document become pairs
  }
}
