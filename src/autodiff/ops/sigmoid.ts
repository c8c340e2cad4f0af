/** The sigmoid times a height, for what lies between 0 and a limit. The arithmetic is in assembly/ops/sigmoid.ts. */
import { parallelElements } from "../../wasm/parallel.ts";
import { record } from "../tape.ts";
import { gradient, stepTensor, type Tensor } from "../tensor.ts";

/** y = height / (1 + e^−x). Backward: dx = dy · y (1 − y / height). */
export function sigmoid(x: Tensor, height = 1): Tensor {
  const y = stepTensor(x.shape);
  parallelElements("sigmoid_forward", x.size, y.ptr, x.ptr, height);
  return record("sigmoid", y, [x], (dy) => {
    parallelElements("sigmoid_backward", x.size, gradient(x), dy, y.ptr, height);
  });
}
