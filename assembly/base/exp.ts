/**
 * e^x of a row: x = n·ln 2 + r with |r| ≤ ln 2 / 2; 2^n is built in the exponent bits, e^r is a polynomial. Its relative error is below
 * 4e-7 for x in [−87.3, 88.3]; 0 below −87.7, NaN for NaN.
 */
import { hidden, loadPartial, madd, storePartial, sumLanes } from "./simd";

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
  const zero = n >> 31; // n is never negative
  const least = hidden(LEAST_EXPONENT, zero), log2e = hidden(LOG2E, zero), round = hidden(ROUND_TO_EXPONENT, zero);
  const high = hidden(-LN2_HIGH, zero), low = hidden(-LN2_LOW, zero), one = hidden(1, zero);
  const c5 = hidden(EXP_C5, zero), c4 = hidden(EXP_C4, zero), c3 = hidden(EXP_C3, zero), c2 = hidden(EXP_C2, zero);
  const p = f32x4.splat(peak);
  let sum = f32x4.splat(0);
  const end = x + (<usize>(n & ~3) << 2);
  if (!ASC_FEATURE_RELAXED_SIMD) { // four vectors in a turn of the loop, in the same order; the relaxed build gains nothing by it
    for (const last = x + (<usize>(n & ~15) << 2); x < last; x += 64, y += 64) {
      const e0 = expWith(f32x4.sub(v128.load(x), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
      const e1 = expWith(f32x4.sub(v128.load(x, 16), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
      const e2 = expWith(f32x4.sub(v128.load(x, 32), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
      const e3 = expWith(f32x4.sub(v128.load(x, 48), p), least, log2e, round, high, low, c5, c4, c3, c2, one);
      v128.store(y, e0);
      v128.store(y, e1, 16);
      v128.store(y, e2, 32);
      v128.store(y, e3, 48);
      sum = f32x4.add(f32x4.add(f32x4.add(f32x4.add(sum, e0), e1), e2), e3);
    }
  }
  for (; x < end; x += 16, y += 16) {
    const t = f32x4.sub(v128.load(x), p);
    const e = expWith(t, least, log2e, round, high, low, c5, c4, c3, c2, one);
    v128.store(y, e);
    sum = f32x4.add(sum, e);
  }
  const tail = n & 3;
  if (tail) {
    const t = f32x4.sub(loadPartial(x, tail, -Infinity), p);
    const e = expWith(t, least, log2e, round, high, low, c5, c4, c3, c2, one);
    storePartial(y, e, tail);
    sum = f32x4.add(sum, e);
  }
  return sumLanes(sum);
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
