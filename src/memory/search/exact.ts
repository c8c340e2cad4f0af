/** Exact search: every query is compared with every stored key. The oracle of every approximate search. */
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import type { Ring } from "../ring.ts";
import { type KeyIndex, scanIndex, searchArguments, searchUnits } from "./key-index.ts";

/** Of equal scores the older key comes first. */
export function exactIndex(ring: Ring): KeyIndex {
  return scanIndex((job) => {
    const scratchBytes = kernels.topk_scratch_bytes(ring.width, job.topk);
    parallelWithScratch("topk_exact", searchUnits(ring, job), scratchBytes, ...searchArguments(ring, job));
  });
}
