/**
 * Attention over pairs retrieved from the memory (paper, section 3.1).
 *
 * Retrieved keys and values are read in place from the ring, which may hold halves: no copy is gathered, and no gradient
 * reaches them. Rows of the batch whose memory is empty retrieve nothing.
 */
import { behind, floatsAt, storedBytes } from "../base/storage";
import { addScaled, dot, exponentials } from "../base/simd";

// Scratch: room for a widened key or value, [D]; in the backward, dr [K] after it.

@inline
function drAt(scratch: usize, width: i32): usize {
  return scratch + (width << 2);
}

/** Bytes of scratch for attention over `topk` pairs of heads of `width` floats. */
export function retrieved_scratch_bytes(width: i32, topk: i32): i32 {
  return <i32>(drAt(0, width) + (topk << 2));
}

/**
 * out [B, T, H, D] = Σ_k r_k ṽ_k with r = softmax(s · scores − fade · ln(1 + age)), s = |scale of the head|; weights [B, T, H, K] keeps r, 0
 * where nothing was found, and lse [B, T, H] the logsumexp. scores, slots [B, T, H, K] come from the lookup; counts [B] (i32) says how many of the K are
 * valid in a row; newest [B] (i32) is the slot of its newest pair, whose age is 0; values [B, H, capacity, D] is the ring. Queries [from, to) of the B·T are computed.
 * `scratch`: retrieved_scratch_bytes.
 */
export function retrieved_forward(
  out: usize, weights: usize, lse: usize, scores: usize, slots: usize, counts: usize, newest: usize, fade: f32, values: usize, scale: usize,
  segment: i32, heads: i32, width: i32, topk: i32, capacity: i32, float16: bool, from: i32, to: i32, scratch: usize,
): void {
  const ringBytes = storedBytes(<usize>capacity * width, float16);
  for (let query = from; query < to; query++) {
    const row = query / segment;
    const count = load<i32>(counts + (row << 2)), last = load<i32>(newest + (row << 2));
    for (let head = 0; head < heads; head++) {
      const at = <usize>query * heads + head;
      const r = weights + ((at * topk) << 2);
      const y = out + ((at * width) << 2);
      memory.fill(y, 0, <usize>width << 2);
      memory.fill(r + (count << 2), 0, (topk - count) << 2);
      const s = abs(load<f32>(scale + (head << 2)));
      store<f32>(lse + (at << 2), softmaxOfScores(r, scores + ((at * topk) << 2), slots + ((at * topk) << 2), count, s, last, capacity, fade));
      const ring = values + <usize>(row * heads + head) * ringBytes;
      for (let k = 0; k < count; k++) {
        const slot = load<i32>(slots + ((at * topk + k) << 2));
        addScaled(y, floatsAt(ring, <usize>slot * width, width, float16, scratch), load<f32>(r + (k << 2)), width);
      }
    }
  }
}

/** r = softmax(s · scores − fade · ln(1 + age)) over `count` pairs, of which that in slot `last` has age 0; returns the logsumexp. */
function softmaxOfScores(
  r: usize, scores: usize, slots: usize, count: i32, s: f32, last: i32, capacity: i32, fade: f32,
): f32 {
  if (count == 0) return -f32.MAX_VALUE;
  const first = load<f32>(scores); // the largest, unless pairs fade or faded before
  let most: f32 = -Infinity;
  for (let k: usize = 0; k < <usize>count << 2; k += 4) {
    let logit: f32 = s * (load<f32>(scores + k) - first);
    if (fade != 0) logit -= fade * lnOfAge(last - load<i32>(slots + k), capacity);
    store<f32>(r + k, logit);
    most = max(most, logit);
  }
  exponentials(r, r, most, count);
  let sum: f32 = 0;
  for (let k = 0; k < count; k++) sum += load<f32>(r + (k << 2));
  const inverse: f32 = 1 / sum;
  for (let k = 0; k < count; k++) store<f32>(r + (k << 2), load<f32>(r + (k << 2)) * inverse);
  return s * first + (most + <f32>Math.log(sum));
}

/** ln(1 + age) of a pair that lies `behind` slots before the newest one, or after it if the ring has turned round. */
@inline
function lnOfAge(behind: i32, capacity: i32): f32 {
  return <f32>Math.log(<f64>(behind < 0 ? behind + capacity : behind) + 1);
}

/**
 * With dr_k = dout · ṽ_k + dweights_k and dt = r (dr − Σ r dr + dlse): dq += s Σ dt k̃, dscale += sign(scale) Σ dt · score. `dlse`
 * and `dweights` [B, T, H, K] may be 0. Stored pairs get no gradient. dscale [queries, H] is per query; add_rows sums it. `scratch`: retrieved_scratch_bytes.
 * With `nearRows` [B, 3] (i32: pairs nearby, slots of the newest pair in the ring and in that of near pairs), a row's newest pairs were scored by other queries against other
 * keys: `dnear` gets their gradient, and their keys are in the ring `nearKeys` of `nearCapacity`. It may be 0.
 */
export function retrieved_backward(
  dq: usize, dscale: usize, dout: usize, dlse: usize, dweights: usize, weights: usize, scores: usize, slots: usize, counts: usize,
  keys: usize, values: usize, scale: usize, dnear: usize, nearKeys: usize, nearRows: usize, nearCapacity: i32,
  segment: i32, heads: i32, width: i32, topk: i32, capacity: i32, float16: bool, from: i32, to: i32, scratch: usize,
): void {
  const ringBytes = storedBytes(<usize>capacity * width, float16);
  const nearBytes = storedBytes(<usize>nearCapacity * width, float16);
  for (let query = from; query < to; query++) {
    const row = query / segment;
    const count = load<i32>(counts + (row << 2));
    const place = nearRows + <usize>row * 12;
    const nearby = nearRows ? load<i32>(place) : 0, newest = nearRows ? load<i32>(place, 4) : 0;
    const nearNewest = nearRows ? load<i32>(place, 8) : 0;
    for (let head = 0; head < heads; head++) {
      const at = <usize>query * heads + head;
      const list = (at * topk) << 2;
      const ring = <usize>(row * heads + head) * ringBytes;
      const dy = dout + ((at * width) << 2);
      const dr = drAt(scratch, width);
      let pull: f32 = 0;
      for (let k = 0; k < count; k++) {
        const slot = load<i32>(slots + list + (k << 2));
        let product = dot(dy, floatsAt(values + ring, <usize>slot * width, width, float16, scratch), width);
        if (dweights) product += load<f32>(dweights + list + (k << 2));
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
        const age = behind(newest, slot, capacity); // 0 is the newest
        const isNear = age < nearby;
        const nearSlot = isNear ? behind(nearNewest, age, nearCapacity) : 0;
        const key = isNear
          ? floatsAt(nearKeys + <usize>(row * heads + head) * nearBytes, <usize>nearSlot * width, width, float16, scratch)
          : floatsAt(keys + ring, <usize>slot * width, width, float16, scratch);
        addScaled((isNear ? dnear : dq) + ((at * width) << 2), key, dt * abs(s), width);
      }
      store<f32>(dscale + (at << 2), s > 0 ? scaleSum : s < 0 ? -scaleSum : 0);
    }
  }
}
