/**
 * Normalisations: RMSNorm or LayerNorm before every block, RMSNorm or L2 on each head's queries and keys, L2 once more on keys that are
 * mixed with their predecessors. Each keeps a number or two per row for its backward. The arithmetic is in assembly/ops/norm.ts and
 * layer-norm.ts.
 */
import { check, numberWithin, whole } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import { parallel, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { asRows, gradient, gradientTarget, requireTensors, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";

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

/** A layer's keys k̂, before smearing, of the tokens just before the ones that are read. */
export interface PrecedingKeys {
  /** Keys of the last token before, [B, H·D]. */
  readonly keys: Tensor;
  /** [B]: 0 where a document begins, since its first token has no predecessor. */
  readonly known: Int32Array;
  /** [B, H·D]: receives the keys of the last token that is read. */
  readonly latest: Tensor;
}

/** Copies the last token's key of each row of k [B, T, C] to `latest`. */
function keepLatest(k: Tensor, latest: Tensor): void {
  const [rows, segment, channels] = k.shape;
  for (let row = 0; row < rows; row++) {
    const last = (row + 1) * segment - 1;
    kernels.move(latest.ptr + row * channels * 4, k.ptr + last * channels * 4, channels * 4);
  }
}

/**
 * Smeared keys (Olsson et al. 2022, In-context Learning and Induction Heads): a key is mixed with the key of the token before it, in a
 * proportion that each head learns, and normalised again. So a key describes the token before its value, and a single layer can find
 * an earlier occurrence of the present context and fetch the token that followed.
 *
 * k'_i = u / max(‖u‖, 1e-6) with u = a_h k̂_i + (1 − a_h) k̂_{i−1} and a_h = sigmoid(alpha_h); where a document begins,
 * k'_0 = k̂_0. k [B, T, H·D], alpha [H]. Copies the last token's keys to `latest`. Gradients reach k and alpha, never the keys
 * before the first token.
 */
export function smearKeys(k: Tensor, alpha: Tensor, { keys, known, latest }: PrecedingKeys): Tensor {
  const [rows, segment, channels] = k.shape;
  const heads = alpha.size;
  const units = rows * heads;
  const shape = [segment, heads, channels / heads] as const;
  const y = stepTensor(k.shape);
  const inverse = stepTensor([units, segment]);
  const before = stepTensor(keys.shape); // a copy, since the state advances before the backward
  kernels.move(before.ptr, keys.ptr, keys.size * 4);
  keepLatest(k, latest);
  parallel("smear_forward", units, y.ptr, inverse.ptr, k.ptr, before.ptr, stepIntegers(known), alpha.ptr, ...shape);
  return record("smearKeys", y, [k, alpha], (dy) => {
    const dalpha = stepTensor([units]);
    parallelWithScratch(
      "smear_backward",
      units,
      (channels / heads) * 4,
      gradient(k),
      dalpha.ptr,
      dy,
      y.ptr,
      inverse.ptr,
      k.ptr,
      before.ptr,
      alpha.ptr,
      ...shape,
    );
    kernels.add_rows(gradient(alpha), dalpha.ptr, rows, heads, 0, heads);
  });
}
