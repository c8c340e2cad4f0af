/**
 * Ops on single elements: sums, differences, constant factors, activations, dropout. A result has the shape of its inputs; only
 * `repeat` broadcasts. The backwards of activations recompute from x, so nothing is kept but the inputs.
 */
import { check, type Kind, numberWithin, oneOf } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, gradientTarget, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

const aFactor = numberWithin(-Number.MAX_VALUE, Number.MAX_VALUE);
const aProbability: Kind = {
  what: "a number from 0 to below 1",
  accepts: (value) => typeof value === "number" && value >= 0 && value < 1,
};
const oneForEach = (rows: number): Kind => ({
  what: `a list of ${rows} finite numbers`,
  accepts: (value) => Array.isArray(value) && value.length === rows && value.every((each) => Number.isFinite(each)),
});
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

/** y [...outer, n] = x [n], repeated over `outer`. Backward: dx is the sum over the copies, in order. */
export function repeat(x: Tensor, outer: readonly number[]): Tensor {
  const y = stepTensor([...outer, x.size]);
  const times = y.size / x.size;
  if (times > 0) kernels.move(y.ptr, x.ptr, x.size * 4);
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

/** y[b] = factors[b] · x[b], b the first of x's dimensions. */
export function scaleRows(x: Tensor, factors: readonly number[]): Tensor {
  requireTensors({ x });
  check("factors", factors, oneForEach(x.shape[0]));
  const y = stepTensor(x.shape);
  const size = x.size / factors.length;
  const eachRow = (kernel: "scale" | "add_scaled", to: Address, from: Address) => {
    for (const [row, factor] of factors.entries()) {
      parallelElements(kernel, size, to + row * size * 4, from + row * size * 4, factor);
    }
  };
  eachRow("scale", y.ptr, x.ptr);
  return record("scaleRows", y, [x], (dy) => eachRow("add_scaled", gradient(x), dy));
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

/** y = max(x, 0). */
export function relu(x: Tensor): Tensor {
  requireTensors({ x });
  const y = stepTensor(x.shape);
  parallelElements("relu_forward", x.size, y.ptr, x.ptr);
  return record("relu", y, [x], (dy) => {
    const [dx, adds] = gradientTarget(x);
    parallelElements("relu_backward", x.size, dx, dy, x.ptr, adds);
  });
}

/** The kernels' numbers of the activations that are x · sigmoid(t(x)). */
const KINDS = { silu: 0, gelu_tanh: 1 };

/** Activations of a gate. "gelu_tanh" is `gelu`. */
export type GateActivation = keyof typeof KINDS;
const aGateActivation = oneOf(...Object.keys(KINDS));

/** y = x · sigmoid(t(x)). */
function sigmoidWeighted(op: string, x: Tensor, kind: number): Tensor {
  requireTensors({ x });
  const y = stepTensor(x.shape);
  parallelElements("sigmoid_weighted_forward", x.size, y.ptr, x.ptr, kind);
  const scratchBytes = kernels.activation_scratch_bytes();
  return record(op, y, [x], (dy) => {
    parallelWithScratch("sigmoid_weighted_backward", x.size, scratchBytes, gradient(x), dy, x.ptr, kind);
  });
}

/** y = x · ½(1 + tanh(√(2/π)·(x + 0.044715·x³))): the approximation of GPT-2 ("gelu_new"); the exact form is `geluErf`. */
export function gelu(x: Tensor): Tensor {
  return sigmoidWeighted("gelu", x, KINDS.gelu_tanh);
}

/** y = x · sigmoid(x), also called swish. */
export function silu(x: Tensor): Tensor {
  return sigmoidWeighted("silu", x, KINDS.silu);
}

/** y = x · Φ(x) = x · ½(1 + erf(x / √2)): the exact GELU, "gelu" in Hugging Face's configurations. Φ is within 1e-7. */
export function geluErf(x: Tensor): Tensor {
  requireTensors({ x });
  const y = stepTensor(x.shape);
  parallelElements("gelu_erf_forward", x.size, y.ptr, x.ptr);
  const scratchBytes = kernels.gelu_erf_scratch_bytes();
  return record("geluErf", y, [x], (dy) => {
    parallelWithScratch("gelu_erf_backward", x.size, scratchBytes, gradient(x), dy, x.ptr);
  });
}

/** y = act(gate) ⊙ up, of equal shape [..., F]: SwiGLU and GEGLU (Shazeer 2020). Gradients reach both. */
export function gatedActivation(gate: Tensor, up: Tensor, kind: GateActivation): Tensor {
  requireTensors({ gate, up });
  check("kind", kind, aGateActivation);
  if (gate.shape.join() !== up.shape.join()) {
    throw new InputError(`gatedActivation: a gate [${gate.shape}] and up [${up.shape}] differ`);
  }
  const number = KINDS[kind];
  const y = stepTensor(gate.shape);
  parallelElements("gated_forward", y.size, y.ptr, gate.ptr, up.ptr, number);
  const scratchBytes = kernels.activation_scratch_bytes();
  return record("gatedActivation", y, [gate, up], (dy) => {
    const pair = [dy, gate.ptr] as const;
    if (gate.requiresGrad)
      parallelWithScratch("gated_gate_backward", y.size, scratchBytes, gradient(gate), ...pair, up.ptr, number);
    if (up.requiresGrad) parallelWithScratch("gated_up_backward", y.size, scratchBytes, gradient(up), ...pair, number);
  });
}

/** y = height / (1 + e^−x). Backward: dx = dy · y (1 − y / height). */
export function sigmoid(x: Tensor, height = 1): Tensor {
  const y = stepTensor(x.shape);
  parallelElements("sigmoid_forward", x.size, y.ptr, x.ptr, height);
  return record("sigmoid", y, [x], (dy) => {
    parallelElements("sigmoid_backward", x.size, gradient(x), dy, y.ptr, height);
  });
}
