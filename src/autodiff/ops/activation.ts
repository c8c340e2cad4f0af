/**
 * Activations of the feed-forward layer. Backward recomputes from x, so nothing is kept but the inputs.
 */
import { check, oneOf } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, gradientTarget, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

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
