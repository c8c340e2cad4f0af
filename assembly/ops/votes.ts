/**
 * Predictions that also copy: the next token's distribution as a mixture of the model's own and of votes for the tokens of
 * retrieved pairs (a pointer network, Vinyals et al. 2015, mixed as by Merity et al. 2017). All in one row of logits at a time.
 *
 * With π = softmax(0, m_1 … m_H) and the weights r_hk of the pairs that head h retrieved: p = π_0 softmax(z) + Σ π_h r_hk [token of
 * pair k]. Only the few tokens with votes need an exponential of their own; to all others the mixture adds one number.
 */
import { addExponentials, addTo, largest, sumOf, sumOfExponentials } from "../base/simd";

// Scratch: votes by token [V + 1], 0 between two rows; the shares π_1 … π_H, and their derivatives.

@inline
function sharesAt(scratch: usize, vocabulary: i32): usize {
  return scratch + (vocabulary << 2) + 4;
}

/** Bytes of scratch for a vocabulary of V tokens and votes of H heads. */
export function votes_scratch_bytes(vocabulary: i32, heads: i32): i32 {
  return <i32>sharesAt(0, vocabulary) + (heads << 3);
}

/**
 * y = ln p for those of rows [from, to) that have votes, y = z for the others. z, y [B·T, V]; mix [B·T, H] has m; weights [B·T, H, K]
 * r; slots (i32) the slot of each pair in tokens [B, capacity] (i32), which may lie before its row's first; a token V is unknown and has no
 * votes; counts [B] (i32) how many of the K are valid.
 * lse [B·T] takes ln Σ e^z. `scratch`: votes_scratch_bytes.
 */
export function votes_forward(
  y: usize, lse: usize, z: usize, mix: usize, weights: usize, slots: usize, tokens: usize, counts: usize, vocabulary: i32,
  segment: i32, heads: i32, topk: i32, capacity: i32, from: i32, to: i32, scratch: usize,
): void {
  const votes = scratch, shares = sharesAt(scratch, vocabulary), rowBytes = <usize>vocabulary << 2;
  memory.fill(votes, 0, rowBytes + 4);
  for (let row = from; row < to; row++) {
    const document = row / segment, count = load<i32>(counts + (document << 2));
    const logits = z + <usize>row * rowBytes, out = y + <usize>row * rowBytes;
    if (count == 0) {
      memory.copy(out, logits, rowBytes);
      continue;
    }
    const most = largest(logits, vocabulary);
    const logSum = <f32>(<f64>most + Math.log(sumOfExponentials(logits, most, vocabulary)));
    store<f32>(lse + (<usize>row << 2), logSum);
    const own = mixture(shares, mix + ((<usize>row * heads) << 2), heads);
    addConstant(out, logits, own - logSum, vocabulary);
    const lists = <usize>row * heads * topk;
    const ring = tokens + ((<usize>document * capacity) << 2);
    cast(votes, shares, weights + (lists << 2), slots + (lists << 2), ring, heads, topk, count, rowBytes);
    for (let head = 0; head < heads; head++) {
      for (let k = 0; k < count; k++) {
        const token = tokenOf(slots + ((lists + head * topk + k) << 2), ring);
        const vote = load<f32>(votes + token);
        if (vote == 0) continue; // none, or counted already
        store<f32>(out + token, <f32>Math.log(Math.exp(load<f32>(out + token)) + <f64>vote));
        store<f32>(votes + token, 0);
      }
    }
  }
}

/**
 * Adds to dz, dmix and dweights what `dy` asks of rows [from, to), from the inputs of votes_forward and its lse. With the part
 * b_v = Σ π_h r_hk of p_v: dz = g − softmax(z) Σ g where g_v = dy_v (1 − b_v / p_v); dr_hk = π_h dy_v / p_v.
 */
