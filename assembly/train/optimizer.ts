/**
 * AdamW in one pass over the parameters, and the norm that clipping needs. Scalars are f64, so that 1 − 0.999 is accurate. The
 * library decides on learning rates, schedules and clipping (src/train).
 */
import { loadPartial, madd, storePartial } from "../base/simd";

/** Σ x² over `n` floats, squared and summed in double precision: no finite x overflows it. */
export function sum_squares(x: usize, n: i32): f64 {
  let sum0 = f64x2.splat(0), sum1 = f64x2.splat(0);
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16) {
    const v = v128.load(x);
    const low = f64x2.promote_low_f32x4(v);
    const high = f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
    sum0 = f64x2.add(sum0, f64x2.mul(low, low));
    sum1 = f64x2.add(sum1, f64x2.mul(high, high));
  }
  const sum = f64x2.add(sum0, sum1);
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  for (const last = x + (<usize>(n & 3) << 2); x < last; x += 4) {
    const value = <f64>load<f32>(x);
    total += value * value;
  }
  return total;
}

/**
 * One AdamW step over parameters [from, to) (Loshchilov & Hutter 2019, algorithm 2, decay scaled by lr as in PyTorch):
 * m = β1·m + (1 − β1)·g, v = β2·v + (1 − β2)·g², p = p·(1 − lr·decay) − lr·(m / correction1) / (√(v / correction2) + eps).
 * The corrections are 1 − β1^t and 1 − β2^t at step t = 1, 2, …
 */
export function adamw(
  parameters: usize, gradients: usize, m: usize, v: usize,
  lr: f64, beta1: f64, beta2: f64, eps: f64, decay: f64, correction1: f64, correction2: f64, from: i32, to: i32,
): void {
  const n = to - from;
  parameters += <usize>from << 2;
  gradients += <usize>from << 2;
  m += <usize>from << 2;
  v += <usize>from << 2;
  const b1 = f32x4.splat(<f32>beta1), rest1 = f32x4.splat(<f32>(1 - beta1));
  const b2 = f32x4.splat(<f32>beta2), rest2 = f32x4.splat(<f32>(1 - beta2));
  const shrink = f32x4.splat(<f32>(1 - lr * decay));
  const rate = f32x4.splat(<f32>(-lr / correction1));
  const rescale = f32x4.splat(<f32>(1 / Math.sqrt(correction2)));
  const epsilon = f32x4.splat(<f32>eps);
  const end = parameters + (<usize>(n & ~3) << 2);
  for (; parameters < end; parameters += 16, gradients += 16, m += 16, v += 16) {
    const g = v128.load(gradients);
    const mean = madd(v128.load(m), b1, f32x4.mul(g, rest1));
    const square = madd(v128.load(v), b2, f32x4.mul(f32x4.mul(g, g), rest2));
    v128.store(m, mean);
    v128.store(v, square);
    v128.store(parameters, adamStep(v128.load(parameters), mean, square, shrink, rate, rescale, epsilon));
  }
  const tail = n & 3;
  if (tail) {
    const g = loadPartial(gradients, tail, 0);
    const mean = madd(loadPartial(m, tail, 0), b1, f32x4.mul(g, rest1));
    const square = madd(loadPartial(v, tail, 0), b2, f32x4.mul(f32x4.mul(g, g), rest2));
    storePartial(m, mean, tail);
    storePartial(v, square, tail);
    const p = adamStep(loadPartial(parameters, tail, 0), mean, square, shrink, rate, rescale, epsilon);
    storePartial(parameters, p, tail);
  }
}

/** p · shrink + rate · mean / (√square · rescale + epsilon). */
@inline
function adamStep(p: v128, mean: v128, square: v128, shrink: v128, rate: v128, rescale: v128, epsilon: v128): v128 {
  const denominator = madd(f32x4.sqrt(square), rescale, epsilon);
  return madd(p, shrink, f32x4.mul(rate, f32x4.div(mean, denominator)));
}
