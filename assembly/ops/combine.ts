/**
 * Sums of a few long vectors, each with factors of its own: a product whose left matrix is small. Four sums at a time stay in registers, and the
 * vectors are read where they lie. Every sum runs over its vectors in order.
 */
import { loadPartial, madd, storePartial } from "../base/simd";

/** Vectors that are added to all sums before the next ones, so that they stay in the nearest cache meanwhile. */
const DEPTH: i32 = 16;

/**
 * y_i += Σ_p f(i, p) x_p for `m` vectors y and `k` vectors x of `channels` floats. y_i is at y + i · yStep, x_p at x + p · xStep, and f(i, p) at
 * f + i · rowStep + p · step; steps are in bytes.
 */
export function addCombinations(
  y: usize, yStep: usize, f: usize, rowStep: usize, step: usize, x: usize, xStep: usize, m: i32, k: i32, channels: i32,
): void {
  for (let p = 0; p < k; p += DEPTH, f += DEPTH * step, x += DEPTH * xStep) {
    const depth = min(DEPTH, k - p);
    let i = 0, sum = y, factors = f;
    for (; i + 4 <= m; i += 4, sum += 4 * yStep, factors += 4 * rowStep) {
      addToFour(sum, yStep, factors, rowStep, step, x, xStep, depth, channels);
    }
    for (; i < m; i++, sum += yStep, factors += rowStep) addToOne(sum, factors, step, x, xStep, depth, channels);
  }
}

/** Four sums, eight floats of each at a time. */
function addToFour(
  y: usize, yStep: usize, f: usize, rowStep: usize, step: usize, x: usize, xStep: usize, depth: i32, channels: i32,
): void {
  let left = channels;
  for (; left >= 8; left -= 8, y += 32, x += 32) {
    const y1 = y + yStep, y2 = y1 + yStep, y3 = y2 + yStep;
    let s00 = v128.load(y), s01 = v128.load(y, 16);
    let s10 = v128.load(y1), s11 = v128.load(y1, 16);
    let s20 = v128.load(y2), s21 = v128.load(y2, 16);
    let s30 = v128.load(y3), s31 = v128.load(y3, 16);
    for (let p = 0, at = x, f0 = f; p < depth; p++, at += xStep, f0 += step) {
      const x0 = v128.load(at), x1 = v128.load(at, 16);
      const f1 = f0 + rowStep, f2 = f1 + rowStep;
      let factor = v128.load32_splat(f0);
      s00 = madd(x0, factor, s00);
      s01 = madd(x1, factor, s01);
      factor = v128.load32_splat(f1);
      s10 = madd(x0, factor, s10);
      s11 = madd(x1, factor, s11);
      factor = v128.load32_splat(f2);
      s20 = madd(x0, factor, s20);
      s21 = madd(x1, factor, s21);
      factor = v128.load32_splat(f2 + rowStep);
      s30 = madd(x0, factor, s30);
      s31 = madd(x1, factor, s31);
    }
    storeTwo(y, s00, s01);
    storeTwo(y1, s10, s11);
    storeTwo(y2, s20, s21);
    storeTwo(y3, s30, s31);
  }
  for (let i = 0; i < 4; i++, y += yStep, f += rowStep) addRest(y, f, step, x, xStep, depth, left);
}

@inline
function storeTwo(y: usize, low: v128, high: v128): void {
  v128.store(y, low);
  v128.store(y, high, 16);
}

/** One sum, sixteen floats at a time. */
function addToOne(y: usize, f: usize, step: usize, x: usize, xStep: usize, depth: i32, channels: i32): void {
  let left = channels;
  for (; left >= 16; left -= 16, y += 64, x += 64) {
    let s0 = v128.load(y), s1 = v128.load(y, 16), s2 = v128.load(y, 32), s3 = v128.load(y, 48);
    for (let p = 0, at = x, factors = f; p < depth; p++, at += xStep, factors += step) {
      const factor = v128.load32_splat(factors);
      s0 = madd(v128.load(at), factor, s0);
      s1 = madd(v128.load(at, 16), factor, s1);
      s2 = madd(v128.load(at, 32), factor, s2);
      s3 = madd(v128.load(at, 48), factor, s3);
    }
    storeTwo(y, s0, s1);
    storeTwo(y + 32, s2, s3);
  }
  addRest(y, f, step, x, xStep, depth, left);
}

/** The last `left` floats of a sum, fewer than sixteen. */
function addRest(y: usize, f: usize, step: usize, x: usize, xStep: usize, depth: i32, left: i32): void {
  for (; left >= 4; left -= 4, y += 16, x += 16) {
    let sum = v128.load(y);
    for (let p = 0, at = x, factors = f; p < depth; p++, at += xStep, factors += step) {
      sum = madd(v128.load(at), v128.load32_splat(factors), sum);
    }
    v128.store(y, sum);
  }
  if (left == 0) return;
  let sum = loadPartial(y, left, 0);
  for (let p = 0; p < depth; p++, x += xStep, f += step) {
    sum = madd(loadPartial(x, left, 0), v128.load32_splat(f), sum);
  }
  storePartial(y, sum, left);
}
