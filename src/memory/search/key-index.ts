/**
 * What every way of searching a memory has in common: an index over a ring's keys, and a lookup as the kernels take it.
 *
 * exact.ts is the oracle; the others trade recall, bytes or proofs for speed behind the same interface.
 */
import { stepIntegers, type Tensor } from "../../autodiff/tensor.ts";
import { kernels } from "../../wasm/runtime.ts";
import type { Ring } from "../ring.ts";

/** A whole lookup. Addresses in bytes. */
export interface SearchJob {
  /** Where the lists go: scores (floats) and slots (i32), [B, T, H, K] each. */
  readonly scores: number;
  readonly slots: number;
  /** q̂, [B, T, H·D]. */
  readonly queries: Tensor;
  readonly topk: number;
  /** How many of its newest pairs each row may look up, [B]; all by default. */
  readonly reach?: ArrayLike<number>;
}

/** Queries that were searched, and those of them that fell back to a scan in f32. */
export interface FallbackCount {
  /** Queries that were searched. */
  queries: number;
  /** Those of them that fell back. */
  fallbacks: number;
}

/** How the keys of one ring are found. It follows what happens to the ring, and may keep data of its own about the keys. */
export interface KeyIndex {
  /** Bytes of WebAssembly memory that it takes beside the ring. */
  readonly bytes: number;
  /** How often its bounds could not decide and all keys were searched in f32; only where there are bounds. */
  readonly fallbackCount?: FallbackCount;
  /** Fills each list with the `topk` best keys of its row and head in falling order, as many as there are. */
  search(job: SearchJob): void;
  /** The ring has just taken the `count` newest pairs of `row`; the oldest may have fallen out. */
  appended(row: number, count: number): void;
  /** The ring has just forgotten all pairs of `row`. */
  reset(row: number): void;
  release(): void;
}

/** An index that keeps nothing of its own: it looks at the ring's keys each time. */
export function scanIndex(search: (job: SearchJob) => void): KeyIndex {
  return { bytes: 0, search, appended() {}, reset() {}, release() {} };
}

/** Address of the spans of all rows, within `reach`, i32 [B, 3]: begin, older, newer. */
export function stepSpans(ring: Ring, reach?: ArrayLike<number>): number {
  const spans = Array.from({ length: ring.rows }, (_, row) => ring.span(row, reach?.[row]));
  return stepIntegers(spans.flatMap(({ begin, older, newer }) => [begin, older, newer]));
}

/** The arguments that all kernels which scan the ring begin with. */
export function searchArguments(ring: Ring, { scores, slots, queries, topk, reach }: SearchJob) {
  const { heads, width, capacity, half, keys } = ring;
  const segment = queries.shape[1];
  const spans = stepSpans(ring, reach);
  return [scores, slots, queries.ptr, keys, spans, segment, heads, width, capacity, half, topk] as const;
}

/** Units of work that search kernels share out among threads. */
export function searchUnits({ rows, heads }: Ring, { queries }: SearchJob): number {
  return kernels.topk_units(rows, queries.shape[1], heads);
}
