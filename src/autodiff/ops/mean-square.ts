/** The mean of squares: with `subtract`, the mean squared error of an estimate. */
import { parallelElements } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

/** y [1] = Σ x² / n over all n numbers of x; 0 for none. Backward: dx = 2 x dy / n. */
export function meanSquare(x: Tensor): Tensor {
  requireTensors({ x });
  const count = Math.max(1, x.size);
  const y = stepTensor([1]).fill(kernels.sum_squares(x.ptr, x.size) / count);
  return record("meanSquare", y, [x], (dy) => {
    parallelElements("add_scaled", x.size, gradient(x), x.ptr, (2 * heap.f32(dy, 1)[0]) / count);
  });
}
