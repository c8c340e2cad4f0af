/**
 * LayerNorm and its backward. A row is centred and summed while it is in L1; two numbers per row, its mean and its factor, are kept
 * for the backward.
 */
import { dot, loadPartial, madd, storePartial, sumLanes, sumOf } from "../base/simd";

/**
 * y = (x − mean) · rstd · weight + bias with rstd = rsqrt(var + eps), for rows [from, to) of `width` floats. Keeps mean and rstd
 * [rows]. y is not x.
 */
export function layernorm_forward(
  y: usize, mean: usize, rstd: usize, x: usize, weight: usize, bias: usize, width: i32, eps: f32, from: i32, to: i32,
): void {
  const rowBytes = <usize>width << 2;
  for (let row = from; row < to; row++) {
    const at = <usize>row * rowBytes, kept = <usize>row << 2;
    const m: f32 = sumOf(x + at, width) / <f32>width;
    centre(y + at, x + at, m, width);
    const r: f32 = 1 / sqrt<f32>(dot(y + at, y + at, width) / <f32>width + eps);
    store<f32>(mean + kept, m);
    store<f32>(rstd + kept, r);
    scaleAndShift(y + at, weight, bias, r, width);
  }
}

/** y = x − mean, one row. */
function centre(y: usize, x: usize, mean: f32, width: i32): void {
  const m = f32x4.splat(mean);
  for (const end = x + (<usize>(width & ~3) << 2); x < end; x += 16, y += 16) v128.store(y, f32x4.sub(v128.load(x), m));
  const tail = width & 3;
  if (tail) storePartial(y, f32x4.sub(loadPartial(x, tail, 0), m), tail);
}

/** y ← y · factor · weight + bias, one row. */
function scaleAndShift(y: usize, weight: usize, bias: usize, factor: f32, width: i32): void {
  const r = f32x4.splat(factor);
  for (const end = y + (<usize>(width & ~3) << 2); y < end; y += 16, weight += 16, bias += 16) {
    v128.store(y, madd(f32x4.mul(v128.load(y), r), v128.load(weight), v128.load(bias)));
  }
  const tail = width & 3;
  if (tail) {
    const normal = f32x4.mul(loadPartial(y, tail, 0), r);
    storePartial(y, madd(normal, loadPartial(weight, tail, 0), loadPartial(bias, tail, 0)), tail);
  }
}

/** x̂ = (x − mean) · rstd. */
@inline
function normalised(x: v128, mean: v128, rstd: v128): v128 {
  return f32x4.mul(f32x4.sub(x, mean), rstd);
}

/**
 * With g = dy · weight: dx += rstd · (g − mean(g) − x̂ · mean(g · x̂)), for rows [from, to) of `width` floats.
 */
export function layernorm_backward(
  dx: usize, dy: usize, x: usize, weight: usize, mean: usize, rstd: usize, width: i32, from: i32, to: i32,
): void {
  const rowBytes = <usize>width << 2;
  for (let row = from; row < to; row++) {
    const at = <usize>row * rowBytes, kept = <usize>row << 2;
    addInputGradient(dx + at, dy + at, x + at, weight, load<f32>(mean + kept), load<f32>(rstd + kept), width);
  }
}

/** The sum for one row: two sums over it, then the gradient. */
function addInputGradient(dx: usize, dy: usize, x: usize, weight: usize, mean: f32, rstd: f32, width: i32): void {
  const m = f32x4.splat(mean), r = f32x4.splat(rstd), vectors = <usize>(width & ~3) << 2, tail = width & 3;
  let sum = f32x4.splat(0), along = sum;
  for (let i: usize = 0; i < vectors; i += 16) {
    const g = f32x4.mul(v128.load(dy + i), v128.load(weight + i));
    sum = f32x4.add(sum, g);
    along = madd(g, normalised(v128.load(x + i), m, r), along);
  }
  if (tail) {
    const g = f32x4.mul(loadPartial(dy + vectors, tail, 0), loadPartial(weight + vectors, tail, 0));
    sum = f32x4.add(sum, g);
    along = madd(g, normalised(loadPartial(x + vectors, tail, 0), m, r), along); // g is 0 beyond the tail
  }
  const level = f32x4.splat(sumLanes(sum) / <f32>width), pull = f32x4.splat(-sumLanes(along) / <f32>width);
  for (let i: usize = 0; i < vectors; i += 16) {
    const g = f32x4.mul(v128.load(dy + i), v128.load(weight + i));
    const inner = madd(normalised(v128.load(x + i), m, r), pull, f32x4.sub(g, level));
    v128.store(dx + i, madd(inner, r, v128.load(dx + i)));
  }
  if (tail) {
    const g = f32x4.mul(loadPartial(dy + vectors, tail, 0), loadPartial(weight + vectors, tail, 0));
    const inner = madd(normalised(loadPartial(x + vectors, tail, 0), m, r), pull, f32x4.sub(g, level));
    storePartial(dx + vectors, madd(inner, r, loadPartial(dx + vectors, tail, 0)), tail);
  }
}

/** dweight += Σ_rows dy · x̂ for columns [from, to): threads share columns, so that each sum runs over the rows in order. */
export function layernorm_weight_backward(
  dweight: usize, dy: usize, x: usize, mean: usize, rstd: usize, rows: i32, width: i32, from: i32, to: i32,
): void {
  for (let row = 0; row < rows; row++, mean += 4, rstd += 4) {
    const at = (<usize>row * width + from) << 2;
    addNormalisedProduct(dweight + (<usize>from << 2), dy + at, x + at, load<f32>(mean), load<f32>(rstd), to - from);
  }
}

/** y += dy · x̂ over `n` floats. */
function addNormalisedProduct(y: usize, dy: usize, x: usize, mean: f32, rstd: f32, n: i32): void {
  const m = f32x4.splat(mean), r = f32x4.splat(rstd);
  for (const end = y + (<usize>(n & ~3) << 2); y < end; y += 16, dy += 16, x += 16) {
    v128.store(y, madd(v128.load(dy), normalised(v128.load(x), m, r), v128.load(y)));
  }
  const tail = n & 3;
  if (tail) {
    const product = madd(loadPartial(dy, tail, 0), normalised(loadPartial(x, tail, 0), m, r), loadPartial(y, tail, 0));
    storePartial(y, product, tail);
  }
}
