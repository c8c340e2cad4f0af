/**
 * Smeared keys (Olsson et al. 2022): each key is mixed with the key of the token before, so it also describes the token that
 * precedes its value. A unit is one head of one row, unit = row · heads + head, and walks through its tokens in order.
 */
import { l2norm_backward, l2norm_forward } from "./norm";
import { addScaled, addTo, dot, scaleTo } from "../base/simd";

/**
 * y_i = u_i / max(‖u_i‖, 1e-6) with u_i = a k_i + (1 − a) k_{i−1}, a = sigmoid(alpha of the head). k, y [B, T, H, D];
 * k_{−1} is in `before` [B, H, D]. A row whose `known` [B] (i32) is 0 has none, and y_0 = k_0. Keeps the factors,
 * `inverse` [B, H, T]; a key without a predecessor has factor 0. Units [from, to) of the B·H are computed.
 */
export function smear_forward(
  y: usize, inverse: usize, k: usize, before: usize, known: usize, alpha: usize,
  segment: i32, heads: i32, width: i32, from: i32, to: i32,
): void {
  const headBytes = <usize>width << 2, stride = <usize>heads * headBytes;
  for (let unit = from; unit < to; unit++) {
    const row = unit / heads, head = unit % heads;
    const a = sigmoid(load<f32>(alpha + (head << 2)));
    const begin = <usize>row * segment * stride + <usize>head * headBytes;
    let previous = before + <usize>unit * headBytes;
    let factor = inverse + ((<usize>unit * segment) << 2);
    let i = 0, at = begin;
    if (segment > 0 && load<i32>(known + (row << 2)) == 0) {
      memory.copy(y + at, k + at, headBytes);
      store<f32>(factor, 0);
      previous = k + at;
      i++, at += stride, factor += 4;
    }
    for (; i < segment; i++, at += stride, factor += 4) {
      scaleTo(y + at, k + at, a, width);
      addScaled(y + at, previous, 1 - a, width);
      l2norm_forward(y + at, factor, y + at, width, 0, 1);
      previous = k + at;
    }
  }
}

/**
 * With du the gradient of u_i: dk_i += a du, dk_{i−1} += (1 − a) du, and dalpha [B, H] = a (1 − a) Σ_i du · (k_i − k_{i−1}).
 * `before` gets no gradient. dalpha is per unit; add_rows adds it up. `scratch`: D floats.
 */
export function smear_backward(
  dk: usize, dalpha: usize, dy: usize, y: usize, inverse: usize, k: usize, before: usize, alpha: usize,
  segment: i32, heads: i32, width: i32, from: i32, to: i32, scratch: usize,
): void {
  const headBytes = <usize>width << 2, stride = <usize>heads * headBytes;
  for (let unit = from; unit < to; unit++) {
    const row = unit / heads, head = unit % heads;
    const a = sigmoid(load<f32>(alpha + (head << 2)));
    let factor = inverse + ((<usize>unit * segment) << 2);
    let at = <usize>row * segment * stride + <usize>head * headBytes;
    let previous = before + <usize>unit * headBytes;
    let sum: f32 = 0;
    for (let i = 0; i < segment; i++, at += stride, factor += 4) {
      if (load<f32>(factor) == 0) addTo(dk + at, dy + at, width);
      else {
        l2norm_backward(scratch, dy + at, y + at, factor, width, false, 0, 1);
        addScaled(dk + at, scratch, a, width);
        if (i > 0) addScaled(dk + at - stride, scratch, 1 - a, width);
        sum += dot(scratch, k + at, width) - dot(scratch, previous, width);
      }
      previous = k + at;
    }
    store<f32>(dalpha + (unit << 2), a * (1 - a) * sum);
  }
}

function sigmoid(x: f32): f32 {
  return <f32>(1 / (1 + Math.exp(-x)));
}
