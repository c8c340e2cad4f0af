/** What a mechanism carries for each token of a context: [B, capacity, ...], in step with the context's own pairs. */
import type { Tensor } from "../autodiff/tensor.ts";
import { kernels } from "../wasm/runtime.ts";

/** Writes x [B, n, ...] to positions `from`, `from` + 1, … of `carried` [B, capacity, ...]. */
export function writeTokens(carried: Tensor, from: number, x: Tensor): void {
  const [rows, capacity] = carried.shape;
  const [token, bytes] = [(carried.size / rows / capacity) * 4, (x.size / rows) * 4];
  for (let row = 0; row < rows; row++) {
    kernels.move(carried.ptr + (row * capacity + from) * token, x.ptr + row * bytes, bytes);
  }
}

/** Moves all but the first `segment` positions to the front. */
export function rollTokens(carried: Tensor, segment: number): void {
  const [rows, capacity] = carried.shape;
  const token = (carried.size / rows / capacity) * 4;
  for (let row = 0; row < rows; row++) {
    const at = carried.ptr + row * capacity * token;
    kernels.move(at, at + segment * token, (capacity - segment) * token);
  }
}
