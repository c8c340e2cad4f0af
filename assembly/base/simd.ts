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

/**
 * Adds four components of four inner products, one a lane: sum[i] + x[0]·ri[0] + … + x[3]·ri[3], from the left, so that a sum
 * over vectors has the order of a plain loop.
 */
@inline
export function addProducts(sum: v128, x: v128, r0: v128, r1: v128, r2: v128, r3: v128): v128 {
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7), high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  sum = madd(v128.shuffle<f32>(x, x, 0, 0, 0, 0), v128.shuffle<f64>(low01, low23, 0, 2), sum);
  sum = madd(v128.shuffle<f32>(x, x, 1, 1, 1, 1), v128.shuffle<f64>(low01, low23, 1, 3), sum);
  sum = madd(v128.shuffle<f32>(x, x, 2, 2, 2, 2), v128.shuffle<f64>(high01, high23, 0, 2), sum);
  return madd(v128.shuffle<f32>(x, x, 3, 3, 3, 3), v128.shuffle<f64>(high01, high23, 1, 3), sum);
}

/** Sum of the four lanes, pairwise. */
@inline
export function sumLanes(x: v128): f32 {
  const pairs = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** Largest of the four lanes; whether a NaN comes through is not defined. */
@inline
export function maxLanes(x: v128): f32 {
  const pairs = f32x4.pmax(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(pairs, v128.shuffle<f32>(pairs, pairs, 1, 0, 3, 2)), 0);
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

export const LOG2E: f32 = 1.44269504088896341;
export const LN2_HIGH: f32 = 0.693145751953125;
export const LN2_LOW: f32 = 1.42860682030941723e-6;
/** 1.5 · 2²³ + 127: adding it rounds to the nearest integer and leaves that integer, biased as an exponent, in the low bits. */
export const ROUND_TO_EXPONENT: f32 = 12583039;
/** Rounds to n = −127, whose biased exponent is 0: below −87.7 e^x is exactly 0. */
export const LEAST_EXPONENT: f32 = -88;
const MOST_EXPONENT: f32 = 88.3762;
/** e^r ≈ 1 + r + c2·r² + … + c5·r⁵, minimax in relative error over |r| ≤ ln 2 / 2: 1.05e-7. */
export const EXP_C2: f32 = 4.9999230705e-1;
export const EXP_C3: f32 = 1.6667115139e-1;
export const EXP_C4: f32 = 4.1890273257e-2;
export const EXP_C5: f32 = 8.3125078805e-3;

/** e^x of four lanes, relative error below 4e-7 for x in [−87.3, 88.3]; 0 below −87.7, e^88.3 above, NaN for NaN. */
@inline
export function exp4(x: v128): v128 {
  return expWith(
    f32x4.pmin(x, f32x4.splat(MOST_EXPONENT)),
    f32x4.splat(LEAST_EXPONENT), f32x4.splat(LOG2E), f32x4.splat(ROUND_TO_EXPONENT),
    f32x4.splat(-LN2_HIGH), f32x4.splat(-LN2_LOW),
    f32x4.splat(EXP_C5), f32x4.splat(EXP_C4), f32x4.splat(EXP_C3), f32x4.splat(EXP_C2), f32x4.splat(1),
  );
}

/**
 * e^x for x ≤ 88.3 by x = n·ln 2 + r, |r| ≤ ln 2 / 2: 2^n is built in the exponent bits, e^r is a polynomial, its halves
 * evaluated side by side to keep the chain short. The constants are arguments so that a hot loop can keep them in
 * registers (see `hidden`). pmax, written in this order, is one instruction where max is six, and lets a NaN through.
 */
@inline
export function expWith(
  x: v128, least: v128, log2e: v128, round: v128, minusLn2High: v128, minusLn2Low: v128,
  c5: v128, c4: v128, c3: v128, c2: v128, one: v128,
): v128 {
  const clamped = f32x4.pmax(x, least);
  const shifted = madd(clamped, log2e, round);
  const n = f32x4.sub(shifted, round);
  const r = madd(n, minusLn2Low, madd(n, minusLn2High, clamped));
  const square = f32x4.mul(r, r);
  const high = madd(madd(c5, r, c4), square, madd(c3, r, c2));
  const p = madd(high, square, f32x4.add(r, one));
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}

/**
 * Four times x, for use before a loop; `zero` is a 0 that the compiler cannot know to be one. From V8 12 on, a plain
 * constant vector is built anew, three instructions, at each use inside the loop: that doubles the time of an exp.
 */
@inline
export function hidden(x: f32, zero: i32): v128 {
  return v128.or(f32x4.splat(x), i32x4.splat(zero));
}

/** e^x of one number, by the same polynomial as `exp4`, so that a row's tail agrees with its body. */
@inline
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/** 1 / (1 + e^−x) of one number. */
@inline
export function sigmoid(x: f32): f32 {
  return 1 / (1 + exp1(-x));
}
