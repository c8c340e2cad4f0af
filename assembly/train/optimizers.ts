/**
 * AdamW in one pass over the parameters, Adafactor, and the norm that clipping needs. Scalars are f64, so that 1 − 0.999 is accurate. The
 * library decides on learning rates, schedules and clipping (src/train).
 */
import { hidden, loadPartial, madd, scaleTo, storePartial, sumLanes } from "../base/simd";

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

// Adafactor (Shazeer & Stern 2018, algorithms 4 and 5) without a first moment. The learning rate is relative to the parameter's own RMS.
// The second moments of a matrix are kept as one mean per row and one per column. An update whose RMS exceeds `clip` is scaled down to
// it. The caller chooses the decay at step t: 1 − t^−0.8 in the paper.

/** ε1 of the paper, added to every squared gradient, and ε2, the least RMS of a parameter. */
const EPSILON_1: f32 = 1e-30;
const EPSILON_2: f64 = 1e-3;

/**
 * One step of a matrix [rows, columns]. With means R of g² + ε1 over each row and C over each column, both decayed:
 * u = g / √(R·C / mean(R)), p −= lr · max(ε2, RMS(p)) · u / max(1, RMS(u) / clip). `scratch`: `columns` floats.
 */
export function adafactor_matrix(
  parameters: usize, gradients: usize, rowMoments: usize, columnMoments: usize, rows: i32, columns: i32,
  lr: f64, decay: f64, clip: f64, scratch: usize,
): void {
  const size = <f64>rows * <f64>columns;
  if (size == 0) return;
  const rowBytes = <usize>columns << 2;
  const meanOfRows = updateMoments(rowMoments, columnMoments, gradients, rows, columns, decay);
  inverseRoots(scratch, columnMoments, columns);

  let squares: f64 = 0;
  for (let row = 0, g = gradients; row < rows; row++, g += rowBytes) {
    squares += <f64>sumSquaredProducts(g, scratch, columns) * meanOfRows / <f64>load<f32>(rowMoments + (row << 2));
  }
  const step = stepSize(parameters, rows * columns, lr, Math.sqrt(squares / size) / clip);
  for (let row = 0; row < rows; row++, parameters += rowBytes, gradients += rowBytes) {
    const factor = step * Math.sqrt(meanOfRows / <f64>load<f32>(rowMoments + (row << 2)));
    addProduct(parameters, gradients, scratch, <f32>-factor, columns);
  }
}

/**
 * One step of a vector of `n`: v = decay·v + (1 − decay)·(g² + ε1), u = g / √v, and p as in `adafactor_matrix`.
 * `scratch`: n floats.
 */
export function adafactor_vector(
  parameters: usize, gradients: usize, moments: usize, n: i32, lr: f64, decay: f64, clip: f64, scratch: usize,
): void {
  if (n == 0) return;
  scaleTo(moments, moments, <f32>decay, n);
  addSquares(moments, gradients, <f32>(1 - decay), n);
  inverseRoots(scratch, moments, n);
  const rms = Math.sqrt(<f64>sumSquaredProducts(gradients, scratch, n) / n);
  addProduct(parameters, gradients, scratch, <f32>-stepSize(parameters, n, lr, rms / clip), n);
}

/** Updates R and C with the new gradient; returns the mean of R. */
function updateMoments(
  rowMoments: usize, columnMoments: usize, gradients: usize, rows: i32, columns: i32, decay: f64,
): f64 {
  const rest = 1 - decay;
  let sumOfRows: f64 = 0;
  scaleTo(columnMoments, columnMoments, <f32>decay, columns);
  for (let row = 0; row < rows; row++, rowMoments += 4, gradients += <usize>columns << 2) {
    const mean = <f64>addSquares(columnMoments, gradients, <f32>(rest / rows), columns) / columns;
    const moment = decay * load<f32>(rowMoments) + rest * mean;
    store<f32>(rowMoments, <f32>moment);
    sumOfRows += moment;
  }
  return sumOfRows / rows;
}

/** The factor of the update; `excess`: RMS of the update divided by its limit. */
function stepSize(parameters: usize, n: i32, lr: f64, excess: f64): f64 {
  const rms = Math.sqrt(sum_squares(parameters, n) / n);
  return lr * max(EPSILON_2, rms) / max(1.0, excess);
}

/** y += weight · (g² + ε1) over `n` floats; returns Σ (g² + ε1). */
function addSquares(y: usize, g: usize, weight: f32, n: i32): f32 {
  const w = f32x4.splat(weight), epsilon = hidden(EPSILON_1, n >> 31); // n is never negative
  let sum = f32x4.splat(0);
  const end = g + (<usize>(n & ~3) << 2);
  for (; g < end; g += 16, y += 16) {
    const value = v128.load(g);
    const square = madd(value, value, epsilon);
    v128.store(y, madd(square, w, v128.load(y)));
    sum = f32x4.add(sum, square);
  }
  let total = sumLanes(sum);
  for (const last = g + (<usize>(n & 3) << 2), least = f32x4.extract_lane(epsilon, 0); g < last; g += 4, y += 4) {
    const square = load<f32>(g) * load<f32>(g) + least;
    store<f32>(y, load<f32>(y) + square * weight);
    total += square;
  }
  return total;
}

/** y = 1 / √x over `n` floats. */
function inverseRoots(y: usize, x: usize, n: i32): void {
  const one = hidden(1, n >> 31);
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, y += 16) v128.store(y, f32x4.div(one, f32x4.sqrt(v128.load(x))));
  const tail = n & 3;
  if (tail) storePartial(y, f32x4.div(one, f32x4.sqrt(loadPartial(x, tail, 1))), tail);
}

/** Σ (a·b)² over `n` floats. */
function sumSquaredProducts(a: usize, b: usize, n: i32): f32 {
  let sum = f32x4.splat(0);
  const end = a + (<usize>(n & ~3) << 2);
  for (; a < end; a += 16, b += 16) {
    const product = f32x4.mul(v128.load(a), v128.load(b));
    sum = madd(product, product, sum);
  }
  const tail = n & 3;
  if (tail) {
    const product = f32x4.mul(loadPartial(a, tail, 0), loadPartial(b, tail, 0));
    sum = madd(product, product, sum);
  }
  return sumLanes(sum);
}

/** y += factor · a · b over `n` floats. */
function addProduct(y: usize, a: usize, b: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  const end = a + (<usize>(n & ~3) << 2);
  for (; a < end; a += 16, b += 16, y += 16) {
    v128.store(y, madd(f32x4.mul(v128.load(a), v128.load(b)), f, v128.load(y)));
  }
  const tail = n & 3;
  if (tail) {
    const product = f32x4.mul(loadPartial(a, tail, 0), loadPartial(b, tail, 0));
    storePartial(y, madd(product, f, loadPartial(y, tail, 0)), tail);
  }
}
