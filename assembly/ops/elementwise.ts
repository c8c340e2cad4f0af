/**
 * Kernels that treat a tensor as one long vector, whatever its shape: copies, sums, factors, and functions of one element. The
 * backwards of activations recompute from x instead of keeping a mask.
 */
import {
  addScaled, addTo, exponentials, hidden, loadPartial, MOST_EXPONENT, madd, scaleTo, storePartial,
} from "../base/simd";

/** x = 0 over elements [from, to). */
export function zero(x: usize, from: i32, to: i32): void {
  memory.fill(x + (<usize>from << 2), 0, <usize>(to - from) << 2);
}

/** y = x over elements [from, to); y and x must not overlap. */
export function copy(y: usize, x: usize, from: i32, to: i32): void {
  memory.copy(y + (<usize>from << 2), x + (<usize>from << 2), <usize>(to - from) << 2);
}

/** Copies `bytes` bytes; the two ranges may overlap. */
export function move(y: usize, x: usize, bytes: usize): void {
  memory.copy(y, x, bytes);
}

/** Whether no element is NaN or infinite: x − x is 0 exactly for the finite ones. */
export function all_finite(x: usize, n: i32): bool {
  const end = x + (<usize>n << 2);
  const vectorEnd = x + (<usize>(n & ~3) << 2);
  for (; x < vectorEnd; x += 16) {
    const v = v128.load(x);
    if (!i32x4.all_true(f32x4.eq(f32x4.sub(v, v), f32x4.splat(0)))) return false;
  }
  for (; x < end; x += 4) if (!isFinite<f32>(load<f32>(x))) return false;
  return true;
}

/** z = x + y over elements [from, to). */
export function add(z: usize, x: usize, y: usize, from: i32, to: i32): void {
  const n = to - from;
  z += <usize>from << 2;
  x += <usize>from << 2;
  y += <usize>from << 2;
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, y += 16, z += 16) v128.store(z, f32x4.add(v128.load(x), v128.load(y)));
  const tail = n & 3;
  if (tail) storePartial(z, f32x4.add(loadPartial(x, tail, 0), loadPartial(y, tail, 0)), tail);
}

/** y += x over elements [from, to). */
export function add_in_place(y: usize, x: usize, from: i32, to: i32): void {
  addTo(y + (<usize>from << 2), x + (<usize>from << 2), to - from);
}

/** y = factor · x over elements [from, to). */
export function scale(y: usize, x: usize, factor: f32, from: i32, to: i32): void {
  scaleTo(y + (<usize>from << 2), x + (<usize>from << 2), factor, to - from);
}

/** y += factor · x over elements [from, to). */
export function add_scaled(y: usize, x: usize, factor: f32, from: i32, to: i32): void {
  addScaled(y + (<usize>from << 2), x + (<usize>from << 2), factor, to - from);
}

/** y [width] += Σ over the rows of x [rows, width], in order, for columns [from, to). */
export function add_rows(y: usize, x: usize, rows: i32, width: i32, from: i32, to: i32): void {
  y += <usize>from << 2;
  x += <usize>from << 2;
  for (let row = 0; row < rows; row++, x += <usize>width << 2) addTo(y, x, to - from);
}

/** Every row of y += x [width], for rows [from, to). */
export function add_to_rows(y: usize, x: usize, width: i32, from: i32, to: i32): void {
  for (let row = from; row < to; row++) addTo(y + ((<usize>row * width) << 2), x, width);
}

/** y = max(x, 0) over elements [from, to); NaN stays NaN. */
export function relu_forward(y: usize, x: usize, from: i32, to: i32): void {
  const n = to - from;
  y += <usize>from << 2;
  x += <usize>from << 2;
  const zero = f32x4.splat(0);
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, y += 16) v128.store(y, f32x4.pmax(v128.load(x), zero));
  const tail = n & 3;
  if (tail) storePartial(y, f32x4.pmax(loadPartial(x, tail, 0), zero), tail);
}

