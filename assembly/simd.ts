/**
 * Inline helpers that several kernels share: fused multiply-add, horizontal sums, partial vectors, exp.
 *
 * Nothing here loops over data or is exported to JavaScript. A "lane" is one f32 of a 128-bit vector.
 */

/** a · b + c. One rounding in the relaxed build, two in the plain one: the only place where their results differ. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Sum of the four lanes, pairwise. */
@inline
export function sumLanes(x: v128): f32 {
  const pairs = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** Largest of the four lanes. */
@inline
export function maxLanes(x: v128): f32 {
  const pairs = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/** Loads `count` (0 to 3) lanes; the others hold `fill`. */
@inline
export function loadPartial(p: usize, count: i32, fill: f32): v128 {
  let x = f32x4.splat(fill);
  if (count > 0) x = v128.load_lane<f32>(p, x, 0);
  if (count > 1) x = v128.load_lane<f32>(p + 4, x, 1);
  if (count > 2) x = v128.load_lane<f32>(p + 8, x, 2);
  return x;
}

/** Stores the first `count` (0 to 3) lanes. */
@inline
export function storePartial(p: usize, x: v128, count: i32): void {
  if (count > 0) v128.store_lane<f32>(p, x, 0);
  if (count > 1) v128.store_lane<f32>(p + 4, x, 1);
  if (count > 2) v128.store_lane<f32>(p + 8, x, 2);
}

const LOG2E: f32 = 1.44269504088896341;
const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.42860682030941723e-6;
/** 1.5 · 2²³ + 127: adding it rounds to the nearest integer and leaves that integer, biased as an exponent, in the low bits. */
const ROUND_TO_EXPONENT: f32 = 12583039;
const LEAST_EXPONENT: f32 = -87.33654;
const MOST_EXPONENT: f32 = 88.3762;

/**
 * e^x of four lanes, relative error below 6e-7 for x in [-87.3, 88.3]; clamped outside; NaN stays NaN.
 * x = n·ln 2 + r with |r| ≤ ln 2 / 2; 2^n is built in the exponent bits, e^r is a degree-6 polynomial.
 */
@inline
export function exp4(x: v128): v128 {
  const clamped = f32x4.min(f32x4.max(x, f32x4.splat(LEAST_EXPONENT)), f32x4.splat(MOST_EXPONENT));
  const magic = f32x4.splat(ROUND_TO_EXPONENT);
  const shifted = madd(clamped, f32x4.splat(LOG2E), magic);
  const n = f32x4.sub(shifted, magic);
  let r = madd(n, f32x4.splat(-LN2_HIGH), clamped);
  r = madd(n, f32x4.splat(-LN2_LOW), r);
  let p = madd(f32x4.splat(1.3981999507e-3), r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(0.5));
  p = madd(p, r, f32x4.splat(1));
  p = madd(p, r, f32x4.splat(1));
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}

/** e^x of one number, by the same polynomial as `exp4`, so that a row's tail agrees with its body. */
@inline
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}
