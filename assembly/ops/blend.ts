/** The blend of what a head retrieved with what it found locally: g · retrieved + (1 − g) · local (paper, section 3.1). */
import { sigmoid } from "../base/simd";
import { addScaled, dot } from "../base/vectors";

/**
 * out = g · retrieved + (1 − g) · local with g = sigmoid(logit). out, local, retrieved [B, T, H, D]; logit [B, T, H]; gates
 * [B, T, H] keeps g. In rows whose count is 0 out = local, bit for bit, and g = 0. Queries [from, to) of the B·T are computed.
 */
export function blend_forward(
  out: usize, gates: usize, local: usize, retrieved: usize, logit: usize, counts: usize,
  segment: i32, heads: i32, width: i32, from: i32, to: i32,
): void {
  const headBytes = <usize>width << 2;
  for (let query = from; query < to; query++) {
    const empty = load<i32>(counts + ((query / segment) << 2)) == 0;
    for (let head = 0; head < heads; head++) {
      const at = <usize>query * heads + head;
      const y = out + at * headBytes;
      memory.copy(y, local + at * headBytes, headBytes);
      let g: f32 = 0;
      if (!empty) {
        g = sigmoid(load<f32>(logit + (at << 2)));
        addScaled(y, local + at * headBytes, -g, width);
        addScaled(y, retrieved + at * headBytes, g, width);
      }
      store<f32>(gates + (at << 2), g);
    }
  }
}

/**
 * dretrieved += g · dout, dlocal += (1 − g) · dout, dlogit += g (1 − g) · dout · (retrieved − local). In rows whose count is
 * 0, only dlocal += dout.
 */
export function blend_backward(
  dlocal: usize, dretrieved: usize, dlogit: usize, dout: usize, gates: usize, local: usize, retrieved: usize,
  counts: usize, segment: i32, heads: i32, width: i32, from: i32, to: i32,
): void {
  const headBytes = <usize>width << 2;
  for (let query = from; query < to; query++) {
    const empty = load<i32>(counts + ((query / segment) << 2)) == 0;
    for (let head = 0; head < heads; head++) {
      const at = <usize>query * heads + head;
      const dy = dout + at * headBytes;
      const g = load<f32>(gates + (at << 2));
      addScaled(dlocal + at * headBytes, dy, 1 - g, width);
      if (empty) continue;
      addScaled(dretrieved + at * headBytes, dy, g, width);
      const change = dot(dy, retrieved + at * headBytes, width) - dot(dy, local + at * headBytes, width);
      store<f32>(dlogit + (at << 2), load<f32>(dlogit + (at << 2)) + g * (1 - g) * change);
    }
  }
}
