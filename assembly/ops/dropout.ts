/**
 * Dropout from a counter-based generator: whether element i is kept is a hash of (key, i) and of nothing else, so the
 * mask needs no memory, and the backward makes the same one again. Not for cryptography.
 */
import { loadPartial, madd, storePartial } from "../base/simd";

/** y = x / (1 − p) where kept, 0 elsewhere; each of `n` elements is dropped with probability p in [0, 1). */
export function dropout_forward(y: usize, x: usize, n: i32, p: f64, key: i32): void {
  const first = i32x4.splat(mix(key)), second = i32x4.splat(mix(~key));
  const threshold = i32x4.splat(thresholdOf(p)), factor = f32x4.splat(<f32>(1 / (1 - p)));
  let index = i32x4(0, 1, 2, 3);
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, y += 16) {
    v128.store(y, v128.and(f32x4.mul(v128.load(x), factor), kept(index, first, second, threshold)));
    index = i32x4.add(index, i32x4.splat(4));
  }
  const tail = n & 3;
  if (tail) {
    const scaled = f32x4.mul(loadPartial(x, tail, 0), factor);
    storePartial(y, v128.and(scaled, kept(index, first, second, threshold)), tail);
  }
}

/** dx += dy / (1 − p) where the same p and key kept x. */
export function dropout_backward(dx: usize, dy: usize, n: i32, p: f64, key: i32): void {
  const first = i32x4.splat(mix(key)), second = i32x4.splat(mix(~key));
  const threshold = i32x4.splat(thresholdOf(p)), factor = f32x4.splat(<f32>(1 / (1 - p)));
  let index = i32x4(0, 1, 2, 3);
  const end = dx + (<usize>(n & ~3) << 2);
  for (; dx < end; dx += 16, dy += 16) {
    const passed = v128.and(v128.load(dy), kept(index, first, second, threshold));
    v128.store(dx, madd(passed, factor, v128.load(dx)));
    index = i32x4.add(index, i32x4.splat(4));
  }
  const tail = n & 3;
  if (tail) {
    const passed = v128.and(loadPartial(dy, tail, 0), kept(index, first, second, threshold));
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
function kept(index: v128, first: v128, second: v128, threshold: v128): v128 {
  return i32x4.ge_u(hash(index, first, second), threshold);
}

/**
 * 32 random bits of each index: the rounds of Chris Wellons' lowbias32, with one half of the key added before them and the
 * other in their midst, so that the streams of two keys are not each other's shifts.
 */
@inline
function hash(index: v128, first: v128, second: v128): v128 {
  let h = i32x4.add(index, first);
  h = v128.xor(h, i32x4.shr_u(h, 16));
  h = i32x4.mul(h, i32x4.splat(0x7feb352d));
  h = i32x4.add(v128.xor(h, i32x4.shr_u(h, 15)), second);
  h = i32x4.mul(h, i32x4.splat(0x846ca68b));
  return v128.xor(h, i32x4.shr_u(h, 16));
}

/** The scalar lowbias32, which spreads a key that may be a small count. */
function mix(key: i32): i32 {
  let h = <u32>key;
  h = (h ^ (h >> 16)) * 0x7feb352d;
  h = (h ^ (h >> 15)) * 0x846ca68b;
  return <i32>(h ^ (h >> 16));
}
