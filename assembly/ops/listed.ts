/**
 * Attention to lists: each query of a head attends to the positions of its context that its list names, whatever chose them
 * (lists.ts, or whoever called). Scores, learned scale, T5 bias, softmax and the product with the values; nothing else is read.
 *
 * A unit is one head of one row (unit = row · heads + head), forward and backward, so that one thread adds to a key's gradient.
 */
import { addScaled, dot, exponentials, scaleTo } from "../base/simd";

/** The sizes and the bias that a call's units share, as src/autodiff/ops/listed.ts lays them out. */
@unmanaged
class Lists {
  heads: i32;
  width: i32;
  segment: i32;
  /** Position of the first query. */
  past: i32;
  /** Position of the first key that gets a gradient, and how many of them a row has. */
  own: i32;
  ownTokens: i32;
  capacity: i32;
  /** K, and lists per query: one for all heads, or one for each. */
  most: i32;
  listHeads: i32;
  /** T5's table [heads, buckets], or 0, and the bucket of each distance (i32); the last is that of all greater distances. */
  table: usize;
  bucketOf: usize;
  buckets: i32;
  distances: i32;
  /** Positions before this one are no places in the text: their distance is the greatest. */
  pinned: i32;

  @inline
  query(unit: i32, i: i32): usize {
    return (<usize>(unit / this.heads * this.segment + i) * this.heads + unit % this.heads);
  }

  /** Number of query i's list: lists are [B, T, listHeads, K]. */
  @inline
  list(unit: i32, i: i32): usize {
    const head = this.listHeads == 1 ? 0 : unit % this.heads;
    return (<usize>(unit / this.heads * this.segment + i) * this.listHeads + head) * this.most;
  }

  /** Bytes to position j of the context [B, capacity, H, D]. */
  @inline
  pair(unit: i32, j: i32): usize {
    return ((<usize>(unit / this.heads * this.capacity + j) * this.heads + unit % this.heads) * this.width) << 2;
  }

  /** Number of the vector of position j among those that get gradients, [B, ownTokens, H, D]. */
  @inline
  ownPair(unit: i32, j: i32): usize {
    return <usize>(unit / this.heads * this.ownTokens + j - this.own) * this.heads + unit % this.heads;
  }

  @inline
  bucket(i: i32, j: i32): i32 {
    const farthest = this.distances - 1;
    return load<i32>(this.bucketOf + ((j < this.pinned ? farthest : min(this.past + i - j, farthest)) << 2));
  }
}

/**
 * out [B, T, H, D] = Σ_n p_n v_n with p = softmax(s · (q·k_n + bias[distance])) over the positions n of the query's list, s = |scale of
 * the head|; lse [B, T, H] is the logsumexp. An empty list gives 0 and the least float. q [B, T, H, D]; k, v [B, capacity, H, D];
 * positions [B, T, listHeads, K] (i32) ends at the first that is negative; table [H, buckets] or 0; scale [H].
 * probabilities [B, T, H, K] keeps p. With `masks` [B, T, H, K], which may be 0, p is masks · e^logit over its sum. `shared`: address
 * of a Lists. Units [from, to) of B·H.
 */
export function listed_forward(
  out: usize, lse: usize, probabilities: usize, q: usize, k: usize, v: usize, positions: usize, masks: usize, scale: usize,
  shared: usize, from: i32, to: i32,
): void {
  const lists = changetype<Lists>(shared);
  const width = lists.width, most = lists.most, table = lists.table;
  for (let unit = from; unit < to; unit++) {
    const head = unit % lists.heads, s = abs(load<f32>(scale + (head << 2)));
    const biases = table + ((head * lists.buckets) << 2);
    for (let i = 0; i < lists.segment; i++) {
      const query = lists.query(unit, i), list = positions + (lists.list(unit, i) << 2);
      const p = probabilities + ((query * most) << 2), y = out + ((query * width) << 2);
      let count = 0, peak: f32 = -f32.MAX_VALUE;
      for (; count < most; count++) {
        const j = load<i32>(list + (count << 2));
        if (j < 0) break;
        let logit = dot(q + ((query * width) << 2), k + lists.pair(unit, j), width);
        if (table) logit += load<f32>(biases + (lists.bucket(i, j) << 2));
        logit *= s;
        store<f32>(p + (count << 2), logit);
        peak = max(peak, logit);
      }
      let sum = exponentials(p, p, peak, count);
      if (masks) sum = applyMasks(p, masks + ((query * most) << 2), count);
      if (count > 0) scaleTo(p, p, 1 / sum, count);
      store<f32>(lse + (query << 2), count > 0 ? peak + <f32>Math.log(sum) : peak);
      memory.fill(y, 0, <usize>width << 2);
      for (let n = 0; n < count; n++) addScaled(y, v + lists.pair(unit, load<i32>(list + (n << 2))), load<f32>(p + (n << 2)), width);
    }
  }
}

