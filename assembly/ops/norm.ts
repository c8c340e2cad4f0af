/**
 * RMSNorm, L2 normalisation and their backward. One pass reads a row, one writes it; one factor per row is kept for the
 * backward.
 */
import { scale } from "./elementwise";
import { loadPartial, madd, storePartial, sumLanes } from "../base/simd";
import { dot } from "../base/vectors";

/** y = x · rstd · scale with rstd = rsqrt(mean(x²) + eps), for rows [from, to) of `width` floats. Keeps rstd [rows]. */
export function rmsnorm_forward(
  y: usize, rstd: usize, x: usize, scale: usize, width: i32, eps: f32, from: i32, to: i32,
): void {
  const rowBytes = <usize>width << 2;
  y += <usize>from * rowBytes;
  x += <usize>from * rowBytes;
  rstd += <usize>from << 2;
  for (let row = from; row < to; row++, x += rowBytes, y += rowBytes, rstd += 4) {
    const r: f32 = 1 / sqrt<f32>(dot(x, x, width) / <f32>width + eps);
    store<f32>(rstd, r);
    scaleRow(y, x, scale, r, width);
  }
}

/** y = (x · factor) · scale, one row. */
function scaleRow(y: usize, x: usize, scale: usize, factor: f32, width: i32): void {
  const r = f32x4.splat(factor);
  const end = x + (<usize>(width & ~3) << 2);
  for (; x < end; x += 16, y += 16, scale += 16) {
    v128.store(y, f32x4.mul(f32x4.mul(v128.load(x), r), v128.load(scale)));
  }
  const tail = width & 3;
  if (tail) {
    storePartial(y, f32x4.mul(f32x4.mul(loadPartial(x, tail, 0), r), loadPartial(scale, tail, 0)), tail);
  }
}

/**
 * With x̂ = x · rstd: dscale += Σ_rows dy · x̂, and dx += rstd · (dy·scale − x̂ · mean(dy·scale·x̂)).
 */
export function rmsnorm_backward(
  dx: usize, dscale: usize, dy: usize, x: usize, scale: usize, rstd: usize, rows: i32, width: i32,
): void {
  const rowBytes = <usize>width << 2;
  for (let row = 0; row < rows; row++, dx += rowBytes, dy += rowBytes, x += rowBytes, rstd += 4) {
    const r = load<f32>(rstd);
    const mean = rmsnormScaleGradient(dscale, dy, x, scale, r, width) / <f32>width;
    rmsnormInputGradient(dx, dy, x, scale, r, mean, width);
  }
}

/** dscale += dy · x̂ for one row; returns Σ dy · scale · x̂. */
function rmsnormScaleGradient(dscale: usize, dy: usize, x: usize, scale: usize, rstd: f32, width: i32): f32 {
  const r = f32x4.splat(rstd);
  let sum = f32x4.splat(0);
  const end = x + (<usize>(width & ~3) << 2);
  for (; x < end; x += 16, dy += 16, scale += 16, dscale += 16) {
    const product = f32x4.mul(v128.load(dy), f32x4.mul(v128.load(x), r));
    v128.store(dscale, f32x4.add(v128.load(dscale), product));
    sum = madd(product, v128.load(scale), sum);
  }
  const tail = width & 3;
  if (tail) {
    const product = f32x4.mul(loadPartial(dy, tail, 0), f32x4.mul(loadPartial(x, tail, 0), r));
    storePartial(dscale, f32x4.add(loadPartial(dscale, tail, 0), product), tail);
    sum = madd(product, loadPartial(scale, tail, 0), sum);
  }
  return sumLanes(sum);
}

/** dx += rstd · (dy · scale − x̂ · mean) for one row. */
function rmsnormInputGradient(dx: usize, dy: usize, x: usize, scale: usize, rstd: f32, mean: f32, width: i32): void {
  const r = f32x4.splat(rstd);
  const pull = f32x4.splat(-mean * rstd);
  const end = x + (<usize>(width & ~3) << 2);
  for (; x < end; x += 16, dx += 16, dy += 16, scale += 16) {
    const inner = madd(v128.load(x), pull, f32x4.mul(v128.load(dy), v128.load(scale)));
    v128.store(dx, madd(inner, r, v128.load(dx)));
  }
  const tail = width & 3;
  if (tail) {
    const inner = madd(loadPartial(x, tail, 0), pull, f32x4.mul(loadPartial(dy, tail, 0), loadPartial(scale, tail, 0)));
    storePartial(dx, madd(inner, r, loadPartial(dx, tail, 0)), tail);
  }
}

/** Smaller norms are raised to this, so that a row of zeros gives zeros (like torch's F.normalize with eps = 1e-6). */
const LEAST_NORM: f32 = 1e-6;

/** y = x / max(‖x‖, 1e-6) for rows [from, to) of `width` floats. Keeps the factor, `inverse` [rows]. */
export function l2norm_forward(y: usize, inverse: usize, x: usize, width: i32, from: i32, to: i32): void {
  const rowBytes = <usize>width << 2;
  y += <usize>from * rowBytes;
  x += <usize>from * rowBytes;
  inverse += <usize>from << 2;
  for (let row = from; row < to; row++, x += rowBytes, y += rowBytes, inverse += 4) {
    const factor: f32 = 1 / max(sqrt<f32>(dot(x, x, width)), LEAST_NORM);
    store<f32>(inverse, factor);
    scale(y, x, factor, width);
  }
}

/** dx += (dy − y · (y·dy)) / ‖x‖ for rows [from, to); dx += dy / 1e-6 for a row whose norm is below 1e-6. */
export function l2norm_backward(
  dx: usize, dy: usize, y: usize, inverse: usize, width: i32, from: i32, to: i32,
): void {
  const rowBytes = <usize>width << 2;
  dx += <usize>from * rowBytes;
  dy += <usize>from * rowBytes;
  y += <usize>from * rowBytes;
  inverse += <usize>from << 2;
  for (let row = from; row < to; row++, dx += rowBytes, dy += rowBytes, y += rowBytes, inverse += 4) {
    const factor = load<f32>(inverse);
    const along: f32 = factor < 1 / LEAST_NORM ? dot(y, dy, width) : 0;
    l2normInputGradient(dx, dy, y, factor, along, width);
  }
}

/** dx += factor · (dy − y · along) for one row. */
function l2normInputGradient(dx: usize, dy: usize, y: usize, factor: f32, along: f32, width: i32): void {
  const f = f32x4.splat(factor), a = f32x4.splat(-along);
  const end = dx + (<usize>(width & ~3) << 2);
  for (; dx < end; dx += 16, dy += 16, y += 16) {
    v128.store(dx, madd(madd(v128.load(y), a, v128.load(dy)), f, v128.load(dx)));
  }
  const tail = width & 3;
  if (tail) {
    const across = madd(loadPartial(y, tail, 0), a, loadPartial(dy, tail, 0));
    storePartial(dx, madd(across, f, loadPartial(dx, tail, 0)), tail);
  }
}
