/** Exact search: every query is compared with every stored key. The oracle of every approximate search. */
import { kernels } from "../wasm/runtime.ts";
import { scratch } from "../wasm/scratch.ts";
import type { HeadSearch } from "./search.ts";

/** Of equal scores the older key comes first. */
export function searchExact(job: HeadSearch): void {
  const { scores, slots, listStride, queries, queryStride, count, keys, width, begin, older, newer, topk } = job;
  const room = scratch(kernels.topk_scratch_bytes(count, width));
  const found = [scores, slots, listStride] as const;
  kernels.topk_exact(...found, queries, queryStride, count, keys, width, begin, older, newer, topk, room);
}
