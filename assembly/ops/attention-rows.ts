/**
 * One query's row of attention scores: bias, scale and softmax in place, and the gradient of that.
 */
import { exponentials } from "../base/exp";
import { maxLanes, scaleTo } from "../base/simd";

/**
 * p[j] ← softmax over low ≤ j < high of s · (p[j] + bias[j]); zero elsewhere in [blockLow, blockHigh). Returns the
 * logsumexp; −∞ when nothing is visible. `bias` is already shifted: bias[j] belongs to position j.
 */
export function softmaxBiasedRow(
  p: usize, bias: usize, s: f32, blockLow: i32, low: i32, high: i32, blockHigh: i32,
): f32 {
  if (low > blockLow) memory.fill(p + (blockLow << 2), 0, <usize>(low - blockLow) << 2);
  if (blockHigh > high) memory.fill(p + (max(high, blockLow) << 2), 0, <usize>(blockHigh - max(high, blockLow)) << 2);
  if (high <= low) return -f32.MAX_VALUE;
  const from = p + (low << 2), n = high - low;
  const most = addBias(from, p + (high << 2), bias + (low << 2), s);
  const sum = exponentials(from, from, most, n);
  scaleTo(from, from, 1 / sum, n);
  return most + <f32>Math.log(sum);
}

/** x ← s · (x + bias) over [x, end); returns the largest result. */
@inline
function addBias(x: usize, end: usize, bias: usize, s: f32): f32 {
  const s4 = f32x4.splat(s);
  let most4 = f32x4.splat(-f32.MAX_VALUE);
  for (; x + 16 <= end; x += 16, bias += 16) {
    const t = f32x4.mul(s4, f32x4.add(v128.load(x), v128.load(bias)));
    v128.store(x, t);
    most4 = f32x4.pmax(most4, t);
  }
  let most = maxLanes(most4);
  for (; x < end; x += 4, bias += 4) {
    const t: f32 = s * (load<f32>(x) + load<f32>(bias));
    store<f32>(x, t);
    most = max(most, t);
  }
  return most;
}

/** d[j] ← s · p[j] · (d[j] − pull) over [low, high), where p is 0 the result is 0; zero in [high, blockHigh). */
export function softmaxGradientRow(
  d: usize, p: usize, pull: f32, s: f32, low: i32, high: i32, blockHigh: i32,
): void {
  memory.fill(d + (high << 2), 0, <usize>(blockHigh - high) << 2);
  const s4 = f32x4.splat(s), negative = f32x4.splat(-pull);
  const end = d + (high << 2);
  d += low << 2;
  p += low << 2;
  for (; d + 16 <= end; d += 16, p += 16) {
    v128.store(d, f32x4.mul(f32x4.mul(v128.load(p), s4), f32x4.add(v128.load(d), negative)));
  }
  for (; d < end; d += 4, p += 4) store<f32>(d, load<f32>(p) * s * (load<f32>(d) - pull));
}