/** dx = dy where x > 0 and 0 elsewhere, or dx += … when `accumulate`, over elements [from, to). */
export function relu_backward(dx: usize, dy: usize, x: usize, accumulate: bool, from: i32, to: i32): void {
  const n = to - from;
  dx += <usize>from << 2;
  dy += <usize>from << 2;
  x += <usize>from << 2;
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, dy += 16, dx += 16) {
    const passed = whereAbove0(v128.load(dy), v128.load(x));
    v128.store(dx, accumulate ? f32x4.add(v128.load(dx), passed) : passed);
  }
  const tail = n & 3;
  if (tail) {
    const passed = whereAbove0(loadPartial(dy, tail, 0), loadPartial(x, tail, 0));
    storePartial(dx, accumulate ? f32x4.add(loadPartial(dx, tail, 0), passed) : passed, tail);
  }
}

@inline
function whereAbove0(dy: v128, x: v128): v128 {
  return v128.and(dy, f32x4.gt(x, f32x4.splat(0)));
}

/**
 * SiLU and GPT-2's GELU are one family: x · sigmoid(t) with t = x · (linear + cubic · x²). `kind` is one of these; TypeScript passes it.
 */
const SILU: i32 = 0;

/** 2·√(2/π): ½(1 + tanh u) is the sigmoid of 2u, so the 2 is folded in. */
const GELU_LINEAR: f32 = 1.5957691216057308;
const GELU_CUBIC: f32 = 0.044715 * 1.5957691216057308;
/** Elements whose exponentials are computed together, and stay in L1 until they are used. */
export const ACTIVATION_BLOCK: i32 = 1024;

@inline
export function linearOf(kind: i32): f32 {
  return kind == SILU ? 1 : GELU_LINEAR;
}

@inline
export function cubicOf(kind: i32): f32 {
  return kind == SILU ? 0 : GELU_CUBIC;
}

/** Bytes of scratch for the backwards of activations and of gates: two blocks. */
export function activation_scratch_bytes(): i32 {
  return 2 * ACTIVATION_BLOCK << 2;
}

/**
 * y = x · sigmoid(t) over elements [from, to), y is not x. SiLU (`kind` 0) has t = x; GPT-2's GELU (1), x · ½(1 + tanh(√(2/π)·(x + 0.044715·x³))), has
 * twice the tanh's argument.
 */
export function sigmoid_weighted_forward(y: usize, x: usize, kind: i32, from: i32, to: i32): void {
  for (let at = from; at < to; at += ACTIVATION_BLOCK) {
    const n = min(ACTIVATION_BLOCK, to - at), offset = <usize>at << 2;
    negativeExponentials(y + offset, x + offset, kind, n);
    timesSigmoid(y + offset, x + offset, n);
  }
}

/** dx += dy · y'(x) over elements [from, to). `scratch`: activation_scratch_bytes. */
export function sigmoid_weighted_backward(
  dx: usize, dy: usize, x: usize, kind: i32, from: i32, to: i32, scratch: usize,
): void {
  for (let at = from; at < to; at += ACTIVATION_BLOCK) {
    const n = min(ACTIVATION_BLOCK, to - at), offset = <usize>at << 2;
    negativeExponentials(scratch, x + offset, kind, n);
    addSlope(dx + offset, dy + offset, x + offset, scratch, kind, n);
  }
}

/** e = e^−t(x) over `n` floats. */
export function negativeExponentials(e: usize, x: usize, kind: i32, n: i32): void {
  const zero = n >> 31; // n is never negative
  const cubic = hidden(-cubicOf(kind), zero), linear = hidden(-linearOf(kind), zero);
  const most = hidden(MOST_EXPONENT, zero), largest = hidden(f32.MAX_VALUE, zero);
  let y = e;
  for (const end = x + (<usize>(n & ~3) << 2); x < end; x += 16, y += 16) {
    v128.store(y, exponent(v128.load(x), cubic, linear, most, largest));
  }
  const tail = n & 3;
  if (tail) storePartial(y, exponent(loadPartial(x, tail, 0), cubic, linear, most, largest), tail);
  exponentials(e, e, 0, n);
}

/** −t, at most MOST_EXPONENT. x² stays finite, so that SiLU's 0 · x² is 0. */
@inline
function exponent(x: v128, cubic: v128, linear: v128, most: v128, largest: v128): v128 {
  const square = f32x4.pmin(f32x4.mul(x, x), largest);
  return f32x4.pmin(f32x4.mul(x, madd(square, cubic, linear)), most);
}

