/**
 * What every way of searching a memory has in common: one job for all rows and heads, as the kernels take it.
 *
 * exact.ts is the oracle; the others trade recall or proofs for speed behind the same type.
 */
import { stepIntegers, type Tensor } from "../autodiff/tensor.ts";
import { kernels } from "../wasm/runtime.ts";
import type { Ring } from "./ring.ts";

/** A whole lookup. Addresses in bytes. */
export interface SearchJob {
  /** Where the lists go: scores (floats) and slots (i32), [B, T, H, K] each. */
  readonly scores: number;
  readonly slots: number;
  /** q̂, [B, T, H·D]. */
  readonly queries: Tensor;
  readonly topk: number;
}

/** Fills each list with the `topk` best keys of its row and head in falling order, as many as there are. */
export type KeySearch = (ring: Ring, job: SearchJob) => void;

/** The arguments that all search kernels begin with. */
export function searchArguments(ring: Ring, { scores, slots, queries, topk }: SearchJob) {
  const { rows, heads, width, capacity, keys } = ring;
  const spans = Array.from({ length: rows }, (_, row) => ring.span(row)); // [B, 3]
  const spansAddress = stepIntegers(spans.flatMap(({ begin, older, newer }) => [begin, older, newer]));
  const segment = queries.shape[1];
  return [scores, slots, queries.ptr, keys, spansAddress, segment, heads, width, capacity, topk] as const;
}

/** Units of work that search kernels share out among threads. */
export function searchUnits({ rows, heads }: Ring, { queries }: SearchJob): number {
  return kernels.topk_units(rows, queries.shape[1], heads);
}
