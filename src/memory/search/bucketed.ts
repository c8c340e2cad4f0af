/**
 * The paper's approximate search (section 3.2): keys are dealt out to L strided buckets, and the best key of each bucket is
 * a candidate. Expected recall on randomly placed neighbours is (L/K)(1 − (1 − 1/L)^K).
 */
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import type { Ring } from "../ring.ts";
import { type KeyIndex, scanIndex, searchArguments, searchUnits } from "./exact.ts";

/** Buckets come in groups of the kernel's tile width. */
const BUCKET_MULTIPLE = 8;

/** L for `topk` neighbours with `perNeighbour` buckets each, rounded up to whole tiles. 4 each give 89 % recall. */
export function bucketsFor(topk: number, perNeighbour: number): number {
  return Math.ceil((topk * perNeighbour) / BUCKET_MULTIPLE) * BUCKET_MULTIPLE;
}

/** Share of the true top k that a search with L buckets finds, if the top k are placed at random. */
export function expectedRecall(topk: number, buckets: number): number {
  return (buckets / topk) * (1 - (1 - 1 / buckets) ** topk);
}

/** An index with `perNeighbour` buckets for each of the k neighbours. */
export function bucketedIndex(ring: Ring, perNeighbour: number): KeyIndex {
  return scanIndex((job) => {
    const buckets = bucketsFor(job.topk, perNeighbour);
    const scratchBytes = kernels.bucketed_scratch_bytes(ring.width, buckets, job.topk);
    const search = searchArguments(ring, job);
    parallelWithScratch("topk_bucketed", searchUnits(ring, job), scratchBytes, ...search, buckets);
  });
}
