/**
 * The two normalisations of the model: RMSNorm before every block, L2 on each head's queries and keys.
 * Each keeps one number per row for its backward. The arithmetic is in assembly/ops/norm.ts.
 */
import { check, numberWithin, whole } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import { parallel } from "../../wasm/parallel.ts";
import { record } from "../tape.ts";
import { asRows, gradient, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

const anEps = numberWithin(0, 1);
const aWidth = whole(1);

/**
 * y = (x − mean) · rsqrt(var + eps) · weight + bias over the last axis. x [..., C], weight and bias [C]. Ba et al. 2016.
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  throw new Error(`pending ${x} ${weight} ${bias} ${eps}`);
}

/**
 * y = x · rsqrt(mean(x²) + eps) · (weight + offset) for each slice of weight.size elements: the last axis, or every head's part of
 * it. x [..., G · C], weight [C]. Zhang & Sennrich 2019; Gemma's offset is 1.
 */
export function rmsNorm(x: Tensor, scale: Tensor, eps = 1e-6, offset = 0): Tensor {
  if (offset !== 0) throw new Error("pending");
  requireTensors({ x, scale });
  check("eps", eps, anEps);
  const [rows, width] = asRows(x); // [..., C] → [N, C]
  if (scale.size !== width)
    throw new InputError(`rmsNorm: x [${x.shape}] needs a scale [${width}], not [${scale.shape}]`);
  const y = stepTensor(x.shape);
  const rstd = stepTensor([rows]);
  parallel("rmsnorm_forward", rows, y.ptr, rstd.ptr, x.ptr, scale.ptr, width, eps);
  return record("rmsNorm", y, [x, scale], (dy) => {
    parallel("rmsnorm_backward", rows, gradient(x), dy, x.ptr, scale.ptr, rstd.ptr, width);
    parallel("rmsnorm_scale_backward", width, gradient(scale), dy, x.ptr, rstd.ptr, rows, width);
  });
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
    parallel("l2norm_backward", rows, gradient(x), dy, y.ptr, inverse.ptr, width);
  });
}
