/**
 * How a memory stores its vectors: as floats, or as IEEE halves in half the bytes. Pairs are written into rings; narrowing, widening,
 * addressing.
 *
 * Nothing computes with halves. Kernels that read stored vectors ask `floatsAt` for floats, one vector or a block of them at a
 * time, so every kernel computes with the same f32 numbers however they are stored. A half is 1 bit of sign, 5 of exponent
 * and 10 of fraction.
 */
import { hidden, hiddenInteger } from "./simd";

/** Bits of a float's fraction that a half does not have. */
const FRACTION_GAP: i32 = 13;
/** 2^(127 − 15): the exponents' biases differ by 112. */
const BIAS_GAP: f32 = 5.192296858534828e33;
/** Sign, five bits of exponent and ten of fraction, as they lie in a float of too small an exponent. */
const HALF_BITS: i32 = 0x8fffe000;
const SIGN: i32 = 0x80000000;
/** The largest half. Larger floats become this, because an infinity would turn every average it enters into NaN. */
const MOST: f32 = 65504;
/** The smallest half with a full fraction; below it, halves are multiples of 2⁻²⁴. */
const LEAST_NORMAL: f32 = 6.103515625e-5;
/** Its last bit is worth 2⁻²⁴, so adding it rounds a smaller number to a subnormal half, in the low bits of the sum. */
const SUBNORMAL_ROUNDER: f32 = 0.5;
/** Half of the last kept bit, minus one, and the gap between the biases. */
const ROUNDER: i32 = (1 << (FRACTION_GAP - 1)) - 1 - (112 << 23);
const NAN_HALF: i32 = 0x7e00;

/** Bytes of `n` stored numbers. */
@inline
export function storedBytes(n: usize, float16: bool): usize {
  return n << (float16 ? 1 : 2);
}

/**
 * Address of numbers [first, first + n) of a stored array, as floats. Floats are not copied; halves are widened into `room`
 * (n floats).
 */
@inline
export function floatsAt(array: usize, first: usize, n: i32, float16: bool, room: usize): usize {
  if (!float16) return array + (first << 2);
  unpackHalf(room, array + (first << 1), n);
  return room;
}

/** y [n] (f32) = x [n] (f16), exactly. */
export function unpackHalf(y: usize, x: usize, n: i32): void {
  const zero = n >> 31; // n is never negative
  const bits = hiddenInteger(HALF_BITS, zero), gap = hidden(BIAS_GAP, zero);
  const beyond = hidden(65536, zero), infinity = hidden(Infinity, zero);
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16, x += 8) v128.store(y, widen(v128.load_ext<i16>(x), bits, gap, beyond, infinity));
  for (let tail = n & 3; tail > 0; tail--, y += 4, x += 2) {
    v128.store_lane<f32>(y, widen(i32x4.splat(load<i16>(x)), bits, gap, beyond, infinity), 0);
  }
}

/** As `floatsAt`, in half the time, for numbers that are known to be finite. */
@inline
export function finiteFloatsAt(array: usize, first: usize, n: i32, float16: bool, room: usize): usize {
  if (!float16) return array + (first << 2);
  const zero = n >> 31; // n is never negative
  const bits = hiddenInteger(HALF_BITS, zero), gap = hidden(BIAS_GAP, zero);
  let x = array + (first << 1), y = room;
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16, x += 8) v128.store(y, widenFinite(v128.load_ext<i16>(x), bits, gap));
  for (let tail = n & 3; tail > 0; tail--, y += 4, x += 2) {
    v128.store_lane<f32>(y, widenFinite(i32x4.splat(load<i16>(x)), bits, gap), 0);
  }
  return room;
}

/**
 * Four sign-extended halves → four floats. Moving the bits to where a float has them gives the number divided by the factor
 * between the biases. Multiplying by that factor is exact and normalises subnormal halves.
 */
@inline
function widenFinite(halves: v128, bits: v128, gap: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(halves, FRACTION_GAP), bits), gap);
}

/** The same for all halves: a result of 2¹⁶ or more had the exponent of infinity or NaN, and gets a float's. */
@inline
function widen(halves: v128, bits: v128, gap: v128, beyond: v128, infinity: v128): v128 {
  const x = widenFinite(halves, bits, gap);
  return v128.or(x, v128.and(f32x4.ge(f32x4.abs(x), beyond), infinity));
}

/** y [n] (f16) = x [n] (f32), rounded to nearest, ties to even. Numbers beyond ±65504 become ±65504; NaN stays NaN. */
export function packHalf(y: usize, x: usize, n: i32): void {
  const zero = n >> 31;
  const signs = hiddenInteger(SIGN, zero), most = hidden(MOST, zero), least = hidden(LEAST_NORMAL, zero);
  const one = hiddenInteger(1, zero), rounder = hiddenInteger(ROUNDER, zero), nan = hiddenInteger(NAN_HALF, zero);
  const small = hidden(SUBNORMAL_ROUNDER, zero);
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, y += 8) {
    const halves = narrow(v128.load(x), signs, most, least, one, rounder, small, nan);
    v128.store_lane<i64>(y, i16x8.narrow_i32x4_u(halves, halves), 0);
  }
  for (let tail = n & 3; tail > 0; tail--, y += 2, x += 4) {
    v128.store_lane<i16>(y, narrow(v128.load32_splat(x), signs, most, least, one, rounder, small, nan), 0);
  }
}

/** Four floats → four halves, in the low 16 bits of each lane; the high 16 are 0. The arguments are the constants above. */
@inline
function narrow(
  x: v128, signs: v128, most: v128, least: v128, one: v128, rounder: v128, small: v128, nan: v128,
): v128 {
  const sign = v128.and(x, signs);
  const size = f32x4.pmin(v128.xor(x, sign), most);
  // Adding half of the last kept bit, minus one if that bit is even, carries exactly where rounding goes up.
  const odd = v128.and(i32x4.shr_u(size, FRACTION_GAP), one);
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(size, odd), rounder), FRACTION_GAP);
  const subnormal = i32x4.sub(f32x4.add(size, small), small);
  const finite = v128.bitselect(subnormal, normal, f32x4.lt(size, least));
  const half = v128.bitselect(nan, finite, f32x4.ne(x, x));
  return v128.or(half, i32x4.shr_u(sign, 16));
}

/**
 * Copies `count` tokens, x [count, heads, width], into the rings of one row, `rings` [heads, capacity, width], at slots
 * slot, slot + 1, … modulo `capacity`. With `float16` the rings hold halves, to which the floats are rounded.
 */
export function ring_append(
  rings: usize, x: usize, count: i32, heads: i32, width: i32, capacity: i32, float16: bool, slot: i32,
): void {
  const bytes = storedBytes(width, float16);
  const ringBytes = <usize>capacity * bytes;
  for (let t = 0; t < count; t++) {
    for (let head = 0; head < heads; head++, x += <usize>width << 2) {
      const pair = rings + <usize>head * ringBytes + <usize>slot * bytes;
      if (float16) packHalf(pair, x, width);
      else memory.copy(pair, x, bytes);
    }
    if (++slot == capacity) slot = 0;
  }
}

/** The slot, or the number of slots, from b to a in a ring. */
@inline
export function behind(a: i32, b: i32, capacity: i32): i32 {
  return a < b ? a - b + capacity : a - b;
}
