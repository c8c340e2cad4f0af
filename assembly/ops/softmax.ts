/**
 * Softmax of each row and its backward, from loops over a row that other kernels use too: largest, exponentials, scale.
 * No mask, bias or temperature: an element is masked by being −∞.
 */
import { dot, exponentials, largest, loadPartial, madd, scaleTo, storePartial } from "../base/simd";

/** y = softmax(x) for rows [from, to) of `width` floats; y may be x. A row of −∞ only gives zeros. */
export function softmax_forward(y: usize, x: usize, width: i32, from: i32, to: i32): void {
  const rowBytes = <usize>width << 2;
  y += <usize>from * rowBytes;
  x += <usize>from * rowBytes;
  for (let row = from; row < to; row++, x += rowBytes, y += rowBytes) {
    const most = largest(x, width);
    const sum = exponentials(y, x, most == -Infinity ? 0 : most, width);
    scaleTo(y, y, sum == 0 ? 0 : 1 / sum, width);
  }
}

/** dx += y · (dy − Σ y·dy) for rows [from, to). */
export function softmax_backward(dx: usize, dy: usize, y: usize, width: i32, from: i32, to: i32): void {
  const rowBytes = <usize>width << 2;
  dx += <usize>from * rowBytes;
  dy += <usize>from * rowBytes;
  y += <usize>from * rowBytes;
  for (let row = from; row < to; row++, dx += rowBytes, dy += rowBytes, y += rowBytes) {
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
