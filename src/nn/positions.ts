/**
 * T5's relative positions (Raffel et al. 2020): the bucket, of 32, of a distance between query and key.
 *
 * Small distances have one bucket each, larger ones share logarithmically wider buckets, and distances from 128 on share one. The
 * bias of a bucket is learned (see ops/attention.ts).
 */
import type { Address } from "../wasm/heap.ts";
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

let table: Address = 0;
let tabulated = 0;

/** Returns the address of the buckets of distances 0 to length − 1 (i32), computed once. On OutOfMemoryError the old table stays. */
export function positionBuckets(length: number): Address {
  if (length > tabulated) {
    const longer = heap.allocate(length * 4);
    if (tabulated > 0) heap.release(table);
    table = longer;
    heap.i32(table, length).set(Int32Array.from({ length }, (_, distance) => positionBucket(distance)));
    tabulated = length;
  }
  return table;
}
