/**
 * The paper's approximate search (section 3.2): keys are dealt out to L strided buckets, and the best of each bucket are
 * the candidates. Expected recall on randomly placed neighbours is (L/K)(1 − (1 − 1/L)^K).
 */
import { kernels } from "../wasm/runtime.ts";
import { scratch } from "../wasm/scratch.ts";
import type { HeadSearch, KeySearch } from "./search.ts";

/** Buckets come in groups of the kernel's tile width. */
const BUCKET_MULTIPLE = 8;

/** L for `topk` neighbours at `perNeighbour` buckets each, rounded up to what the kernel takes. 4 each give 89 % recall. */
export function bucketsFor(topk: number, perNeighbour: number): number {
  return Math.ceil((topk * perNeighbour) / BUCKET_MULTIPLE) * BUCKET_MULTIPLE;
}

/** Share of the true top k that a search with L buckets finds, when those are placed at random. */
export function expectedRecall(topk: number, buckets: number): number {
  return (buckets / topk) * (1 - (1 - 1 / buckets) ** topk);
}

/** A search with `perNeighbour` buckets for each of the k neighbours. */
export function bucketedSearch(perNeighbour: number): KeySearch {
  return ({
    scores,
    slots,
    listStride,
    queries,
    queryStride,
    count,
    keys,
    width,
    begin,
    older,
    newer,
    topk,
  }: HeadSearch) => {
    const buckets = bucketsFor(topk, perNeighbour);
    const room = scratch(kernels.bucketed_scratch_bytes(count, width, buckets));
    const found = [scores, slots, listStride] as const;
    kernels.topk_bucketed(...found, queries, queryStride, count, keys, width, begin, older, newer, topk, buckets, room);
  };
}
