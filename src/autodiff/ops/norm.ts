/**
 * The two normalisations of the model: RMSNorm before every block, L2 on each head's queries and keys.
 * Each keeps one number a row for its backward. The arithmetic is in assembly/norm.ts.
 */
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { asRows, gradient, stepTensor, type Tensor } from "../tensor.ts";

/** y = x · rsqrt(mean(x²) + eps) · scale over the last axis. x [..., C], scale [C]. Zhang & Sennrich 2019. */
export function rmsNorm(x: Tensor, scale: Tensor, eps = 1e-6): Tensor {
  const [rows, width] = asRows(x); // [..., C] → [N, C]
  const y = stepTensor(x.shape);
  const rstd = stepTensor([rows]);
  kernels.rmsnorm_forward(y.ptr, rstd.ptr, x.ptr, scale.ptr, rows, width, eps);
  return record("rmsnorm", y, [x, scale], (dy) => {
    kernels.rmsnorm_backward(gradient(x), gradient(scale), dy, x.ptr, scale.ptr, rstd.ptr, rows, width);
  });
}
