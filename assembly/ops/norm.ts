/**
 * RMSNorm, L2 normalisation, and smeared keys, which are normalised again; each with its backward. One pass reads a row, one writes it;
 * one factor per row is kept for the backward.
 */
import { addScaled, addTo, dot, loadPartial, madd, scaleTo, storePartial, sumLanes } from "../base/simd";

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
 * With x̂ = x · rstd: dx += rstd · (dy·scale − x̂ · mean(dy·scale·x̂)), for rows [from, to) of `width` floats. Two rows are summed side
 * by side, since each sum is one chain.
 */
export function rmsnorm_backward(
  dx: usize, dy: usize, x: usize, scale: usize, rstd: usize, width: i32, from: i32, to: i32,
): void {
  const rowBytes = <usize>width << 2;
  for (let row = from; row < to; row += 2) {
    const at = <usize>row * rowBytes, next = row + 1 < to ? rowBytes : 0;
    const r0 = load<f32>(rstd + (row << 2)), r1 = next ? load<f32>(rstd + (row << 2), 4) : r0;
    const sums = sumsOfTwoRows(dy + at, x + at, next, scale, r0, r1, width);
    const mean0: f32 = f32x4.extract_lane(sums, 0) / <f32>width, mean1: f32 = f32x4.extract_lane(sums, 1) / <f32>width;
    rmsnormInputGradient(dx + at, dy + at, x + at, scale, r0, mean0, width);
    if (next) rmsnormInputGradient(dx + at + next, dy + at + next, x + at + next, scale, r1, mean1, width);
  }
}

/** Σ dy · x̂ · scale over a row and over the row `next` bytes after it, in lanes 0 and 1. */
function sumsOfTwoRows(dy: usize, x: usize, next: usize, scale: usize, rstd0: f32, rstd1: f32, width: i32): v128 {
  const r0 = f32x4.splat(rstd0), r1 = f32x4.splat(rstd1);
  let sum0 = f32x4.splat(0), sum1 = sum0;
  const end = x + (<usize>(width & ~3) << 2);
  for (; x < end; x += 16, dy += 16, scale += 16) {
    const s = v128.load(scale);
    sum0 = madd(f32x4.mul(v128.load(dy), f32x4.mul(v128.load(x), r0)), s, sum0);
    sum1 = madd(f32x4.mul(v128.load(dy + next), f32x4.mul(v128.load(x + next), r1)), s, sum1);
  }
  const tail = width & 3;
  if (tail) {
    const s = loadPartial(scale, tail, 0);
    const product0 = f32x4.mul(loadPartial(dy, tail, 0), f32x4.mul(loadPartial(x, tail, 0), r0));
    const product1 = f32x4.mul(loadPartial(dy + next, tail, 0), f32x4.mul(loadPartial(x + next, tail, 0), r1));
    sum0 = madd(product0, s, sum0);
    sum1 = madd(product1, s, sum1);
  }
  return f32x4.replace_lane(f32x4.splat(sumLanes(sum0)), 1, sumLanes(sum1));
}

/**
 * dscale += Σ_rows dy · x̂ for columns [from, to): threads share columns, so that each sum runs over the rows in order.
 */
export function rmsnorm_scale_backward(
  dscale: usize, dy: usize, x: usize, rstd: usize, rows: i32, width: i32, from: i32, to: i32,
): void {
  for (let row = 0; row < rows; row++, rstd += 4) {
    const at = (<usize>row * width + from) << 2;
    addScaledProduct(dscale + (<usize>from << 2), dy + at, x + at, load<f32>(rstd), to - from);
  }
}

/** y += a · (b · factor) over `n` floats. */
function addScaledProduct(y: usize, a: usize, b: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16, a += 16, b += 16) {
    v128.store(y, f32x4.add(v128.load(y), f32x4.mul(v128.load(a), f32x4.mul(v128.load(b), f))));
  }
  const tail = n & 3;
  if (tail) {
    const product = f32x4.mul(loadPartial(a, tail, 0), f32x4.mul(loadPartial(b, tail, 0), f));
    storePartial(y, f32x4.add(loadPartial(y, tail, 0), product), tail);
  }
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
    scaleTo(y, x, factor, width);
  }
}

/**
 * dx = (dy − y · (y·dy)) / ‖x‖, or dx += … when `accumulate`, for rows [from, to); dy / 1e-6 for a row whose norm is below 1e-6.
 */
export function l2norm_backward(
  dx: usize, dy: usize, y: usize, inverse: usize, width: i32, accumulate: bool, from: i32, to: i32,
): void {
  const rowBytes = <usize>width << 2;
  dx += <usize>from * rowBytes;
  dy += <usize>from * rowBytes;
  y += <usize>from * rowBytes;
  inverse += <usize>from << 2;
  for (let row = from; row < to; row++, dx += rowBytes, dy += rowBytes, y += rowBytes, inverse += 4) {
    const factor = load<f32>(inverse);
    const along: f32 = factor < 1 / LEAST_NORM ? dot(y, dy, width) : 0;
    l2normInputGradient(dx, dy, y, factor, along, width, accumulate);
  }
}

