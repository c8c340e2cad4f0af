/** Exact search: compares every query with every stored key. It is the oracle of the approximate searches. */
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import type { Ring } from "../ring.ts";
import { type KeyIndex, scanIndex, searchArguments, searchUnits } from "./key-index.ts";

/** Returns an index that searches exactly. Among equal scores the older key comes first. */
export function exactIndex(ring: Ring): KeyIndex {
  return scanIndex((job) => {
    const scratchBytes = kernels.topk_scratch_bytes(ring.width, job.topk);
    parallelWithScratch("topk_exact", searchUnits(ring, job), scratchBytes, ...searchArguments(ring, job));
  });
}
