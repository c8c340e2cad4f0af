/**
 * Dropout from a counter-based generator: a hash of (key, i) decides whether element i is kept. So the mask is not stored, and
 * the backward computes the same one again. Not for cryptography.
 */
import { hiddenInteger, loadPartial, madd, storePartial } from "../base/simd";

/** y = x / (1 − p) where kept, 0 elsewhere; each of elements [from, to) is dropped with probability p in [0, 1). */
export function dropout_forward(y: usize, x: usize, p: f64, key: i32, from: i32, to: i32): void {
  const n = to - from, zero = n >> 31; // n is never negative
  y += <usize>from << 2;
  x += <usize>from << 2;
  const first = i32x4.splat(mix(key)), second = i32x4.splat(mix(~key));
  const factor1 = hiddenInteger(FACTOR_1, zero), factor2 = hiddenInteger(FACTOR_2, zero), four = hiddenInteger(4, zero);
  const threshold = i32x4.splat(thresholdOf(p)), factor = f32x4.splat(<f32>(1 / (1 - p)));
  let index = i32x4.add(i32x4.splat(from), i32x4(0, 1, 2, 3));
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, y += 16) {
    const mask = kept(index, first, second, factor1, factor2, threshold);
    v128.store(y, v128.and(f32x4.mul(v128.load(x), factor), mask));
    index = i32x4.add(index, four);
  }
  const tail = n & 3;
  if (tail) {
    const mask = kept(index, first, second, factor1, factor2, threshold);
    storePartial(y, v128.and(f32x4.mul(loadPartial(x, tail, 0), factor), mask), tail);
  }
}

/** dx += dy / (1 − p) where the same p and key kept x, over elements [from, to). */
export function dropout_backward(dx: usize, dy: usize, p: f64, key: i32, from: i32, to: i32): void {
  const n = to - from, zero = n >> 31;
  dx += <usize>from << 2;
  dy += <usize>from << 2;
  const first = i32x4.splat(mix(key)), second = i32x4.splat(mix(~key));
  const factor1 = hiddenInteger(FACTOR_1, zero), factor2 = hiddenInteger(FACTOR_2, zero), four = hiddenInteger(4, zero);
  const threshold = i32x4.splat(thresholdOf(p)), factor = f32x4.splat(<f32>(1 / (1 - p)));
  let index = i32x4.add(i32x4.splat(from), i32x4(0, 1, 2, 3));
  const end = dx + (<usize>(n & ~3) << 2);
  for (; dx < end; dx += 16, dy += 16) {
    const passed = v128.and(v128.load(dy), kept(index, first, second, factor1, factor2, threshold));
    v128.store(dx, madd(passed, factor, v128.load(dx)));
    index = i32x4.add(index, four);
  }
  const tail = n & 3;
  if (tail) {
    const passed = v128.and(loadPartial(dy, tail, 0), kept(index, first, second, factor1, factor2, threshold));
    storePartial(dx, madd(passed, factor, loadPartial(dx, tail, 0)), tail);
  }
}

/** Hashes below this are dropped: p · 2³², as the unsigned number that an i32 can hold. */
@inline
function thresholdOf(p: f64): i32 {
  return <i32>(<u32>(p * 4294967296));
}

/** All ones in the lanes whose hash says keep. */
@inline
function kept(index: v128, first: v128, second: v128, factor1: v128, factor2: v128, threshold: v128): v128 {
  return i32x4.ge_u(hash(index, first, second, factor1, factor2), threshold);
}

/** The factors of lowbias32. */
const FACTOR_1: u32 = 0x7feb352d;
const FACTOR_2: u32 = 0x846ca68b;

/**
 * 32 random bits for each index: the rounds of Chris Wellons' lowbias32, with one part of the key added before them and the
 * other between them, so that the stream of one key is not a shifted copy of another's.
 */
@inline
function hash(index: v128, first: v128, second: v128, factor1: v128, factor2: v128): v128 {
  let h = i32x4.add(index, first);
  h = v128.xor(h, i32x4.shr_u(h, 16));
  h = i32x4.mul(h, factor1);
  h = i32x4.add(v128.xor(h, i32x4.shr_u(h, 15)), second);
  h = i32x4.mul(h, factor2);
  return v128.xor(h, i32x4.shr_u(h, 16));
}

/** The scalar lowbias32; it spreads out keys that are small counts. */
function mix(key: i32): i32 {
  let h = <u32>key;
  h = (h ^ (h >> 16)) * FACTOR_1;
  h = (h ^ (h >> 15)) * FACTOR_2;
  return <i32>(h ^ (h >> 16));
}