/** dx (+)= factor · (dy − y · along) for one row. */
function l2normInputGradient(dx: usize, dy: usize, y: usize, factor: f32, along: f32, width: i32, accumulate: bool): void {
  const f = f32x4.splat(factor), a = f32x4.splat(-along), none = f32x4.splat(0);
  const end = dx + (<usize>(width & ~3) << 2);
  for (; dx < end; dx += 16, dy += 16, y += 16) {
    v128.store(dx, madd(madd(v128.load(y), a, v128.load(dy)), f, accumulate ? v128.load(dx) : none));
  }
  const tail = width & 3;
  if (tail) {
    const across = madd(loadPartial(y, tail, 0), a, loadPartial(dy, tail, 0));
    storePartial(dx, madd(across, f, accumulate ? loadPartial(dx, tail, 0) : none), tail);
  }
}

// Smeared keys (Olsson et al. 2022): each key is mixed with the key of the token before, so it also describes the token that precedes
// its value. A unit is one head of one row, unit = row · heads + head, and walks through its tokens in order.

/**
 * y_i = u_i / max(‖u_i‖, 1e-6) with u_i = a k_i + (1 − a) k_{i−1}, a = sigmoid(alpha of the head). k, y [B, T, H, D];
 * k_{−1} is in `before` [B, H, D]. A row whose `known` [B] (i32) is 0 has none, and y_0 = k_0. Keeps the factors,
 * `inverse` [B, H, T]; a key without a predecessor has factor 0. Units [from, to) of the B·H are computed.
 */
export function smear_forward(
  y: usize, inverse: usize, k: usize, before: usize, known: usize, alpha: usize,
  segment: i32, heads: i32, width: i32, from: i32, to: i32,
): void {
  const headBytes = <usize>width << 2, stride = <usize>heads * headBytes;
  for (let unit = from; unit < to; unit++) {
    const row = unit / heads, head = unit % heads;
    const a = sigmoid(load<f32>(alpha + (head << 2)));
    const begin = <usize>row * segment * stride + <usize>head * headBytes;
    let previous = before + <usize>unit * headBytes;
    let factor = inverse + ((<usize>unit * segment) << 2);
    let i = 0, at = begin;
    if (segment > 0 && load<i32>(known + (row << 2)) == 0) {
      memory.copy(y + at, k + at, headBytes);
      store<f32>(factor, 0);
      previous = k + at;
      i++, at += stride, factor += 4;
    }
    for (; i < segment; i++, at += stride, factor += 4) {
      scaleTo(y + at, k + at, a, width);
      addScaled(y + at, previous, 1 - a, width);
      l2norm_forward(y + at, factor, y + at, width, 0, 1);
      previous = k + at;
    }
  }
}

/**
 * With du the gradient of u_i: dk_i += a du, dk_{i−1} += (1 − a) du, and dalpha [B, H] = a (1 − a) Σ_i du · (k_i − k_{i−1}).
 * `before` gets no gradient. dalpha is per unit; add_rows adds it up. `scratch`: D floats.
 */
export function smear_backward(
  dk: usize, dalpha: usize, dy: usize, y: usize, inverse: usize, k: usize, before: usize, alpha: usize,
  segment: i32, heads: i32, width: i32, from: i32, to: i32, scratch: usize,
): void {
  const headBytes = <usize>width << 2, stride = <usize>heads * headBytes;
  for (let unit = from; unit < to; unit++) {
    const row = unit / heads, head = unit % heads;
    const a = sigmoid(load<f32>(alpha + (head << 2)));
    let factor = inverse + ((<usize>unit * segment) << 2);
    let at = <usize>row * segment * stride + <usize>head * headBytes;
    let previous = before + <usize>unit * headBytes;
    let sum: f32 = 0;
    for (let i = 0; i < segment; i++, at += stride, factor += 4) {
      if (load<f32>(factor) == 0) addTo(dk + at, dy + at, width);
      else {
        l2norm_backward(scratch, dy + at, y + at, factor, width, false, 0, 1);
        addScaled(dk + at, scratch, a, width);
        if (i > 0) addScaled(dk + at - stride, scratch, 1 - a, width);
        sum += dot(scratch, k + at, width) - dot(scratch, previous, width);
      }
      previous = k + at;
    }
    store<f32>(dalpha + (unit << 2), a * (1 - a) * sum);
  }
}

function sigmoid(x: f32): f32 {
  return <f32>(1 / (1 + Math.exp(-x)));
}
