/**
 * Activations of the feed-forward layer. Backward recomputes from x, so nothing is kept but the inputs.
 */
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

/** y = max(x, 0). */
export function relu(x: Tensor): Tensor {
  requireTensors({ x });
  const y = stepTensor(x.shape);
  parallelElements("relu_forward", x.size, y.ptr, x.ptr);
  return record("relu", y, [x], (dy) => parallelElements("relu_backward", x.size, gradient(x), dy, x.ptr));
}

/** y = x · ½(1 + tanh(√(2/π)·(x + 0.044715·x³))): the approximation of GPT-2 ("gelu_new"), not the exact erf form. */
export function gelu(x: Tensor): Tensor {
  requireTensors({ x });
  const y = stepTensor(x.shape);
  parallelElements("gelu_forward", x.size, y.ptr, x.ptr);
  const scratchBytes = kernels.gelu_scratch_bytes();
  return record("gelu", y, [x], (dy) => {
    parallelWithScratch("gelu_backward", x.size, scratchBytes, gradient(x), dy, x.ptr);
  });
}

/** y = x · Φ(x) = x · ½(1 + erf(x / √2)): the exact GELU, "gelu" in Hugging Face's configurations. Φ is within 1e-7. */
export function geluErf(x: Tensor): Tensor {
  throw pending(x);
}

/** y = x · sigmoid(x), also called swish. */
export function silu(x: Tensor): Tensor {
  throw pending(x);
}

/** Activations of a gate. "gelu_tanh" is `gelu`. */
export type GateActivation = "silu" | "gelu_tanh";

/** y = act(gate) ⊙ up, of equal shape [..., F]: SwiGLU and GEGLU (Shazeer 2020). Gradients reach both. */
export function gatedActivation(gate: Tensor, up: Tensor, kind: GateActivation): Tensor {
  throw pending(gate, up, kind);
}

const pending = (..._: unknown[]) => new Error("pending");
