/**
 * Inline helpers that several kernels share: fused multiply-add, horizontal sums, partial vectors, constants.
 *
 * Nothing here loops over data or is exported to JavaScript. A "lane" is one f32 of a 128-bit vector.
 */

/** a · b + c. The relaxed build rounds once, the plain build twice: the only place where their results differ. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/**
 * Adds four components to four inner products, one per lane: sum[i] + x[0]·ri[0] + … + x[3]·ri[3], from the left. The order of
 * the sum is that of a plain loop.
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

/** Largest of the four lanes. A NaN may or may not come through. */
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

/**
 * x in all four lanes, for use before a loop; `zero` is a 0 that the compiler cannot know to be 0. Since V8 12, a plain constant
 * vector is rebuilt with three instructions at each use inside a loop, which doubles the time of an exp. The loop's tail must use
 * it as well: before V8 12, a vector that only the loop's body needs is computed inside the loop.
 */
@inline
export function hidden(x: f32, zero: i32): v128 {
  return v128.or(f32x4.splat(x), i32x4.splat(zero));
}

/** The same for integers. */
@inline
export function hiddenInteger(x: i32, zero: i32): v128 {
  return v128.or(i32x4.splat(x), i32x4.splat(zero));
}
