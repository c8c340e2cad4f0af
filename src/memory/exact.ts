/**
 * Exact search: every query is compared with every stored key of its row and head. The oracle of every approximate search.
 */
import type { Tensor } from "../autodiff/tensor.ts";
import { kernels } from "../wasm/runtime.ts";
import { scratch } from "../wasm/scratch.ts";
import type { Ring } from "./ring.ts";

/** Fills scores (floats) and slots (i32), both addresses of [B, T, H, K], for queries [B, T, H·D]. */
export function searchExact(ring: Ring, queries: Tensor, topk: number, scores: number, slots: number): void {
  const { rows, heads, width, capacity } = ring;
  const segment = queries.shape[1];
  for (let row = 0; row < rows; row++) {
    const { begin, older, newer } = ring.span(row);
    for (let head = 0; head < heads; head++) {
      const query = row * segment * heads + head; // of [B, T, H]
      const keys = ring.keys + (row * heads + head) * capacity * width * 4;
      kernels.topk_exact(
        scores + query * topk * 4,
        slots + query * topk * 4,
        heads * topk,
        queries.ptr + query * width * 4,
        heads * width,
        segment,
        keys,
        width,
        begin,
        older,
        newer,
        topk,
        scratch(kernels.topk_scratch_bytes(segment, width)),
      );
    }
  }
}
