/** A learned factor for each head, where no softmax is there to take it. */
import { InputError } from "../../base/errors.ts";
import { parallel } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, stepTensor, type Tensor } from "../tensor.ts";

/**
 * y = |scale_h| · x for every head's part of x [..., H·D]; scale [H].
 * @throws InputError if the last axis does not hold H heads
 */
export function scaleHeads(x: Tensor, scale: Tensor): Tensor {
  const heads = scale.size;
  const width = (x.shape.at(-1) ?? 0) / heads;
  if (!Number.isInteger(width)) {
    throw new InputError(`scaleHeads: the last axis of [${x.shape}] is not a multiple of ${heads} heads`);
  }
  const vectors = width === 0 ? 0 : x.size / width; // [..., H·D] → [N, D]
  const y = stepTensor(x.shape);
  parallel("scale_heads_forward", vectors, y.ptr, x.ptr, scale.ptr, heads, width);
  return record("scaleHeads", y, [x, scale], (dy) => {
    const dscale = stepTensor([vectors]);
    parallel("scale_heads_backward", vectors, gradient(x), dscale.ptr, dy, x.ptr, scale.ptr, heads, width);
    if (scale.requiresGrad) kernels.add_rows(gradient(scale), dscale.ptr, vectors / heads, heads, 0, heads);
  });
}
