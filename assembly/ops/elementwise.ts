/**
 * Kernels that treat a tensor as one long vector, whatever its shape. The activations are in activation.ts.
 */
import { addScaled, addTo, loadPartial, scaleTo, storePartial } from "../base/simd";

/** x = 0 over elements [from, to). */
export function zero(x: usize, from: i32, to: i32): void {
  memory.fill(x + (<usize>from << 2), 0, <usize>(to - from) << 2);
}

/** y = x over elements [from, to); y and x must not overlap. */
export function copy(y: usize, x: usize, from: i32, to: i32): void {
  memory.copy(y + (<usize>from << 2), x + (<usize>from << 2), <usize>(to - from) << 2);
}

/** Copies `bytes` bytes; the two ranges may overlap. */
export function move(y: usize, x: usize, bytes: usize): void {
  memory.copy(y, x, bytes);
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

/** y = factor · x over elements [from, to). */
export function scale(y: usize, x: usize, factor: f32, from: i32, to: i32): void {
  scaleTo(y + (<usize>from << 2), x + (<usize>from << 2), factor, to - from);
}

/** y += factor · x over elements [from, to). */
export function add_scaled(y: usize, x: usize, factor: f32, from: i32, to: i32): void {
  addScaled(y + (<usize>from << 2), x + (<usize>from << 2), factor, to - from);
}

/** y [width] += Σ over the rows of x [rows, width], in order, for columns [from, to). */
export function add_rows(y: usize, x: usize, rows: i32, width: i32, from: i32, to: i32): void {
  y += <usize>from << 2;
  x += <usize>from << 2;
  for (let row = 0; row < rows; row++, x += <usize>width << 2) addTo(y, x, to - from);
}

/** Every row of y += x [width], for rows [from, to). */
export function add_to_rows(y: usize, x: usize, width: i32, from: i32, to: i32): void {
  for (let row = from; row < to; row++) addTo(y + ((<usize>row * width) << 2), x, width);
}