/** y = x · sigmoid over `n` floats, where y held the exponentials. */
function timesSigmoid(y: usize, x: usize, n: i32): void {
  const one = hidden(1, n >> 31);
  for (const end = x + (<usize>(n & ~3) << 2); x < end; x += 16, y += 16) {
    v128.store(y, f32x4.mul(v128.load(x), sigmoid(v128.load(y), one)));
  }
  const tail = n & 3;
  if (tail) storePartial(y, f32x4.mul(loadPartial(x, tail, 0), sigmoid(loadPartial(y, tail, 0), one)), tail);
}

@inline
export function sigmoid(e: v128, one: v128): v128 {
  return f32x4.div(one, f32x4.add(one, e));
}

/** dx += dy · slope over `n` floats, from the exponentials e. */
export function addSlope(dx: usize, dy: usize, x: usize, e: usize, kind: i32, n: i32): void {
  const zero = n >> 31;
  const one = hidden(1, zero), cubic = hidden(3 * cubicOf(kind), zero), linear = hidden(linearOf(kind), zero);
  const largest = hidden(f32.MAX_VALUE, zero);
  for (const end = x + (<usize>(n & ~3) << 2); x < end; x += 16, dy += 16, dx += 16, e += 16) {
    const slope = slopeOf(v128.load(x), sigmoid(v128.load(e), one), one, cubic, linear, largest);
    v128.store(dx, madd(v128.load(dy), slope, v128.load(dx)));
  }
  const tail = n & 3;
  if (tail) {
    const slope = slopeOf(loadPartial(x, tail, 0), sigmoid(loadPartial(e, tail, 0), one), one, cubic, linear, largest);
    storePartial(dx, madd(loadPartial(dy, tail, 0), slope, loadPartial(dx, tail, 0)), tail);
  }
}

/** With s the sigmoid and t its argument: s + x · s · (1 − s) · dt/dx. */
@inline
function slopeOf(x: v128, s: v128, one: v128, cubic: v128, linear: v128, largest: v128): v128 {
  const tSlope = madd(f32x4.pmin(f32x4.mul(x, x), largest), cubic, linear);
  const curve = f32x4.mul(f32x4.mul(s, f32x4.sub(one, s)), tSlope);
  return madd(x, curve, s);
}

/** y = height · σ(x) over elements [from, to), y is not x. */
export function sigmoid_forward(y: usize, x: usize, height: f32, from: i32, to: i32): void {
  const n = to - from, zero = n >> 31; // n is never negative
  y += <usize>from << 2;
  negativeExponentials(y, x + (<usize>from << 2), SILU, n); // the exponent of SiLU is that of the sigmoid
  const one = hidden(1, zero), most = hidden(height, zero);
  for (const end = y + (<usize>(n & ~3) << 2); y < end; y += 16) {
    v128.store(y, f32x4.mul(most, sigmoid(v128.load(y), one)));
  }
  const tail = n & 3;
  if (tail) storePartial(y, f32x4.mul(most, sigmoid(loadPartial(y, tail, 0), one)), tail);
}

/** dx += dy · y (1 − y / height) over elements [from, to). */
export function sigmoid_backward(dx: usize, dy: usize, y: usize, height: f32, from: i32, to: i32): void {
  const n = to - from, zero = n >> 31;
  const one = hidden(1, zero), inverse = hidden(1 / height, zero);
  dx += <usize>from << 2;
  dy += <usize>from << 2;
  y += <usize>from << 2;
  for (const end = y + (<usize>(n & ~3) << 2); y < end; y += 16, dx += 16, dy += 16) {
    v128.store(dx, addSigmoidSlope(v128.load(dx), v128.load(dy), v128.load(y), one, inverse));
  }
  const tail = n & 3;
  if (tail) {
    const slope = addSigmoidSlope(loadPartial(dx, tail, 0), loadPartial(dy, tail, 0), loadPartial(y, tail, 0), one, inverse);
    storePartial(dx, slope, tail);
  }
}

@inline
function addSigmoidSlope(dx: v128, dy: v128, y: v128, one: v128, inverse: v128): v128 {
  return madd(dy, f32x4.mul(y, f32x4.sub(one, f32x4.mul(y, inverse))), dx);
}
