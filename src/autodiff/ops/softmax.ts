/**
 * Softmax as an op of its own, for studying the engine; attention and the loss have theirs fused in.
 */
import { parallel } from "../../wasm/parallel.ts";
import { record } from "../tape.ts";
import { asRows, gradient, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

/**
 * y = e^x / Σ e^x over the last axis, with the row's largest x subtracted first. A row of −∞ only gives zeros.
 * Backward: dx = y · (dy − Σ y·dy).
 */
export function softmax(x: Tensor): Tensor {
  requireTensors({ x });
  const [rows, width] = asRows(x); // [..., C] → [N, C]
  const y = stepTensor(x.shape);
  parallel("softmax_forward", rows, y.ptr, x.ptr, width);
  return record("softmax", y, [x], (dy) => parallel("softmax_backward", rows, gradient(x), dy, y.ptr, width));
}
