/**
 * The recall of a memory search on a model's own queries and keys: the share of the exact nearest neighbours that it finds. For
 * quantised search, which always finds them, the share of queries that fell back to a scan in f32. The meter observes forward
 * passes and repeats each lookup exactly. The model's results do not change.
 */
import type { Neighbours } from "../autodiff/ops/retrieved.ts";
import type { KvMemory } from "../memory/memory.ts";
import type { ReadingState } from "../nn/language-model.ts";
import type { SegmentInput } from "../nn/segment.ts";
import { heap } from "../wasm/runtime.ts";

/** The recall of one memory layer, over all its heads. Queries of an empty memory do not count. */
export interface LayerRecall {
  /** Number of the layer, from 0. */
  readonly layer: number;
  /** Queries that were compared. */
  readonly queries: number;
  /** Neighbours found that are among the K nearest ÷ all of those, over all queries; 1 if there are none. */
  readonly recall: number;
  /** The share of queries that fell back. Only quantised search has it. */
  readonly fallbacks?: number;
}

/** Sums over the queries of one layer. */
export interface Tally {
  queries: number;
  neighbours: number;
  found: number;
  /** Queries as `KvMemory.fallbackCount` counts them, including padding. */
  searched: number;
  fallbacks: number;
}

export class RecallMeter {
  private readonly tallies = new Map<number, Tally>();

  /** Returns the observer for a forward pass of `state`. Only the first lengths[b] tokens of row b count. */
  watch(state: ReadingState, lengths: ArrayLike<number>): SegmentInput["observe"] {
    const before = new Map([...state.memories].map(([layer, { fallbackCount }]) => [layer, { ...fallbackCount }]));
    return (layer, { queries, neighbours }) => {
      const memory = state.memories.get(layer) as KvMemory;
      const tally = this.tallyOf(layer);
      const { queries: searched = 0, fallbacks = 0 } = before.get(layer) ?? {};
      tally.searched += (memory.fallbackCount?.queries ?? 0) - searched;
      tally.fallbacks += (memory.fallbackCount?.fallbacks ?? 0) - fallbacks;
      compare(tally, neighbours, memory.lookupExactly(queries, neighbours.topk), lengths);
    };
  }

  /** All sums, by layer. */
  sums(): (readonly [layer: number, tally: Tally])[] {
    return [...this.tallies];
  }

  /** Adds the sums of other passes. */
  add(others: readonly (readonly [layer: number, tally: Tally])[]): void {
    for (const [layer, other] of others) {
      const tally = this.tallyOf(layer);
      for (const key of ["queries", "neighbours", "found", "searched", "fallbacks"] as const) tally[key] += other[key];
    }
  }

  results(): LayerRecall[] {
    return [...this.tallies].map(([layer, { queries, neighbours, found, searched, fallbacks }]) => {
      const recall = neighbours > 0 ? found / neighbours : 1;
      return { layer, queries, recall, ...(searched > 0 && { fallbacks: fallbacks / searched }) };
    });
  }

  private tallyOf(layer: number): Tally {
    const tally = this.tallies.get(layer) ?? { queries: 0, neighbours: 0, found: 0, searched: 0, fallbacks: 0 };
    this.tallies.set(layer, tally);
    return tally;
  }
}

/** Counts the `exact` neighbours that were found, leaving out the padding. */
function compare(tally: Tally, found: Neighbours, exact: Neighbours, lengths: ArrayLike<number>): void {
  const [, segment, heads, topk] = found.scores.shape;
  const [some, wanted] = [found, exact].map(({ slots, scores }) => heap.i32(slots, scores.size)); // [B, T, H, K]
  for (const [row, count] of exact.counts.entries()) {
    if (count === 0) continue;
    for (let query = 0; query < lengths[row] * heads; query++) {
      const at = (row * segment * heads + query) * topk;
      const nearest = new Set(wanted.subarray(at, at + count));
      for (const slot of some.subarray(at, at + count)) if (nearest.has(slot)) tally.found++;
      tally.neighbours += count;
      tally.queries++;
    }
  }
}
