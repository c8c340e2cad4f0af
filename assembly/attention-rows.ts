/**
 * One query's row of attention scores: bias, scale and softmax in place, and the gradient of that.
 */
import { exp1, exp4, madd, maxLanes, sumLanes } from "./simd";

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
  const from = p + (low << 2), end = p + (high << 2);
  const most = addBias(from, end, bias + (low << 2));
  const sum = exponentials(from, end, s, most);
  divide(from, end, sum);
  return s * most + <f32>Math.log(sum);
}

/** x += bias over [x, end); returns the largest result. */
@inline
function addBias(x: usize, end: usize, bias: usize): f32 {
  let most4 = f32x4.splat(-f32.MAX_VALUE);
  for (; x + 16 <= end; x += 16, bias += 16) {
    const t = f32x4.add(v128.load(x), v128.load(bias));
    v128.store(x, t);
    most4 = f32x4.pmax(most4, t);
  }
  let most = maxLanes(most4);
  for (; x < end; x += 4, bias += 4) {
    const t: f32 = load<f32>(x) + load<f32>(bias);
    store<f32>(x, t);
    most = max(most, t);
  }
  return most;
}

/** x ← e^(s · (x − most)) over [x, end); returns the sum. */
@inline
function exponentials(x: usize, end: usize, s: f32, most: f32): f32 {
  let sum4 = f32x4.splat(0);
  const s4 = f32x4.splat(s), most4 = f32x4.splat(most);
  for (; x + 16 <= end; x += 16) {
    const e = exp4(f32x4.mul(s4, f32x4.sub(v128.load(x), most4)));
    v128.store(x, e);
    sum4 = f32x4.add(sum4, e);
  }
  let sum = sumLanes(sum4);
  for (; x < end; x += 4) {
    const e = exp1(s * (load<f32>(x) - most));
    store<f32>(x, e);
    sum += e;
  }
  return sum;
}

@inline
function divide(x: usize, end: usize, sum: f32): void {
  const inverse: f32 = 1 / sum;
  const inverse4 = f32x4.splat(inverse);
  for (; x + 16 <= end; x += 16) v128.store(x, f32x4.mul(v128.load(x), inverse4));
  for (; x < end; x += 4) store<f32>(x, load<f32>(x) * inverse);
}

/** d[j] ← s · p[j] · (d[j] − pull) over [low, high). Where p is 0 the result is 0. */
export function softmaxGradientRow(d: usize, p: usize, pull: f32, s: f32, low: i32, high: i32): void {
  const s4 = f32x4.splat(s), negative = f32x4.splat(-pull);
  const end = d + (high << 2);
  d += low << 2;
  p += low << 2;
  for (; d + 16 <= end; d += 16, p += 16) {
    v128.store(d, f32x4.mul(f32x4.mul(v128.load(p), s4), f32x4.add(v128.load(d), negative)));
  }
  for (; d < end; d += 4, p += 4) store<f32>(d, load<f32>(p) * s * (load<f32>(d) - pull));
}
