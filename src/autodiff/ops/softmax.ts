/**
 * Softmax by itself, for whoever studies the engine; attention and the loss have theirs fused in.
 */
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { asRows, gradient, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

/**
 * y = e^x / Σ e^x over the last axis, with the row's largest x subtracted first. A row of nothing but −∞ gives zeros.
 * Backward: dx = y · (dy − Σ y·dy).
 */
export function softmax(x: Tensor): Tensor {
  requireTensors({ x });
  const [rows, width] = asRows(x); // [..., C] → [N, C]
  const y = stepTensor(x.shape);
  kernels.softmax_forward(y.ptr, x.ptr, rows, width);
  return record("softmax", y, [x], (dy) => kernels.softmax_backward(gradient(x), dy, y.ptr, rows, width));
}
