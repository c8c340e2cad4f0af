/**
 * Normalisations: RMSNorm or LayerNorm before every block, RMSNorm or L2 on each head's queries and keys.
 * Each keeps a number or two per row for its backward. The arithmetic is in assembly/ops/norm.ts and layer-norm.ts.
 */
import { check, numberWithin, whole } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import { parallel } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { asRows, gradient, gradientTarget, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

const anEps = numberWithin(0, 1);
const anOffset = numberWithin(-Number.MAX_VALUE, Number.MAX_VALUE);
const aWidth = whole(1);

/**
 * y = (x − mean) · rsqrt(var + eps) · weight + bias over the last axis. x [..., C], weight and bias [C]; var is the mean of
 * (x − mean)². Ba et al. 2016.
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  requireTensors({ x, weight, bias });
  check("eps", eps, anEps);
  const [rows, width] = asRows(x); // [..., C] → [N, C]
  for (const [name, vector] of Object.entries({ weight, bias })) {
    if (vector.size === width) continue;
    throw new InputError(`layerNorm: x [${x.shape}] needs a ${name} [${width}], not [${vector.shape}]`);
  }
  const y = stepTensor(x.shape);
  const [mean, rstd] = [stepTensor([rows]), stepTensor([rows])];
  parallel("layernorm_forward", rows, y.ptr, mean.ptr, rstd.ptr, x.ptr, weight.ptr, bias.ptr, width, eps);
  return record("layerNorm", y, [x, weight, bias], (dy) => {
    const kept = [mean.ptr, rstd.ptr] as const;
    if (x.requiresGrad) parallel("layernorm_backward", rows, gradient(x), dy, x.ptr, weight.ptr, ...kept, width);
    if (weight.requiresGrad)
      parallel("layernorm_weight_backward", width, gradient(weight), dy, x.ptr, ...kept, rows, width);
    if (bias.requiresGrad) parallel("add_rows", width, gradient(bias), dy, rows, width);
  });
}

/**
 * y = x · rsqrt(mean(x²) + eps) · (weight + offset) for each slice of weight.size elements: the last axis, or every head's part of
 * it. x [..., G · C], weight [C]. Zhang & Sennrich 2019; Gemma's offset is 1.
 */
export function rmsNorm(x: Tensor, weight: Tensor, eps = 1e-6, offset = 0): Tensor {
  requireTensors({ x, weight });
  check("eps", eps, anEps);
  check("offset", offset, anOffset);
  const [, channels] = asRows(x);
  const width = weight.size;
  if (width === 0 ? channels > 0 : channels % width !== 0) {
    throw new InputError(`rmsNorm: the last axis of x [${x.shape}] is not a multiple of the weight [${weight.shape}]`);
  }
  const rows = width === 0 ? 0 : x.size / width; // [..., G · C] → [N · G, C]
  const scale = offset === 0 ? weight : shifted(weight, offset);
  const y = stepTensor(x.shape);
  const rstd = stepTensor([rows]);
  parallel("rmsnorm_forward", rows, y.ptr, rstd.ptr, x.ptr, scale.ptr, width, eps);
  return record("rmsNorm", y, [x, weight], (dy) => {
    if (x.requiresGrad) parallel("rmsnorm_backward", rows, gradient(x), dy, x.ptr, scale.ptr, rstd.ptr, width);
    if (weight.requiresGrad)
      parallel("rmsnorm_scale_backward", width, gradient(weight), dy, x.ptr, rstd.ptr, rows, width);
  });
}

/** Returns weight + offset as a constant. */
function shifted(weight: Tensor, offset: number): Tensor {
  const sum = stepTensor(weight.shape).fill(offset);
  kernels.add_in_place(sum.ptr, weight.ptr, 0, sum.size);
  return sum;
}

/**
 * y = x / max(‖x‖, 1e-6) for each slice of `width` elements: every head's part of a query or key. x [..., H · width].
 * Backward: dx = (dy − y (y·dy)) / ‖x‖; below 1e-6, where the norm counts as a constant, dy / 1e-6.
 */
export function l2Normalize(x: Tensor, width: number): Tensor {
  requireTensors({ x });
  check("width", width, aWidth);
  const [, channels] = asRows(x);
  if (channels % width !== 0) {
    throw new InputError(`l2Normalize: the last axis of [${x.shape}] is not a multiple of ${width}`);
  }
  const rows = x.size / width; // [..., H · width] → [N · H, width]
  const y = stepTensor(x.shape);
  const inverse = stepTensor([rows]);
  parallel("l2norm_forward", rows, y.ptr, inverse.ptr, x.ptr, width);
  return record("l2Normalize", y, [x], (dy) => {
    const [dx, adds] = gradientTarget(x);
    parallel("l2norm_backward", rows, dx, dy, y.ptr, inverse.ptr, width, adds);
  });
}
