/**
 * Exact search, the simplest index over a ring's keys, and the interface that all searches of a memory share with it.
 *
 * It compares every query with every stored key, and is the oracle of the others. They gain speed for less recall, for more bytes or
 * by proven bounds.
 */
import { stepIntegers, type Tensor } from "../../autodiff/tensor.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import type { Ring } from "../ring.ts";

/** A complete lookup. */
export interface SearchJob {
  /** Receive the results: scores (floats) and slots (i32), [B, T, H, K] each. */
  readonly scores: Address;
  readonly slots: Address;
  /** As they are looked up, of any length, [B, T, H·D]. */
  readonly queries: Tensor;
  readonly topk: number;
  /** The number of newest pairs that each row may look up, [B]; default: all. */
  readonly reach?: ArrayLike<number>;
  /** How many of those, the newest, each row passes over, [B]; default: none. */
  readonly skipped?: ArrayLike<number>;
  /**
   * Scores [B, T, H, K]: only keys that reach the last of a query's K are wanted, and a list may end in scores of −∞. An index is free to
   * find others too. Default: all are wanted.
   */
  readonly floors?: Address;
}

/** Counts of the queries searched, and of those that fell back to a scan in f32. */
export interface FallbackCount {
  /** Queries that were searched. */
  queries: number;
  /** Queries that fell back. */
  fallbacks: number;
}

/** An index over the keys of one ring. It follows every change of the ring, and may keep its own data about the keys. */
export interface KeyIndex {
  /** Bytes of the heap that it takes in addition to the ring. */
  readonly bytes: number;
  /** Queries that its bounds could not decide, so that all keys were searched in f32. Only quantised search has bounds. */
  readonly fallbackCount?: FallbackCount;
  /** Fills each list with the `topk` best keys of its row and head, best first, or with all keys if there are fewer. */
  search(job: SearchJob): void;
  /** Follows the ring after it took `count` new pairs of `row`; the oldest may have fallen out. */
  appended(row: number, count: number): void;
  /** Follows the ring after it forgot all pairs of `row`. */
  reset(row: number): void;
  release(): void;
}

/** Returns an index without data of its own: it scans the ring's keys each time. */
export function scanIndex(search: (job: SearchJob) => void): KeyIndex {
  return { bytes: 0, search, appended() {}, reset() {}, release() {} };
}

/** Copies the spans of all rows, within `reach` and without `skipped`, to the step: i32 [B, 3] of begin, older, newer. */
export function stepSpans(ring: Ring, { reach, skipped }: Pick<SearchJob, "reach" | "skipped">): Address {
  const spans = Array.from({ length: ring.rows }, (_, row) => ring.span(row, reach?.[row], skipped?.[row]));
  return stepIntegers(spans.flatMap(({ begin, older, newer }) => [begin, older, newer]));
}

/** The first arguments of every kernel that scans the ring. */
export function searchArguments(ring: Ring, job: SearchJob) {
  const { scores, slots, queries, topk } = job;
  const { heads, width, capacity, float16, keys } = ring;
  const segment = queries.shape[1];
  const spans = stepSpans(ring, job);
  return [scores, slots, queries.ptr, keys, spans, segment, heads, width, capacity, float16, topk] as const;
}

/** The units of work that a search divides among the threads. */
export function searchUnits({ rows, heads }: Ring, { queries }: SearchJob): number {
  return kernels.topk_units(rows, queries.shape[1], heads);
}

/** Returns an index that searches exactly. Among equal scores the older key comes first. */
export function exactIndex(ring: Ring): KeyIndex {
  return scanIndex((job) => {
    const scratchBytes = kernels.topk_scratch_bytes(ring.width, job.topk);
    parallelWithScratch("topk_exact", searchUnits(ring, job), scratchBytes, ...searchArguments(ring, job));
  });
}
