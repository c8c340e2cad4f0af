/** A factor for each head: the learned scale of logits, where it cannot be a part of a softmax. */
import { addScaled, dot, scaleTo } from "../base/simd";

/** y = |scale of the head| · x for vectors [from, to); x, y [N, D], of which vector n belongs to head n mod H. */
export function scale_heads_forward(y: usize, x: usize, scale: usize, heads: i32, width: i32, from: i32, to: i32): void {
  const bytes = <usize>width << 2;
  for (let at = from; at < to; at++) {
    const s = abs(load<f32>(scale + (<usize>(at % heads) << 2)));
    scaleTo(y + <usize>at * bytes, x + <usize>at * bytes, s, width);
  }
}

/** dx += |scale| · dy, and dscale [N] = sign(scale) · (x·dy), per vector; add_rows adds it up. */
export function scale_heads_backward(
  dx: usize, dscale: usize, dy: usize, x: usize, scale: usize, heads: i32, width: i32, from: i32, to: i32,
): void {
  const bytes = <usize>width << 2;
  for (let at = from; at < to; at++) {
    const s = load<f32>(scale + (<usize>(at % heads) << 2)), pull = dot(x + <usize>at * bytes, dy + <usize>at * bytes, width);
    addScaled(dx + <usize>at * bytes, dy + <usize>at * bytes, abs(s), width);
    store<f32>(dscale + (<usize>at << 2), s < 0 ? -pull : pull);
  }
}
