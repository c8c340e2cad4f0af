/**
 * Activations of the feed-forward layer and their backward. Backward recomputes from x instead of keeping a mask.
 */
import { exp4, loadPartial, madd, storePartial } from "../base/simd";

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

/** dx += dy where x > 0, over elements [from, to). */
export function relu_backward(dx: usize, dy: usize, x: usize, from: i32, to: i32): void {
  const n = to - from;
  dx += <usize>from << 2;
  dy += <usize>from << 2;
  x += <usize>from << 2;
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, dy += 16, dx += 16) {
    v128.store(dx, f32x4.add(v128.load(dx), whereAbove0(v128.load(dy), v128.load(x))));
  }
  const tail = n & 3;
  if (tail) {
    const passed = whereAbove0(loadPartial(dy, tail, 0), loadPartial(x, tail, 0));
    storePartial(dx, f32x4.add(loadPartial(dx, tail, 0), passed), tail);
  }
}

@inline
function whereAbove0(dy: v128, x: v128): v128 {
  return v128.and(dy, f32x4.gt(x, f32x4.splat(0)));
}

/** y = gelu(x) over elements [from, to). */
export function gelu_forward(y: usize, x: usize, from: i32, to: i32): void {
  const n = to - from;
  y += <usize>from << 2;
  x += <usize>from << 2;
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, y += 16) v128.store(y, gelu(v128.load(x)));
  const tail = n & 3;
  if (tail) storePartial(y, gelu(loadPartial(x, tail, 0)), tail);
}

/** dx += dy · gelu'(x) over elements [from, to). */
export function gelu_backward(dx: usize, dy: usize, x: usize, from: i32, to: i32): void {
  const n = to - from;
  dx += <usize>from << 2;
  dy += <usize>from << 2;
  x += <usize>from << 2;
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, dy += 16, dx += 16) {
    v128.store(dx, madd(v128.load(dy), geluSlope(v128.load(x)), v128.load(dx)));
  }
  const tail = n & 3;
  if (tail) {
    const slope = geluSlope(loadPartial(x, tail, 0));
    storePartial(dx, madd(loadPartial(dy, tail, 0), slope, loadPartial(dx, tail, 0)), tail);
  }
}

/** 2·√(2/π): ½(1 + tanh u) is the sigmoid of 2u, so the 2 is folded in. */
const GELU_LINEAR: f32 = 1.5957691216057308;
const GELU_CUBIC: f32 = 0.044715 * 1.5957691216057308;

/** x · ½(1 + tanh(√(2/π)·(x + 0.044715·x³))), GPT-2's approximation, as x · sigmoid. */
@inline
function gelu(x: v128): v128 {
  return f32x4.mul(x, geluSigmoid(x));
}

@inline
function geluSigmoid(x: v128): v128 {
  const square = f32x4.mul(x, x);
  const minusT = f32x4.mul(x, madd(square, f32x4.splat(-GELU_CUBIC), f32x4.splat(-GELU_LINEAR)));
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp4(minusT)));
}

/** With s the sigmoid and t its argument: s + x · s · (1 − s) · dt/dx. */
@inline
function geluSlope(x: v128): v128 {
  const s = geluSigmoid(x);
  const square = f32x4.mul(x, x);
  const tSlope = madd(square, f32x4.splat(3 * GELU_CUBIC), f32x4.splat(GELU_LINEAR));
  const curve = f32x4.mul(f32x4.mul(s, f32x4.sub(f32x4.splat(1), s)), tSlope);
  return madd(x, curve, s);
}