/** p *= masks over `n` floats; returns Σ p. */
function applyMasks(p: usize, masks: usize, n: i32): f32 {
  let sum: f32 = 0;
  for (const end = p + (<usize>n << 2); p < end; p += 4, masks += 4) {
    const masked = load<f32>(p) * load<f32>(masks);
    store<f32>(p, masked);
    sum += masked;
  }
  return sum;
}

/**
 * With dlogit = p (dout·v − Σ p (dout·v) + dlse): dq += s Σ dlogit k; for positions from `own` on dk += s dlogit q and dv += p dout
 * [B, ownTokens, H, D]. Writes dtable [B·H, buckets] = s Σ dlogit by bucket, and dscale [B·H] = sign(scale) Σ dlogit (q·k + bias).
 * `dlse` may be 0. With masks, dmasks += dlogit / mask.
 */
export function listed_backward(
  dq: usize, dk: usize, dv: usize, dmasks: usize, dtable: usize, dscale: usize, dout: usize, dlse: usize,
  out: usize, probabilities: usize, q: usize, k: usize, v: usize, positions: usize, masks: usize, scale: usize,
  shared: usize, from: i32, to: i32,
): void {
  const lists = changetype<Lists>(shared);
  const width = lists.width, most = lists.most, table = lists.table, buckets = lists.buckets;
  for (let unit = from; unit < to; unit++) {
    const head = unit % lists.heads, given = load<f32>(scale + (head << 2)), s = abs(given);
    const biases = table + ((head * buckets) << 2), dbiases = dtable + ((<usize>unit * buckets) << 2);
    memory.fill(dbiases, 0, <usize>buckets << 2);
    let scaleSum: f32 = 0;
    for (let i = 0; i < lists.segment; i++) {
      const query = lists.query(unit, i), list = positions + (lists.list(unit, i) << 2);
      const at = (query * width) << 2, p = probabilities + ((query * most) << 2);
      let pull = dot(dout + at, out + at, width);
      if (dlse) pull -= load<f32>(dlse + (query << 2));
      for (let n = 0; n < most; n++) {
        const j = load<i32>(list + (n << 2));
        if (j < 0) break;
        const pair = lists.pair(unit, j), weight = load<f32>(p + (n << 2));
        const dlogit = weight * (dot(dout + at, v + pair, width) - pull);
        if (masks) {
          const mask = (query * most + n) << 2;
          store<f32>(dmasks + mask, load<f32>(dmasks + mask) + dlogit / load<f32>(masks + mask));
        }
        scaleSum += dlogit * dot(q + at, k + pair, width);
        if (table) {
          const bucket = lists.bucket(i, j) << 2;
          scaleSum += dlogit * load<f32>(biases + bucket);
          store<f32>(dbiases + bucket, load<f32>(dbiases + bucket) + s * dlogit);
        }
        addScaled(dq + at, k + pair, s * dlogit, width);
        if (j < lists.own) continue;
        const pairGradient = (lists.ownPair(unit, j) * width) << 2;
        addScaled(dk + pairGradient, q + at, s * dlogit, width);
        addScaled(dv + pairGradient, dout + at, weight, width);
      }
    }
    store<f32>(dscale + (unit << 2), given > 0 ? scaleSum : given < 0 ? -scaleSum : 0);
  }
}
