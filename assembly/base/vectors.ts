/**
 * Short loops over one or two vectors, shared by other kernels.
 */
import { loadPartial, madd, maxLanes, storePartial, sumLanes } from "./simd";

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
