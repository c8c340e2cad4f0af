/**
 * An activated gate times another projection, as in SwiGLU and GEGLU (Shazeer 2020): y = act(gate) ⊙ up, and its backward for both.
 */
import { ACTIVATION_BLOCK, addSlope, negativeExponentials, sigmoid } from "./elementwise";
import { addTo, hidden, loadPartial, storePartial } from "../base/simd";

/** y = act(gate) · up over elements [from, to); `kind`: see elementwise.ts. y is neither gate nor up. */
export function gated_forward(y: usize, gate: usize, up: usize, kind: i32, from: i32, to: i32): void {
  for (let at = from; at < to; at += ACTIVATION_BLOCK) {
    const n = min(ACTIVATION_BLOCK, to - at), offset = <usize>at << 2;
    negativeExponentials(y + offset, gate + offset, kind, n);
    timesActivated(y + offset, gate + offset, up + offset, n);
  }
}

/** y = x · sigmoid · up over `n` floats, where y held the exponentials. */
function timesActivated(y: usize, x: usize, up: usize, n: i32): void {
  const one = hidden(1, n >> 31); // n is never negative
  for (const end = x + (<usize>(n & ~3) << 2); x < end; x += 16, y += 16, up += 16) {
    v128.store(y, f32x4.mul(f32x4.mul(v128.load(x), sigmoid(v128.load(y), one)), v128.load(up)));
  }
  const tail = n & 3;
  if (tail) {
    const activated = f32x4.mul(loadPartial(x, tail, 0), sigmoid(loadPartial(y, tail, 0), one));
    storePartial(y, f32x4.mul(activated, loadPartial(up, tail, 0)), tail);
  }
}

/** dgate += dy · up · act'(gate) over elements [from, to). `scratch`: activation_scratch_bytes. */
export function gated_gate_backward(
  dgate: usize, dy: usize, gate: usize, up: usize, kind: i32, from: i32, to: i32, scratch: usize,
): void {
  const products = scratch + (<usize>ACTIVATION_BLOCK << 2);
  for (let at = from; at < to; at += ACTIVATION_BLOCK) {
    const n = min(ACTIVATION_BLOCK, to - at), offset = <usize>at << 2;
    negativeExponentials(scratch, gate + offset, kind, n);
    multiply(products, dy + offset, up + offset, n);
    addSlope(dgate + offset, products, gate + offset, scratch, kind, n);
  }
}

/** dup += dy · act(gate) over elements [from, to). `scratch`: activation_scratch_bytes. */
export function gated_up_backward(
  dup: usize, dy: usize, gate: usize, kind: i32, from: i32, to: i32, scratch: usize,
): void {
  for (let at = from; at < to; at += ACTIVATION_BLOCK) {
    const n = min(ACTIVATION_BLOCK, to - at), offset = <usize>at << 2;
    negativeExponentials(scratch, gate + offset, kind, n);
    timesActivated(scratch, gate + offset, dy + offset, n);
    addTo(dup + offset, scratch, n);
  }
}

/** z = x · y over `n` floats. */
function multiply(z: usize, x: usize, y: usize, n: i32): void {
  for (const end = x + (<usize>(n & ~3) << 2); x < end; x += 16, y += 16, z += 16) {
    v128.store(z, f32x4.mul(v128.load(x), v128.load(y)));
  }
  const tail = n & 3;
  if (tail) storePartial(z, f32x4.mul(loadPartial(x, tail, 0), loadPartial(y, tail, 0)), tail);
}
