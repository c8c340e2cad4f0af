/**
 * T5's relative positions (Raffel et al. 2020): the bucket, of 32, of a distance between query and key.
 *
 * Small distances have one bucket each, larger ones share logarithmically wider buckets, and distances from 128 on share one. The
 * bias of a bucket is learned (see ops/attention.ts).
 */
import { FAR } from "../autodiff/ops/attention.ts";
import type { Address } from "../wasm/heap.ts";
import { heap } from "../wasm/runtime.ts";

export const POSITION_BUCKETS = 32;
const EXACT_BUCKETS = POSITION_BUCKETS / 2;

/** n < 16 → bucket n; else 16 + floor(ln(n/16) / ln(128/16) · 16), at most 31. */
export function positionBucket(distance: number): number {
  if (distance < EXACT_BUCKETS) return distance;
  const octaves = Math.log(distance / EXACT_BUCKETS) / Math.log(FAR / EXACT_BUCKETS);
  return Math.min(POSITION_BUCKETS - 1, EXACT_BUCKETS + Math.floor(octaves * EXACT_BUCKETS));
}

let table: Address = 0;
let tabulated = 0;

/** Returns the address of the buckets of distances 0 to length − 1 and at least to FAR (i32), computed once. On OutOfMemoryError the old table stays. */
export function positionBuckets(length: number): Address {
  const needed = Math.max(length, FAR + 1);
  if (needed > tabulated) {
    const longer = heap.allocate(needed * 4);
    if (tabulated > 0) heap.release(table);
    table = longer;
    heap.i32(table, needed).set(Int32Array.from({ length: needed }, (_, distance) => positionBucket(distance)));
    tabulated = needed;
  }
  return table;
}
