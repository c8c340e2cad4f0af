/**
 * T5's relative positions (Raffel et al. 2020): which of 32 buckets a distance between query and key falls into.
 *
 * Small distances have a bucket each, larger ones share logarithmically wider buckets, and from 128 on there is one. The
 * bias that belongs to a bucket is learned (see ops/attention.ts).
 */
import { heap } from "../wasm/runtime.ts";

export const POSITION_BUCKETS = 32;
const MOST_DISTANCE = 128;
const EXACT_BUCKETS = POSITION_BUCKETS / 2;

/** n < 16 → bucket n; else 16 + floor(ln(n/16) / ln(128/16) · 16), at most 31. */
export function positionBucket(distance: number): number {
  if (distance < EXACT_BUCKETS) return distance;
  const octaves = Math.log(distance / EXACT_BUCKETS) / Math.log(MOST_DISTANCE / EXACT_BUCKETS);
  return Math.min(POSITION_BUCKETS - 1, EXACT_BUCKETS + Math.floor(octaves * EXACT_BUCKETS));
}

let table = 0;
let tabulated = 0;

/** Address of the buckets of distances 0 to length − 1 (i32), computed once. If it cannot be had, the old table stays. */
export function positionBuckets(length: number): number {
  if (length > tabulated) {
    const longer = heap.allocate(length * 4);
    if (tabulated > 0) heap.release(table);
    table = longer;
    heap.i32(table, length).set(Int32Array.from({ length }, (_, distance) => positionBucket(distance)));
    tabulated = length;
  }
  return table;
}
