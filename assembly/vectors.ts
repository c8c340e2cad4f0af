/**
 * Short loops over one or two vectors, which other kernels and JavaScript share.
 */
import { loadPartial, madd, storePartial } from "./simd";

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

/** Copies `bytes` bytes; the two ranges may overlap. */
export function copy(to: usize, from: usize, bytes: usize): void {
  memory.copy(to, from, bytes);
}
