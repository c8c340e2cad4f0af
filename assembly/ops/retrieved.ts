/**
 * Attention over pairs retrieved from the memory, and the blend of its result with local attention (paper, section 3.1).
 *
 * Retrieved keys and values are read in place from the ring, which may hold halves: no copy is gathered, and no gradient
 * reaches them. Rows of the batch whose memory is empty retrieve nothing and keep the local result bit for bit.
 */
import { floatsAt, storedBytes } from "../base/half";
import { exponentials, MOST_EXPONENT } from "../base/exp";
import { loadPartial, madd, storePartial } from "../base/simd";
import { addScaled, dot } from "../base/vectors";

/**
 * out [B, T, H, D] = Σ_k r_k ṽ_k with r = softmax(s · scores), s = |scale of the head|; weights [B, T, H, K] keeps r, and
 * lse [B, T, H] the logsumexp. scores, slots [B, T, H, K] come from the lookup; counts [B] (i32) says how many of the K are
 * valid in a row of the batch; values [B, H, capacity, D] is the ring. Queries [from, to) of the B·T are computed.
 * `scratch`: D floats.
 */
export function retrieved_forward(
  out: usize, weights: usize, lse: usize, scores: usize, slots: usize, counts: usize, values: usize, scale: usize,
  segment: i32, heads: i32, width: i32, topk: i32, capacity: i32, half: bool, from: i32, to: i32, scratch: usize,
): void {
  const ringBytes = storedBytes(<usize>capacity * width, half);
  for (let query = from; query < to; query++) {
    const row = query / segment;
    const count = load<i32>(counts + (row << 2));
    for (let head = 0; head < heads; head++) {
      const at = <usize>query * heads + head;
      const r = weights + ((at * topk) << 2);
      const to = out + ((at * width) << 2);
      memory.fill(to, 0, <usize>width << 2);
      store<f32>(lse + (at << 2), softmaxOfScores(r, scores + ((at * topk) << 2), count, abs(load<f32>(scale + (head << 2)))));
      const ring = values + <usize>(row * heads + head) * ringBytes;
      for (let k = 0; k < count; k++) {
        const slot = load<i32>(slots + ((at * topk + k) << 2));
        addScaled(to, floatsAt(ring, <usize>slot * width, width, half, scratch), load<f32>(r + (k << 2)), width);
      }
    }
  }
}

/** r = softmax(s · scores) over `count` scores in falling order; returns the logsumexp. */
function softmaxOfScores(r: usize, scores: usize, count: i32, s: f32): f32 {
  if (count == 0) return -f32.MAX_VALUE;
  const most = load<f32>(scores);
  for (let k = 0; k < count; k++) store<f32>(r + (k << 2), s * (load<f32>(scores + (k << 2)) - most));
  exponentials(r, r, 0, count);
  let sum: f32 = 0;
  for (let k = 0; k < count; k++) sum += load<f32>(r + (k << 2));
  const inverse: f32 = 1 / sum;
  for (let k = 0; k < count; k++) store<f32>(r + (k << 2), load<f32>(r + (k << 2)) * inverse);
  return s * most + <f32>Math.log(sum);
}

/**
 * With dr_k = dout · ṽ_k and dt = r (dr − Σ r dr + dlse): dq += s Σ dt k̃, dscale += sign(scale) Σ dt · score. `dlse` may be
 * 0. Stored pairs get no gradient. dscale [queries, H] is per query; add_rows sums it. `scratch`: D + K floats.
 */
export function retrieved_backward(
  dq: usize, dscale: usize, dout: usize, dlse: usize, weights: usize, scores: usize, slots: usize, counts: usize,
  keys: usize, values: usize, scale: usize,
  segment: i32, heads: i32, width: i32, topk: i32, capacity: i32, half: bool, from: i32, to: i32, scratch: usize,
): void {
  const ringBytes = storedBytes(<usize>capacity * width, half);
  for (let query = from; query < to; query++) {
    const row = query / segment;
    const count = load<i32>(counts + (row << 2));
    for (let head = 0; head < heads; head++) {
      const at = <usize>query * heads + head;
      const list = (at * topk) << 2;
      const ring = <usize>(row * heads + head) * ringBytes;
      const dy = dout + ((at * width) << 2);
      const dr = scratch + (width << 2);
      let pull: f32 = 0;
      for (let k = 0; k < count; k++) {
        const slot = load<i32>(slots + list + (k << 2));
        const product = dot(dy, floatsAt(values + ring, <usize>slot * width, width, half, scratch), width);
        store<f32>(dr + (k << 2), product);
        pull += load<f32>(weights + list + (k << 2)) * product;
      }
      if (dlse) pull -= load<f32>(dlse + (at << 2));
      const s = load<f32>(scale + (head << 2));
      let scaleSum: f32 = 0;
      for (let k = 0; k < count; k++) {
        const slot = load<i32>(slots + list + (k << 2));
        const dt: f32 = load<f32>(weights + list + (k << 2)) * (load<f32>(dr + (k << 2)) - pull);
        scaleSum += dt * load<f32>(scores + list + (k << 2));
        const key = floatsAt(keys + ring, <usize>slot * width, width, half, scratch);
        addScaled(dq + ((at * width) << 2), key, dt * abs(s), width);
      }
      store<f32>(dscale + (at << 2), s > 0 ? scaleSum : s < 0 ? -scaleSum : 0);
    }
  }
}

/**
 * out = g · retrieved + (1 − g) · local, all [B, T, H, D]; out = local, bit for bit, in rows whose count is 0.
 * `gate` mode: g = sigmoid(gate of the head). `joint` mode (gate = 0): g = sigmoid(lseRetrieved − lseLocal), which is one
 * softmax over [retrieved | local] written with the two logsumexps. gates [B, T, H] keeps g.
 */
export function blend_forward(
  out: usize, gates: usize, local: usize, retrieved: usize, gate: usize, lseLocal: usize, lseRetrieved: usize,
  counts: usize, segment: i32, heads: i32, width: i32, from: i32, to: i32,
): void {
  const headBytes = <usize>width << 2;
  const first = <usize>from * heads;
  gateExponentials(gates + (first << 2), gate, lseLocal + (first << 2), lseRetrieved + (first << 2), heads, (to - from) * heads);
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

/** e [n] = e^−x for the x that go into the sigmoids: a head's gate, or the difference of its logsumexps. */
function gateExponentials(e: usize, gate: usize, lseLocal: usize, lseRetrieved: usize, heads: i32, n: i32): void {
  for (let i = 0; i < n; i++) {
    const at = i << 2;
    const x: f32 = gate ? load<f32>(gate + (i % heads << 2)) : load<f32>(lseRetrieved + at) - load<f32>(lseLocal + at);
    store<f32>(e + at, min(-x, MOST_EXPONENT));
  }
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
 * dretrieved += g · dout, dlocal += (1 − g) · dout, and dlogit [B, T, H] = g (1 − g) · dout · (retrieved − local): the
 * gradient of what went into the sigmoid. In rows whose count is 0, only dlocal += dout.
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
      let d: f32 = 0;
      if (!empty) {
        addScaled(dretrieved + at * headBytes, dy, g, width);
        d = g * (1 - g) * (dot(dy, retrieved + at * headBytes, width) - dot(dy, local + at * headBytes, width));
      }
      store<f32>(dlogit + (at << 2), d);
    }
  }
}
