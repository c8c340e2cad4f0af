/**
 * Ops on each element by itself: residual sums, constant factors, activations, dropout. Shapes go in and come out
 * unchanged; nothing is broadcast.
 */
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, stepTensor, type Tensor } from "../tensor.ts";

/** z = x + y, of equal shape. Backward: dx = dz, dy = dz. */
export function add(x: Tensor, y: Tensor): Tensor {
  if (x.shape.join() !== y.shape.join()) throw new Error(`add: [${x.shape}] and [${y.shape}] differ`);
  const z = stepTensor(x.shape);
  parallelElements("add", z.size, z.ptr, x.ptr, y.ptr);
  return record("add", z, [x, y], (dz) => {
    if (x.requiresGrad) parallelElements("add_in_place", z.size, gradient(x), dz);
    if (y.requiresGrad) parallelElements("add_in_place", z.size, gradient(y), dz);
  });
}

/** y = factor · x. */
export function scale(x: Tensor, factor: number): Tensor {
  const y = stepTensor(x.shape);
  parallelElements("scale", x.size, y.ptr, x.ptr, factor);
  return record("scale", y, [x], (dy) => parallelElements("add_scaled", x.size, gradient(x), dy, factor));
}

/** y = max(x, 0). */
export function relu(x: Tensor): Tensor {
  const y = stepTensor(x.shape);
  parallelElements("relu_forward", x.size, y.ptr, x.ptr);
  return record("relu", y, [x], (dy) => parallelElements("relu_backward", x.size, gradient(x), dy, x.ptr));
}

/** y = x · ½(1 + tanh(√(2/π)·(x + 0.044715·x³))): the approximation of GPT-2 ("gelu_new"), not the exact erf form. */
export function gelu(x: Tensor): Tensor {
  const y = stepTensor(x.shape);
  parallelElements("gelu_forward", x.size, y.ptr, x.ptr);
  const scratchBytes = kernels.gelu_scratch_bytes();
  return record("gelu", y, [x], (dy) => {
    parallelWithScratch("gelu_backward", x.size, scratchBytes, gradient(x), dy, x.ptr);
  });
}

/**
 * y = x / (1 − p) for each element with probability 1 − p, else 0; Srivastava et al. 2014. Which elements is a function of
 * `key` (32 bits) and their place alone, so a key must differ from op to op and from step to step; the mask is not kept
 * but made again. p = 0 gives x itself. Whether to drop out at all, in training only, is for the caller to say.
 */
export function dropout(x: Tensor, p: number, key: number): Tensor {
  if (!(p >= 0 && p < 1)) throw new Error(`dropout: the probability must be at least 0 and below 1, not ${p}`);
  if (p === 0) return x;
  const y = stepTensor(x.shape);
  parallelElements("dropout_forward", x.size, y.ptr, x.ptr, p, key);
  return record("dropout", y, [x], (dy) => parallelElements("dropout_backward", x.size, gradient(x), dy, p, key));
}
