/**
 * exp, log, cos and powers with the same bits in every engine. The language leaves the last bits of `Math.exp` and its kin to
 * the engine, and engines do differ; sums, products, quotients and square roots are bit-identical by IEEE 754, so
 * here is nothing else. Errors are a few units in the last place. For what a seed decides and what metrics report.
 */

const LN2 = Math.LN2;
/** ln 2 in two parts: times a small integer the first is exact. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
/** π/2 in two parts. */
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_LOW = 6.077100506506192e-11;

/** Taylor series: Σ xⁿ/n! up to n = 13 is exact to the last place for |x| ≤ ln 2 / 2. */
const EXP_DEGREE = 13;
/** Σ ±x²ⁿ/(2n)! up to x¹⁶, and one power more of sine's, for |x| ≤ π/4. */
const COS_DEGREE = 8;
/** 2 Σ sⁿ/n over odd n up to 23, for |s| ≤ (√2 − 1)/(√2 + 1). */
const LOG_TERMS = 12;

/** e^x; 0 and Infinity beyond what a double can hold. */
export function exp(x: number): number {
  if (!(Math.abs(x) < 746)) return Number.isNaN(x) ? x : x < 0 ? 0 : Infinity;
  const doublings = Math.round(x / LN2);
  const rest = x - doublings * LN2_HIGH - doublings * LN2_LOW;
  let series = 1;
  for (let n = EXP_DEGREE; n > 0; n--) series = 1 + (series * rest) / n;
  const half = Math.trunc(doublings / 2); // 2^doublings alone may be too large or too small
  return series * power(2, half) * power(2, doublings - half);
}

/** ln x of a finite x above 0. */
export function log(x: number): number {
  let doublings = 0;
  let mantissa = x;
  for (; mantissa > Math.SQRT2; mantissa /= 2) doublings++;
  for (; mantissa < Math.SQRT1_2; mantissa *= 2) doublings--;
  const s = (mantissa - 1) / (mantissa + 1);
  let series = 0;
  for (let term = LOG_TERMS - 1; term >= 0; term--) series = series * s * s + 1 / (2 * term + 1);
  return doublings * LN2_HIGH + (2 * s * series + doublings * LN2_LOW);
}

/** cos x; meant for angles of a few turns, of larger ones more and more digits are lost. */
export function cos(x: number): number {
  const quarters = Math.round(x / (HALF_PI_HIGH + HALF_PI_LOW));
  const rest = x - quarters * HALF_PI_HIGH - quarters * HALF_PI_LOW;
  const square = rest * rest;
  let [cosine, sine] = [1, 1];
  for (let n = COS_DEGREE; n > 0; n--) {
    cosine = 1 - (cosine * square) / (2 * n * (2 * n - 1));
    sine = 1 - (sine * square) / (2 * n * (2 * n + 1));
  }
  switch (((quarters % 4) + 4) % 4) {
    case 0:
      return cosine;
    case 1:
      return -sine * rest;
    case 2:
      return -cosine;
    default:
      return sine * rest;
  }
}

/** baseⁿ of a whole n. */
export function power(base: number, n: number): number {
  let [result, square] = [1, n < 0 ? 1 / base : base];
  for (let left = Math.abs(n); left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
