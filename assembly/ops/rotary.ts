/**
 * Rotary positions (Su et al. 2021), half-split: of every head, element i and element i + half are turned by the angle of the
 * token's position and of i. A unit is a token. The table is made here because WebAssembly's float64 is the same in every engine.
 */
import { addTo, loadPartial, madd, storePartial } from "../base/simd";

/** cos and sin [n, half] of position · frequency for lines [from, to); positions [n] and frequencies [half] are float64. */
export function rotary_table(
  cos: usize, sin: usize, positions: usize, frequencies: usize, half: i32, from: i32, to: i32,
): void {
  for (let line = from; line < to; line++) {
    const position = load<f64>(positions + (<usize>line << 3));
    for (let i = 0; i < half; i++) {
      const angle = position * load<f64>(frequencies + (<usize>i << 3)), at = (<usize>line * half + i) << 2;
      store<f32>(cos + at, <f32>NativeMath.cos(angle));
      store<f32>(sin + at, <f32>NativeMath.sin(angle));
    }
  }
}

/**
 * y_i = c·x_i − s·x_{i + half}, y_{i + half} = s·x_i + c·x_{i + half} in every head of x, y [B, T, H, D]; elements from 2·half on stay. Token t of
 * row b is at first[b] + t (i32 [B]). Tokens [from, to) of the B·T are computed.
 */
export function rotary_forward(
  y: usize, x: usize, cos: usize, sin: usize, first: usize,
  segment: i32, heads: i32, width: i32, half: i32, from: i32, to: i32,
): void {
  turnTokens(y, x, cos, sin, first, segment, heads, width, half, false, from, to);
}

/** dx += dy turned the other way, for tokens [from, to). */
export function rotary_backward(
  dx: usize, dy: usize, cos: usize, sin: usize, first: usize,
  segment: i32, heads: i32, width: i32, half: i32, from: i32, to: i32,
): void {
  turnTokens(dx, dy, cos, sin, first, segment, heads, width, half, true, from, to);
}

/** Every head of tokens [from, to): y = x turned, or y += x turned back. */
@inline
function turnTokens(
  y: usize, x: usize, cos: usize, sin: usize, first: usize,
  segment: i32, heads: i32, width: i32, half: i32, back: bool, from: i32, to: i32,
): void {
  const headBytes = <usize>width << 2, turned = <usize>half << 3;
  for (let token = from; token < to; token++) {
    const line = lineOf(first, token, segment, half);
    let at = <usize>token * heads * headBytes;
    for (let head = 0; head < heads; head++, at += headBytes) {
      turn(y + at, x + at, cos + line, sin + line, half, back);
      if (back) addTo(y + at + turned, x + at + turned, width - 2 * half);
      else memory.copy(y + at + turned, x + at + turned, headBytes - turned);
    }
  }
}

/** Bytes to the table's line for a token. */
@inline
function lineOf(first: usize, token: i32, segment: i32, half: i32): usize {
  return (<usize>(load<i32>(first + (token / segment << 2)) + token % segment) * half) << 2;
}

/** One head: y = x turned by the angles, or y += x turned back. */
@inline
function turn(y: usize, x: usize, cos: usize, sin: usize, half: i32, back: bool): void {
  const halfBytes = <usize>half << 2, tail = half & 3;
  for (const end = x + (<usize>(half & ~3) << 2); x < end; x += 16, y += 16, cos += 16, sin += 16) {
    const c = v128.load(cos), s = back ? f32x4.neg(v128.load(sin)) : v128.load(sin);
    const low = v128.load(x), high = v128.load(x + halfBytes);
    const turnedLow = turnLow(low, high, c, s), turnedHigh = turnHigh(low, high, c, s);
    v128.store(y, back ? f32x4.add(v128.load(y), turnedLow) : turnedLow);
    v128.store(y + halfBytes, back ? f32x4.add(v128.load(y + halfBytes), turnedHigh) : turnedHigh);
  }
  if (!tail) return;
  const c = loadPartial(cos, tail, 0), s = back ? f32x4.neg(loadPartial(sin, tail, 0)) : loadPartial(sin, tail, 0);
  const low = loadPartial(x, tail, 0), high = loadPartial(x + halfBytes, tail, 0);
  const turnedLow = turnLow(low, high, c, s), turnedHigh = turnHigh(low, high, c, s);
  storePartial(y, back ? f32x4.add(loadPartial(y, tail, 0), turnedLow) : turnedLow, tail);
  y += halfBytes;
  storePartial(y, back ? f32x4.add(loadPartial(y, tail, 0), turnedHigh) : turnedHigh, tail);
}

@inline
function turnLow(low: v128, high: v128, c: v128, s: v128): v128 {
  return f32x4.sub(f32x4.mul(c, low), f32x4.mul(s, high));
}

@inline
function turnHigh(low: v128, high: v128, c: v128, s: v128): v128 {
  return madd(c, high, f32x4.mul(s, low));
}
