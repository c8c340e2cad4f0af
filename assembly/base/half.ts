/**
 * IEEE half precision as a way to store floats, for memories that take half the bytes: narrowing, widening, addressing.
 *
 * There is no arithmetic on halves. What reads stored rows asks `floatsAt` for floats, a row or a block of rows at a time,
 * so that every kernel computes with the same f32 numbers whichever way they are stored. A half is 1 bit of sign, 5 of
 * exponent, 10 of fraction.
 */
import { hidden, hiddenInteger } from "./simd";

/** Bits of a float's fraction that a half does not have. */
const FRACTION_GAP: i32 = 13;
/** 2^(127 − 15): the exponents' biases differ by 112. */
const BIAS_GAP: f32 = 5.192296858534828e33;
/** Sign, five bits of exponent and ten of fraction, as they lie in a float of too small an exponent. */
const HALF_BITS: i32 = 0x8fffe000;
const SIGN: i32 = 0x80000000;
/** The largest half. Larger floats become this: an infinity would turn whatever is averaged with it into NaN. */
const MOST: f32 = 65504;
/** The smallest half with a full fraction; below it, halves are multiples of 2⁻²⁴. */
const LEAST_NORMAL: f32 = 6.103515625e-5;
/** Its last bit is worth 2⁻²⁴, so adding it rounds a smaller number to a subnormal half, behind its own bits. */
const SUBNORMAL_ROUNDER: f32 = 0.5;
/** Half of the last kept bit, less one, and the gap between the biases. */
const ROUNDER: i32 = (1 << (FRACTION_GAP - 1)) - 1 - (112 << 23);
const NAN_HALF: i32 = 0x7e00;

/** Bytes of `n` stored numbers. */
@inline
export function storedBytes(n: usize, half: bool): usize {
  return n << (half ? 1 : 2);
}

/**
 * Address of floats [first, first + n) of an array of floats, where they lie, or of halves, widened into `room` (n floats,
 * unused otherwise).
 */
@inline
export function floatsAt(array: usize, first: usize, n: i32, half: bool, room: usize): usize {
  if (!half) return array + (first << 2);
  unpackHalf(room, array + (first << 1), n);
  return room;
}

/** to [n] (f32) = from [n] (f16), exactly. */
export function unpackHalf(to: usize, from: usize, n: i32): void {
  const zero = n >> 31; // n is never negative
  const bits = hiddenInteger(HALF_BITS, zero), gap = hidden(BIAS_GAP, zero);
  const beyond = hidden(65536, zero), infinity = hidden(Infinity, zero);
  const end = to + (<usize>(n & ~3) << 2);
  for (; to < end; to += 16, from += 8) v128.store(to, widen(v128.load_ext<i16>(from), bits, gap, beyond, infinity));
  for (let tail = n & 3; tail > 0; tail--, to += 4, from += 2) {
    v128.store_lane<f32>(to, widen(i32x4.splat(load<i16>(from)), bits, gap, beyond, infinity), 0);
  }
}

/**
 * Four sign-extended halves → four floats. Their bits are moved to where a float has them, which yields the number less
 * the factor between the biases; multiplying by it is exact and normalises subnormal halves. What then reaches 2¹⁶ had the
 * exponent of infinity and NaN, and gets it back.
 */
@inline
function widen(halves: v128, bits: v128, gap: v128, beyond: v128, infinity: v128): v128 {
  const x = f32x4.mul(v128.and(i32x4.shl(halves, FRACTION_GAP), bits), gap);
  return v128.or(x, v128.and(f32x4.ge(f32x4.abs(x), beyond), infinity));
}

/** to [n] (f16) = from [n] (f32), to the nearest, ties to the even one; beyond ±65504 that, and NaN for NaN. */
export function packHalf(to: usize, from: usize, n: i32): void {
  const zero = n >> 31;
  const signs = hiddenInteger(SIGN, zero), most = hidden(MOST, zero), least = hidden(LEAST_NORMAL, zero);
  const one = hiddenInteger(1, zero), rounder = hiddenInteger(ROUNDER, zero), nan = hiddenInteger(NAN_HALF, zero);
  const small = hidden(SUBNORMAL_ROUNDER, zero);
  const end = from + (<usize>(n & ~3) << 2);
  for (; from < end; from += 16, to += 8) {
    const halves = narrow(v128.load(from), signs, most, least, one, rounder, small, nan);
    v128.store_lane<i64>(to, i16x8.narrow_i32x4_u(halves, halves), 0);
  }
  for (let tail = n & 3; tail > 0; tail--, to += 2, from += 4) {
    v128.store_lane<i16>(to, narrow(v128.load32_splat(from), signs, most, least, one, rounder, small, nan), 0);
  }
}

/** Four floats → four halves, in the low 16 bits of each lane; the high ones are 0. The constants are those named alike above. */
@inline
function narrow(
  x: v128, signs: v128, most: v128, least: v128, one: v128, rounder: v128, small: v128, nan: v128,
): v128 {
  const sign = v128.and(x, signs);
  const size = f32x4.pmin(v128.xor(x, sign), most);
  // Adding half of the last kept bit, less one if that is even, carries exactly where rounding goes up.
  const odd = v128.and(i32x4.shr_u(size, FRACTION_GAP), one);
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(size, odd), rounder), FRACTION_GAP);
  const subnormal = i32x4.sub(f32x4.add(size, small), small);
  const finite = v128.bitselect(subnormal, normal, f32x4.lt(size, least));
  const half = v128.bitselect(nan, finite, f32x4.ne(x, x));
  return v128.or(half, i32x4.shr_u(sign, 16));
}
