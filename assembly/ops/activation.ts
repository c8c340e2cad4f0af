/**
 * Activations of the feed-forward layer and their backward. Backward recomputes from x instead of keeping a mask.
 */
import { exponentials, MOST_EXPONENT } from "../base/exp";
import { hidden, loadPartial, madd, storePartial } from "../base/simd";

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
