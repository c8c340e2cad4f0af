/**
 * Kernels that treat a tensor as one long vector, whatever its shape. The activations are in activation.ts.
 */
import { loadPartial, storePartial } from "../base/simd";
import { addTo } from "../base/vectors";

/** x[0..n) = 0. */
export function zero(x: usize, n: i32): void {
  memory.fill(x, 0, <usize>n << 2);
}

/** Whether no element is NaN or infinite: x − x is 0 exactly for the finite ones. */
export function all_finite(x: usize, n: i32): bool {
  const end = x + (<usize>n << 2);
  const vectorEnd = x + (<usize>(n & ~3) << 2);
  for (; x < vectorEnd; x += 16) {
    const v = v128.load(x);
    if (!i32x4.all_true(f32x4.eq(f32x4.sub(v, v), f32x4.splat(0)))) return false;
  }
  for (; x < end; x += 4) if (!isFinite<f32>(load<f32>(x))) return false;
  return true;
}

/** z = x + y over elements [from, to). */
export function add(z: usize, x: usize, y: usize, from: i32, to: i32): void {
  const n = to - from;
  z += <usize>from << 2;
  x += <usize>from << 2;
  y += <usize>from << 2;
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16, y += 16, z += 16) v128.store(z, f32x4.add(v128.load(x), v128.load(y)));
  const tail = n & 3;
  if (tail) storePartial(z, f32x4.add(loadPartial(x, tail, 0), loadPartial(y, tail, 0)), tail);
}

/** y += x over elements [from, to). */
export function add_in_place(y: usize, x: usize, from: i32, to: i32): void {
  addTo(y + (<usize>from << 2), x + (<usize>from << 2), to - from);
}

/** y = factor · x over `n` floats. */
export function scale(y: usize, x: usize, factor: f32, n: i32): void {
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

/** x *= factor over `n` floats. */
export function scale_in_place(x: usize, factor: f32, n: i32): void {
  scale(x, x, factor, n);
}
