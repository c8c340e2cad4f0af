/**
 * What every way of searching a memory has in common: the job of one row and head, as the kernels take it.
 *
 * exact.ts is the oracle; the others trade recall or exactness proofs for speed behind the same type.
 */
import type { Tensor } from "../autodiff/tensor.ts";
import type { Ring } from "./ring.ts";

/** All queries of one row and head against that head's keys. Addresses in bytes, strides in floats. */
export interface HeadSearch {
  /** Where the first query's list goes: scores (floats) and slots (i32), `listStride` apart from query to query. */
  readonly scores: number;
  readonly slots: number;
  readonly listStride: number;
  readonly queries: number;
  readonly queryStride: number;
  readonly count: number;
  /** The head's ring, [capacity, width]; its visible slots are [begin, begin + older), then, newer, [0, newer). */
  readonly keys: number;
  readonly width: number;
  readonly begin: number;
  readonly older: number;
  readonly newer: number;
  readonly topk: number;
}

/** Fills the lists of one head with its `topk` best keys in falling order, as many as there are. */
export type KeySearch = (job: HeadSearch) => void;

/** Runs `search` for every row and head: queries [B, T, H·D] → scores and slots [B, T, H, K], given as addresses. */
export function searchHeads(
  ring: Ring,
  queries: Tensor,
  topk: number,
  scores: number,
  slots: number,
  search: KeySearch,
): void {
  const { rows, heads, width, capacity } = ring;
  const count = queries.shape[1];
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < heads; head++) {
      const first = row * count * heads + head; // of [B, T, H]
      search({
        scores: scores + first * topk * 4,
        slots: slots + first * topk * 4,
        listStride: heads * topk,
        queries: queries.ptr + first * width * 4,
        queryStride: heads * width,
        count,
        keys: ring.keys + (row * heads + head) * capacity * width * 4,
        width,
        ...ring.span(row),
        topk,
      });
    }
  }
}
