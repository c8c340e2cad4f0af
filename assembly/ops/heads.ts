/**
 * Heads in another order: query heads that share a kv head become queries of one head, and back again.
 */
import { addTo } from "../base/simd";

/**
 * y [n, count, width] = the heads of x [n, heads, width] that `order` [count] (i32) names; −1 gives a head of `missing`. Tokens
 * [from, to) of the n are computed.
 */
export function select_heads(
  y: usize, x: usize, order: usize, heads: i32, count: i32, width: i32, missing: f32, from: i32, to: i32,
): void {
  const bytes = <usize>width << 2;
  y += <usize>from * count * bytes;
  for (let token = from; token < to; token++) {
    const xToken = x + <usize>token * heads * bytes;
    for (let i = 0; i < count; i++, y += bytes) {
      const head = load<i32>(order + (i << 2));
      if (head >= 0) memory.copy(y, xToken + <usize>head * bytes, bytes);
      else for (let at: usize = 0; at < bytes; at += 4) store<f32>(y + at, missing);
    }
  }
}

/** dx [n, heads, width] += the heads of dy [n, count, width], each where `order` took it from. */
export function select_heads_backward(
  dx: usize, dy: usize, order: usize, heads: i32, count: i32, width: i32, from: i32, to: i32,
): void {
  const bytes = <usize>width << 2;
  dy += <usize>from * count * bytes;
  for (let token = from; token < to; token++) {
    const dxToken = dx + <usize>token * heads * bytes;
    for (let i = 0; i < count; i++, dy += bytes) {
      const head = load<i32>(order + (i << 2));
      if (head >= 0) addTo(dxToken + <usize>head * bytes, dy, width);
    }
  }
}