export function votes_backward(
  dz: usize, dmix: usize, dweights: usize, dy: usize, lse: usize, z: usize, mix: usize, weights: usize, slots: usize,
  tokens: usize, counts: usize, vocabulary: i32, segment: i32, heads: i32, topk: i32, capacity: i32, from: i32, to: i32,
  scratch: usize,
): void {
  const votes = scratch, shares = sharesAt(scratch, vocabulary), rowBytes = <usize>vocabulary << 2;
  const dshares = shares + (heads << 2);
  memory.fill(votes, 0, rowBytes + 4);
  for (let row = from; row < to; row++) {
    const document = row / segment, count = load<i32>(counts + (document << 2));
    const logits = z + <usize>row * rowBytes, dlogits = dz + <usize>row * rowBytes, dout = dy + <usize>row * rowBytes;
    addTo(dlogits, dout, vocabulary);
    if (count == 0) continue;
    const m = (<usize>row * heads) << 2;
    const logSum = load<f32>(lse + (<usize>row << 2));
    const own = mixture(shares, mix + m, heads) - logSum;
    const lists = (<usize>row * heads * topk) << 2;
    const ring = tokens + ((<usize>document * capacity) << 2);
    cast(votes, shares, weights + lists, slots + lists, ring, heads, topk, count, rowBytes);
    let pull: f32 = 0; // Σ π_h dπ_h
    for (let head = 0; head < heads; head++) {
      const share = load<f32>(shares + (head << 2));
      let dshare: f32 = 0;
      for (let k = 0; k < count; k++) {
        const at = lists + ((head * topk + k) << 2);
        const token = tokenOf(slots + at, ring);
        if (token == rowBytes) continue; // an unknown token votes for nothing
        const p = <f32>Math.exp(load<f32>(logits + token) + own) + load<f32>(votes + token);
        const dp: f32 = p > 0 ? load<f32>(dout + token) / p : 0;
        store<f32>(dweights + at, load<f32>(dweights + at) + share * dp);
        dshare += load<f32>(weights + at) * dp;
      }
      store<f32>(dshares + (head << 2), dshare);
      pull += share * dshare;
    }
    let sum = sumOf(dout, vocabulary); // Σ g
    for (let head = 0; head < heads; head++) {
      for (let k = 0; k < count; k++) {
        const token = tokenOf(slots + lists + ((head * topk + k) << 2), ring);
        const vote = load<f32>(votes + token);
        if (vote == 0) continue;
        const taken: f32 = load<f32>(dout + token) * vote / (<f32>Math.exp(load<f32>(logits + token) + own) + vote);
        sum -= taken;
        store<f32>(dlogits + token, load<f32>(dlogits + token) - taken);
        store<f32>(votes + token, 0);
      }
    }
    addExponentials(dlogits, logits, logSum, -sum, vocabulary);
    for (let head = 0; head < heads; head++) {
      const at = dmix + m + (head << 2);
      const share = load<f32>(shares + (head << 2));
      store<f32>(at, load<f32>(at) + share * (load<f32>(dshares + (head << 2)) - sum - pull));
    }
  }
}

/** Offset in bytes, in a row of the vocabulary, of the token of a pair. */
@inline
function tokenOf(slot: usize, ring: usize): usize {
  return <usize>load<i32>(ring + (<usize>load<i32>(slot) << 2)) << 2;
}

/** votes[token of pair k] += π_h r_hk for all heads and their `count` pairs, but not for the token at `unknown` bytes. */
function cast(
  votes: usize, shares: usize, weights: usize, slots: usize, ring: usize, heads: i32, topk: i32, count: i32,
  unknown: usize,
): void {
  for (let head = 0; head < heads; head++) {
    const share = load<f32>(shares + (head << 2));
    for (let k = 0; k < count; k++) {
      const at = (head * topk + k) << 2;
      const token = tokenOf(slots + at, ring);
      if (token == unknown) continue;
      const place = votes + token;
      store<f32>(place, load<f32>(place) + share * load<f32>(weights + at));
    }
  }
}

/** Writes π_1 … π_H of softmax(0, m) to `shares`, and returns ln π_0. */
function mixture(shares: usize, m: usize, heads: i32): f32 {
  let most: f32 = 0;
  for (let head = 0; head < heads; head++) most = max(most, load<f32>(m + (head << 2)));
  let sum = Math.exp(-most);
  for (let head = 0; head < heads; head++) sum += Math.exp(load<f32>(m + (head << 2)) - most);
  for (let head = 0; head < heads; head++) {
    store<f32>(shares + (head << 2), <f32>(Math.exp(load<f32>(m + (head << 2)) - most) / sum));
  }
  return <f32>(-<f64>most - Math.log(sum));
}

/** y = x + c over `n` floats. */
function addConstant(y: usize, x: usize, c: f32, n: i32): void {
  const constant = f32x4.splat(c), end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16, x += 16) v128.store(y, f32x4.add(v128.load(x), constant));
  for (let i = 0; i < (n & 3); i++) store<f32>(y + (i << 2), load<f32>(x + (i << 2)) + c);
}
