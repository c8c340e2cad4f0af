/**
 * Arithmetic that all kernels share. First, inline, on the four lanes of a 128-bit vector: fused multiply-add, sums, partial
 * vectors, constants. Then short loops over one or two vectors of any length, and the exponentials of a vector. A "lane" is one f32 of
 * 128 bits.
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

/** y += x over `n` floats. */
export function addTo(y: usize, x: usize, n: i32): void {
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16, x += 16) v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
  const tail = n & 3;
  if (tail) storePartial(y, f32x4.add(loadPartial(y, tail, 0), loadPartial(x, tail, 0)), tail);
}

/** y += factor · x over `n` floats. */
export function addScaled(y: usize, x: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16, x += 16) v128.store(y, madd(v128.load(x), f, v128.load(y)));
  const tail = n & 3;
  if (tail) storePartial(y, madd(loadPartial(x, tail, 0), f, loadPartial(y, tail, 0)), tail);
}

/** Σ a·b over `n` floats. */
export function dot(a: usize, b: usize, n: i32): f32 {
  let sum0 = f32x4.splat(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  for (const end = a + (<usize>(n & ~15) << 2); a < end; a += 64, b += 64) {
    sum0 = madd(v128.load(a), v128.load(b), sum0);
    sum1 = madd(v128.load(a, 16), v128.load(b, 16), sum1);
    sum2 = madd(v128.load(a, 32), v128.load(b, 32), sum2);
    sum3 = madd(v128.load(a, 48), v128.load(b, 48), sum3);
  }
  for (const end = a + (<usize>(n & 12) << 2); a < end; a += 16, b += 16) sum0 = madd(v128.load(a), v128.load(b), sum0);
  const tail = n & 3;
  if (tail) sum1 = madd(loadPartial(a, tail, 0), loadPartial(b, tail, 0), sum1);
  return sumLanes(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

/** Σ x over `n` floats. */
export function sumOf(x: usize, n: i32): f32 {
  let sum0 = f32x4.splat(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  for (const end = x + (<usize>(n & ~15) << 2); x < end; x += 64) {
    sum0 = f32x4.add(sum0, v128.load(x));
    sum1 = f32x4.add(sum1, v128.load(x, 16));
    sum2 = f32x4.add(sum2, v128.load(x, 32));
    sum3 = f32x4.add(sum3, v128.load(x, 48));
  }
  for (const end = x + (<usize>(n & 12) << 2); x < end; x += 16) sum0 = f32x4.add(sum0, v128.load(x));
  const tail = n & 3;
  if (tail) sum1 = f32x4.add(sum1, loadPartial(x, tail, 0));
  return sumLanes(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

/** Largest of `n` floats; −∞ for none. */
export function largest(x: usize, n: i32): f32 {
  const none = f32x4.splat(-Infinity);
  let most0 = none, most1 = none, most2 = none, most3 = none;
  let end = x + (<usize>(n & ~15) << 2);
  for (; x < end; x += 64) {
    most0 = f32x4.pmax(most0, v128.load(x));
    most1 = f32x4.pmax(most1, v128.load(x, 16));
    most2 = f32x4.pmax(most2, v128.load(x, 32));
    most3 = f32x4.pmax(most3, v128.load(x, 48));
  }
  end = x + (<usize>(n & 12) << 2);
  for (; x < end; x += 16) most0 = f32x4.pmax(most0, v128.load(x));
  const tail = n & 3;
  if (tail) most1 = f32x4.pmax(most1, loadPartial(x, tail, -Infinity));
  return maxLanes(f32x4.pmax(f32x4.pmax(most0, most1), f32x4.pmax(most2, most3)));
}

/** y = factor · x over `n` floats; y may be x. */
export function scaleTo(y: usize, x: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  let end = x + (<usize>(n & ~15) << 2);
  for (; x < end; x += 64, y += 64) {
    v128.store(y, f32x4.mul(v128.load(x), f));
    v128.store(y, f32x4.mul(v128.load(x, 16), f), 16);
    v128.store(y, f32x4.mul(v128.load(x, 32), f), 32);
    v128.store(y, f32x4.mul(v128.load(x, 48), f), 48);
  }
  end = x + (<usize>(n & 12) << 2);
  for (; x < end; x += 16, y += 16) v128.store(y, f32x4.mul(v128.load(x), f));
  const tail = n & 3;
  if (tail) storePartial(y, f32x4.mul(loadPartial(x, tail, 0), f), tail);
}

// e^x of a vector: x = n·ln 2 + r with |r| ≤ ln 2 / 2; 2^n is built in the exponent bits, e^r is a polynomial. Its relative error is
// below 4e-7 for x in [−87.3, 88.3]; 0 below −87.7, NaN for NaN.

const LOG2E: f32 = 1.44269504088896341;
const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.42860682030941723e-6;
/** 1.5 · 2²³ + 127: adding it rounds to the nearest integer and leaves that integer, biased as an exponent, in the low bits. */
const ROUND_TO_EXPONENT: f32 = 12583039;
/** Rounds to n = −127, whose biased exponent is 0: below −87.7 e^x is exactly 0. */
const LEAST_EXPONENT: f32 = -88;
/** For x above this, e^x exceeds the largest float. */
export const MOST_EXPONENT: f32 = 88.3762;
/** e^r ≈ 1 + r + c2·r² + … + c5·r⁵, minimax in relative error over |r| ≤ ln 2 / 2: 1.05e-7. */
const EXP_C2: f32 = 4.9999230705e-1;
const EXP_C3: f32 = 1.6667115139e-1;
const EXP_C4: f32 = 4.1890273257e-2;
const EXP_C5: f32 = 8.3125078805e-3;

/** y = e^(x − peak) over `n` floats; returns Σ y. `peak` must be at least the largest of them minus 88. y may be x. */
export function exponentials(y: usize, x: usize, peak: f32, n: i32): f32 {
  return eachExponential(y, x, peak, 0, n, STORE);
}

/** The same sum alone. */
export function sumOfExponentials(x: usize, peak: f32, n: i32): f32 {
  return eachExponential(0, x, peak, 0, n, SUM);
}

/** y += factor · e^(x − peak) over `n` floats. */
export function addExponentials(y: usize, x: usize, peak: f32, factor: f32, n: i32): void {
  eachExponential(y, x, peak, factor, n, ADD);
}

/** What becomes of each e^(x − peak) besides their sum: it is stored, nothing, or it is added to y, times a factor. */
const STORE = 0, SUM = 1, ADD = 2;

@inline
function eachExponential(y: usize, x: usize, peak: f32, factor: f32, n: i32, what: i32): f32 {
  const zero = n >> 31; // n is never negative
  const least = hidden(LEAST_EXPONENT, zero), log2e = hidden(LOG2E, zero), round = hidden(ROUND_TO_EXPONENT, zero);
  const high = hidden(-LN2_HIGH, zero), low = hidden(-LN2_LOW, zero), one = hidden(1, zero);
  const c5 = hidden(EXP_C5, zero), c4 = hidden(EXP_C4, zero), c3 = hidden(EXP_C3, zero), c2 = hidden(EXP_C2, zero);
  const p = f32x4.splat(peak), f = f32x4.splat(factor);
  let sum = f32x4.splat(0);
  const end = x + (<usize>(n & ~3) << 2);
  if (!ASC_FEATURE_RELAXED_SIMD) { // four vectors in a turn of the loop, in the same order; the relaxed build gains nothing by it
    for (const last = x + (<usize>(n & ~15) << 2); x < last; x += 64, y += 64) {
      const e0 = expWith(f32x4.sub(v128.load(x), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
      const e1 = expWith(f32x4.sub(v128.load(x, 16), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
      const e2 = expWith(f32x4.sub(v128.load(x, 32), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
      const e3 = expWith(f32x4.sub(v128.load(x, 48), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
      put(y, e0, f, what);
      put(y + 16, e1, f, what);
      put(y + 32, e2, f, what);
      put(y + 48, e3, f, what);
      sum = f32x4.add(f32x4.add(f32x4.add(f32x4.add(sum, e0), e1), e2), e3);
    }
  }
  for (; x < end; x += 16, y += 16) {
    const e = expWith(f32x4.sub(v128.load(x), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
    put(y, e, f, what);
    sum = f32x4.add(sum, e);
  }
  const tail = n & 3;
  if (tail) {
    const e = expWith(f32x4.sub(loadPartial(x, tail, -Infinity), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
    if (what == STORE) storePartial(y, e, tail);
    if (what == ADD) storePartial(y, madd(e, f, loadPartial(y, tail, 0)), tail);
    sum = f32x4.add(sum, e);
  }
  return sumLanes(sum);
}

@inline
function put(y: usize, e: v128, factor: v128, what: i32): void {
  if (what == STORE) v128.store(y, e);
  if (what == ADD) v128.store(y, madd(e, factor, v128.load(y)));
}

/**
 * e^x of four lanes, x ≤ 88.3. The halves of the polynomial are evaluated side by side to keep the chain short. The constants are
 * arguments so that a loop can keep them in registers (see `hidden`). pmax, written in this order, is one instruction where max
 * is six, and it passes a NaN through.
 */
@inline
function expWith(
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
