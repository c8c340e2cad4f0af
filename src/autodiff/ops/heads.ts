/** Heads of a tensor in another order. A model whose query heads share key heads turns them into queries of one head. */
import { parallel } from "../../wasm/parallel.ts";
import { record } from "../tape.ts";
import { gradient, sizeOf, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";

/** Heads in a tensor [..., heads · width], taken in `order`: [n] numbers of heads, −1 for a head that is `missing` throughout. */
export interface HeadOrder {
  readonly width: number;
  readonly heads: number;
  readonly order: Int32Array;
  /** Default: 0. */
  readonly missing?: number;
}

/**
 * y = the heads of x [..., heads · width] in `order`. `shape` is [..., n · width], or another of that size, such as heads taken for tokens.
 * Backward: dx of a head is the sum over its copies.
 */
export function selectHeads(
  x: Tensor,
  { width, heads, order, missing = 0 }: HeadOrder,
  shape: readonly number[],
): Tensor {
  const tokens = x.size / (heads * width);
  if (!Number.isInteger(tokens) || sizeOf(shape) !== tokens * order.length * width) {
    throw new Error(`selectHeads: ${order.length} of ${heads} heads of [${x.shape}] do not fill [${shape}]`);
  }
  const y = stepTensor(shape);
  const at = stepIntegers(order);
  const sizes = [heads, order.length, width] as const;
  parallel("select_heads", tokens, y.ptr, x.ptr, at, ...sizes, missing);
  return record("selectHeads", y, [x], (dy) => {
    parallel("select_heads_backward", tokens, gradient(x), dy, at, ...sizes);
  });
}
