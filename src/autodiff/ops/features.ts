/**
 * Features for linear attention (linear-attention.ts): φ(x) ≥ 0, whose products φ(q)·φ(k) take the place of e^(q·k).
 */
import { InputError } from "../../base/errors.ts";
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, requireMatrix, requireTensors, stepTensor, type Tensor } from "../tensor.ts";

/** y = elu(x) + 1: e^x for x ≤ 0, x + 1 above (Katharopoulos et al. 2020). */
export function eluPlusOne(x: Tensor): Tensor {
  requireTensors({ x });
  const y = stepTensor(x.shape);
  parallelElements("elu_plus_one_forward", x.size, y.ptr, x.ptr);
  return record("eluPlusOne", y, [x], (dy) => {
    parallelElements("elu_plus_one_backward", x.size, gradient(x), dy, y.ptr);
  });
}

/**
 * Positive random features (Choromanski et al. 2021, Performer, lemma 1): φ_f(x) = e^(w_f·x' − ‖x'‖²/2) / √m with x' = √s_h · x and
 * s_h = |scale_h|. Over w from N(0, 1), the mean of φ(q)·φ(k) is e^(s_h q·k). x [B, T, H·D], scale [H], projection [m, D] → [B, T, H·m].
 * Each vector has its features to itself: no maximum is taken over a sequence, through which the future could enter. The exponent is at
 * most ‖w_f‖² / 2, which float32 bears up to D = 128. Gradients reach x and scale, never the projection.
 * @throws InputError if shapes do not fit
 */
export function randomFeatures(x: Tensor, scale: Tensor, projection: Tensor): Tensor {
  requireTensors({ x, scale });
  requireMatrix("projection", projection);
  const [features, width] = projection.shape;
  const heads = scale.size;
  const [rows, segment, channels] = x.shape;
  if (x.shape.length !== 3 || channels !== heads * width) {
    throw new InputError(
      `randomFeatures: x [${x.shape}] does not fit ${heads} heads and a projection [${projection.shape}]; it must be [B, T, ${heads * width}]`,
    );
  }
  const count = rows * segment * heads;
  const y = stepTensor([rows, segment, heads * features]);
  const units = kernels.random_features_units(count);
  const scratchBytes = kernels.random_features_scratch_bytes(width, features);
  const inputs = [x.ptr, projection.ptr, scale.ptr, count, heads, width, features] as const;
  parallelWithScratch("random_features_forward", units, scratchBytes, y.ptr, ...inputs);
  return record("randomFeatures", y, [x, scale], (dy) => {
    const dscale = stepTensor([count]);
    parallelWithScratch("random_features_backward", units, scratchBytes, gradient(x), dscale.ptr, dy, y.ptr, ...inputs);
    if (scale.requiresGrad) kernels.add_rows(gradient(scale), dscale.ptr, rows * segment, heads, 0, heads);
  });
}
