/**
 * Ops on single elements: sums, differences, constant factors, dropout. A result has the shape of its inputs; only `repeat`
 * broadcasts. The activations are in activation.ts.
 */
import { check, type Kind, numberWithin } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallelElements } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, gradientTarget, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

const aFactor = numberWithin(-Number.MAX_VALUE, Number.MAX_VALUE);
const aProbability: Kind = {
  what: "a number from 0 to below 1",
  accepts: (value) => typeof value === "number" && value >= 0 && value < 1,
};
export const aDropoutKey: Kind = { what: "a whole number", accepts: Number.isSafeInteger };

/** z = x + y, of equal shape. Backward: dx = dz, dy = dz. */
export function add(x: Tensor, y: Tensor): Tensor {
  requireTensors({ x, y });
  if (x.shape.join() !== y.shape.join()) throw new InputError(`add: [${x.shape}] and [${y.shape}] differ`);
  const z = stepTensor(x.shape);
  parallelElements("add", z.size, z.ptr, x.ptr, y.ptr);
  return record("add", z, [x, y], (dz) => {
    if (x.requiresGrad) passGradient(x, dz);
    if (y.requiresGrad) passGradient(y, dz);
  });
}

/** dx = dz, or dx += dz where x already has a gradient. */
function passGradient(x: Tensor, dz: Address): void {
  const [dx, adds] = gradientTarget(x);
  parallelElements(adds ? "add_in_place" : "copy", x.size, dx, dz);
}

/** z = x − y, of equal shape. Backward: dx = dz, dy = −dz. */
export function subtract(x: Tensor, y: Tensor): Tensor {
  if (x.shape.join() !== y.shape.join()) throw new Error(`subtract: [${x.shape}] and [${y.shape}] differ`);
  const z = stepTensor(x.shape);
  parallelElements("copy", z.size, z.ptr, x.ptr);
  parallelElements("add_scaled", z.size, z.ptr, y.ptr, -1);
  return record("subtract", z, [x, y], (dz) => {
    if (x.requiresGrad) passGradient(x, dz);
    if (y.requiresGrad) parallelElements("add_scaled", z.size, gradient(y), dz, -1);
  });
}

/** z = ln(e^x + e^y), of equal shape. Backward: dx = dz · e^(x − z), dy = dz · e^(y − z). */
export function logAddExp(x: Tensor, y: Tensor): Tensor {
  if (x.shape.join() !== y.shape.join()) throw new Error(`logAddExp: [${x.shape}] and [${y.shape}] differ`);
  const z = stepTensor(x.shape);
  parallelElements("log_add_exp_forward", z.size, z.ptr, x.ptr, y.ptr);
  return record("logAddExp", z, [x, y], (dz) => {
    parallelElements("log_add_exp_backward", z.size, gradient(x), gradient(y), dz, x.ptr, y.ptr, z.ptr);
  });
}

/** y [...outer, n] = x [n], repeated over `outer`. Backward: dx is the sum over the copies, in order. */
export function repeat(x: Tensor, outer: readonly number[]): Tensor {
  const y = stepTensor([...outer, x.size]);
  const times = y.size / x.size;
  kernels.move(y.ptr, x.ptr, x.size * 4);
  for (let done = 1; done < times; done *= 2) {
    kernels.move(y.ptr + done * x.size * 4, y.ptr, Math.min(done, times - done) * x.size * 4);
  }
  return record("repeat", y, [x], (dy) => kernels.add_rows(gradient(x), dy, times, x.size, 0, x.size));
}

/** y = factor · x. */
export function scale(x: Tensor, factor: number): Tensor {
  requireTensors({ x });
  check("factor", factor, aFactor);
  const y = stepTensor(x.shape);
  parallelElements("scale", x.size, y.ptr, x.ptr, factor);
  return record("scale", y, [x], (dy) => parallelElements("add_scaled", x.size, gradient(x), dy, factor));
}

/**
 * y = x / (1 − p) for each element with probability 1 − p, else 0; Srivastava et al. 2014. An element's fate depends only on
 * `key` (its last 32 bits) and its place, so each op and each step needs its own key. The mask is not kept but computed again.
 * p = 0 returns x itself. The caller passes p = 0 outside training.
 */
export function dropout(x: Tensor, p: number, key: number): Tensor {
  requireTensors({ x });
  check("p", p, aProbability);
  check("key", key, aDropoutKey);
  if (p === 0) return x;
  const y = stepTensor(x.shape);
  parallelElements("dropout_forward", x.size, y.ptr, x.ptr, p, key);
  return record("dropout", y, [x], (dy) => parallelElements("dropout_backward", x.size, gradient(x), dy, p, key));
}
