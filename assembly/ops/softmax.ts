/**
 * Softmax of each row and its backward, from three row loops that the loss uses too: largest, exponentials, scale.
 * No mask, bias or temperature: an element is masked by being −∞.
 */
import { scale_in_place } from "./elementwise";
import { dot } from "../base/vectors";
import {
  EXP_C2, EXP_C3, EXP_C4, EXP_C5, expWith, hidden, LEAST_EXPONENT, LN2_HIGH, LN2_LOW, loadPartial, LOG2E, madd, maxLanes,
  ROUND_TO_EXPONENT, storePartial, sumLanes,
} from "../base/simd";

/** y = softmax(x) for each of `rows` rows of `width` floats; y may be x. A row of nothing but −∞ gives zeros. */
export function softmax_forward(y: usize, x: usize, rows: i32, width: i32): void {
  const rowBytes = <usize>width << 2;
  for (let row = 0; row < rows; row++, x += rowBytes, y += rowBytes) {
    const most = largest(x, width);
    const sum = exponentials(y, x, most == -Infinity ? 0 : most, width);
    scale_in_place(y, sum == 0 ? 0 : 1 / sum, width);
  }
}

/** dx += y · (dy − Σ y·dy) for each row. */
export function softmax_backward(dx: usize, dy: usize, y: usize, rows: i32, width: i32): void {
  const rowBytes = <usize>width << 2;
  for (let row = 0; row < rows; row++, dx += rowBytes, dy += rowBytes, y += rowBytes) {
    softmaxRowGradient(dx, dy, y, dot(y, dy, width), width);
  }
}

/** dx += y · (dy − mean), one row; `mean` is that of dy under y. */
function softmaxRowGradient(dx: usize, dy: usize, y: usize, mean: f32, width: i32): void {
  const m = f32x4.splat(mean);
  const end = dx + (<usize>(width & ~3) << 2);
  for (; dx < end; dx += 16, dy += 16, y += 16) {
    v128.store(dx, madd(v128.load(y), f32x4.sub(v128.load(dy), m), v128.load(dx)));
  }
  const tail = width & 3;
  if (tail) {
    const gradient = f32x4.mul(loadPartial(y, tail, 0), f32x4.sub(loadPartial(dy, tail, 0), m));
    storePartial(dx, f32x4.add(loadPartial(dx, tail, 0), gradient), tail);
  }
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

/** y = e^(x − peak) over `n` floats, peak at least the largest of them less 88; returns Σ y. y may be x. */
export function exponentials(y: usize, x: usize, peak: f32, n: i32): f32 {
  const zero = n >> 31; // n is never negative
  const least = hidden(LEAST_EXPONENT, zero), log2e = hidden(LOG2E, zero), round = hidden(ROUND_TO_EXPONENT, zero);
  const high = hidden(-LN2_HIGH, zero), low = hidden(-LN2_LOW, zero), one = hidden(1, zero);
  const c5 = hidden(EXP_C5, zero), c4 = hidden(EXP_C4, zero), c3 = hidden(EXP_C3, zero), c2 = hidden(EXP_C2, zero);
  const p = f32x4.splat(peak);
  let sum = f32x4.splat(0);
  const end = x + (<usize>(n & ~3) << 2);
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
