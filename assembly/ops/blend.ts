/**
 * Two attentions made one: the blend of what a head retrieved with what it found locally, g · retrieved + (1 − g) · local (paper,
 * section 3.1), and the logsumexp of both from those of each.
 */
import { addScaled, dot, exponentials, loadPartial, MOST_EXPONENT, madd, storePartial } from "../base/simd";

/**
 * out = g · retrieved + (1 − g) · local with g = sigmoid(logit). out, local, retrieved [B, T, H, D]; logit [B, T, H]; gates
 * [B, T, H] keeps g. In rows whose count is 0 out = local, bit for bit, and g = 0. Queries [from, to) of the B·T are computed.
 */
export function blend_forward(
  out: usize, gates: usize, local: usize, retrieved: usize, logit: usize, counts: usize,
  segment: i32, heads: i32, width: i32, from: i32, to: i32,
): void {
  const headBytes = <usize>width << 2;
  const first = (<usize>from * heads) << 2;
  negativeExponentials(gates + first, logit + first, (to - from) * heads);
  for (let query = from; query < to; query++) {
    const empty = load<i32>(counts + ((query / segment) << 2)) == 0;
    for (let head = 0; head < heads; head++) {
      const at = <usize>query * heads + head, g: f32 = empty ? 0 : 1 / (1 + load<f32>(gates + (at << 2)));
      store<f32>(gates + (at << 2), g);
      if (empty) memory.copy(out + at * headBytes, local + at * headBytes, headBytes);
      else blendRow(out + at * headBytes, local + at * headBytes, retrieved + at * headBytes, g, width);
    }
  }
}

/** e [n] = e^−x. */
function negativeExponentials(e: usize, x: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n << 2; i += 4) store<f32>(e + i, min(-load<f32>(x + i), MOST_EXPONENT));
  exponentials(e, e, 0, n);
}

/** y = local − g · local + g · retrieved over `n` floats. */
function blendRow(y: usize, local: usize, retrieved: usize, g: f32, n: i32): void {
  const plus = f32x4.splat(g), minus = f32x4.splat(-g);
  for (const end = y + (<usize>(n & ~3) << 2); y < end; y += 16, local += 16, retrieved += 16) {
    const x = v128.load(local);
    v128.store(y, madd(v128.load(retrieved), plus, madd(x, minus, x)));
  }
  const tail = n & 3;
  if (tail) {
    const x = loadPartial(local, tail, 0);
    storePartial(y, madd(loadPartial(retrieved, tail, 0), plus, madd(x, minus, x)), tail);
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

/** z = ln(e^x + e^y) over elements [from, to). */
export function log_add_exp_forward(z: usize, x: usize, y: usize, from: i32, to: i32): void {
  for (let at = <usize>from << 2, end = <usize>to << 2; at < end; at += 4) {
    const a = load<f32>(x + at), b = load<f32>(y + at);
    store<f32>(z + at, max(a, b) + <f32>Math.log1p(Math.exp(-abs(<f64>a - <f64>b))));
  }
}

/** dx += dz · e^(x − z), dy += dz · e^(y − z). */
export function log_add_exp_backward(
  dx: usize, dy: usize, dz: usize, x: usize, y: usize, z: usize, from: i32, to: i32,
): void {
  for (let at = <usize>from << 2, end = <usize>to << 2; at < end; at += 4) {
    const d = load<f32>(dz + at), total = <f64>load<f32>(z + at);
    store<f32>(dx + at, load<f32>(dx + at) + d * <f32>Math.exp(<f64>load<f32>(x + at) - total));
    store<f32>(dy + at, load<f32>(dy + at) + d * <f32>Math.exp(<f64>load<f32>(y + at) - total));
  }
}
