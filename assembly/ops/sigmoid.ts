/** The sigmoid times a height, for what lies between 0 and a limit. */
import { negativeExponentials, sigmoid } from "./activation";
import { hidden, loadPartial, madd, storePartial } from "../base/simd";

/** The kernels' number of SiLU, whose exponent is that of the sigmoid. */
const SILU: i32 = 0;

/** y = height · σ(x) over elements [from, to), y is not x. */
export function sigmoid_forward(y: usize, x: usize, height: f32, from: i32, to: i32): void {
  const n = to - from, zero = n >> 31; // n is never negative
  y += <usize>from << 2;
  negativeExponentials(y, x + (<usize>from << 2), SILU, n);
  const one = hidden(1, zero), most = hidden(height, zero);
  for (const end = y + (<usize>(n & ~3) << 2); y < end; y += 16) {
    v128.store(y, f32x4.mul(most, sigmoid(v128.load(y), one)));
  }
  const tail = n & 3;
  if (tail) storePartial(y, f32x4.mul(most, sigmoid(loadPartial(y, tail, 0), one)), tail);
}

/** dx += dy · y (1 − y / height) over elements [from, to). */
export function sigmoid_backward(dx: usize, dy: usize, y: usize, height: f32, from: i32, to: i32): void {
  const n = to - from, zero = n >> 31;
  const one = hidden(1, zero), inverse = hidden(1 / height, zero);
  dx += <usize>from << 2;
  dy += <usize>from << 2;
  y += <usize>from << 2;
  for (const end = y + (<usize>(n & ~3) << 2); y < end; y += 16, dx += 16, dy += 16) {
    v128.store(dx, addSlope(v128.load(dx), v128.load(dy), v128.load(y), one, inverse));
  }
  const tail = n & 3;
  if (tail) {
    const slope = addSlope(loadPartial(dx, tail, 0), loadPartial(dy, tail, 0), loadPartial(y, tail, 0), one, inverse);
    storePartial(dx, slope, tail);
  }
}

@inline
function addSlope(dx: v128, dy: v128, y: v128, one: v128, inverse: v128): v128 {
  return madd(dy, f32x4.mul(y, f32x4.sub(one, f32x4.mul(y, inverse))), dx);
}
