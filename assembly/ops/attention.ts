/**
 * Causal attention of one segment over its context: scores, learned scale, position bias, mask, softmax and the product with
 * the values, without touching what the mask hides.
 *
 * Queries go in blocks: one block's scores against all keys it may see are a matrix product on packed panels, its softmax
 * runs in cache, its product with the values is a second one. Threads share out units, of which a call computes [from, to): a unit
 * of the forward is one block of one head, so that nine heads keep two threads busy; a unit of the backward is one kv head of one row.
 *
 * Query i of the segment sits at context position `past + i` and sees positions j with
 * j ≥ first(row), past + i − window ≤ j ≤ past + i, in its own block of `block` positions. The logit is
 * s · (q·k_j + bias[past + i − j]) with s = |scale of the head|.
 *
 * The backward goes block by block in the same way. With P the softmax, dP = dout · vᵀ and
 * dlogit = s · P ∘ (dP − rowsum(P ∘ dP) + dlse):
 *   dq += dlogit · k,  dk += dlogitᵀ · q,  dv += Pᵀ · dout   (dk, dv [B, T, G, D]: the segment's own pairs only; the past
 *   gets no gradient),  dbias [B·H, past + T] = Σ dlogit by distance (reversed as bias is),
 *   dscale [B·H] = Σ dlogit · (q·k) / s, which is Σ q · dq / s and so costs nothing.
 *
 * The bias is T5's: a table with one number per head and bucket, spread out by distance before attention and gathered again after its
 * backward. TypeScript (src/autodiff/ops/attention.ts) decides which distance falls into which bucket.
 *
 * Where a head's operands lie is in attention-head.ts. For retrieved pairs see retrieved.ts.
 */
import {
  addQueryGradients, BLOCK, firstSeen, Head, layOutHead, lowOf, multiplyByContext, openHead, pairAt, query_blocks, queryAt,
  rowAt, sumOverContext,
} from "./attention-head";
import { multiplyPanels, packPanels, TILE_COLUMNS, TILE_ROWS, Triangle } from "./matmul";
import { addScaled, addTo, dot, exponentials, maxLanes, scaleTo } from "../base/simd";

/**
 * bias [heads, length], reversed: the bias of distance n is at length − 1 − n, so that a row of scores reads it forwards.
 * table [heads, buckets]; bucketOf [length] (i32) is the bucket of each distance.
 */
export function position_bias_forward(
  bias: usize, table: usize, bucketOf: usize, heads: i32, length: i32, buckets: i32,
): void {
  for (let head = 0; head < heads; head++, table += buckets << 2, bias += length << 2) {
    for (let n = 0; n < length; n++) {
      store<f32>(bias + ((length - 1 - n) << 2), load<f32>(table + (load<i32>(bucketOf + (n << 2)) << 2)));
    }
  }
}

/**
 * out [B, T, H, D] and lse [B, T, H] (the logsumexp of each query's logits), for units [from, to) of B · H · query_blocks(T):
 * unit = (row · H + head) · query_blocks(T) + block.
 * q [B, T, H, D]; k, v [B, capacity, G, D], of which head h reads kv head h · G / H, and where positions [0, past + T) are in use; bias [H, past + T], reversed:
 * the bias of distance n is at past + T − 1 − n; scale [H]; first [B] (i32): first valid position of each row.
 * probabilities [B·H, T, past + T] keeps the softmax for the backward, or is 0 when there is none.
 */
export function attention_forward(
  out: usize, lse: usize, probabilities: usize, q: usize, k: usize, v: usize, bias: usize, scale: usize, first: usize,
  heads: i32, kvHeads: i32, width: i32, segment: i32, past: i32, capacity: i32, window: i32, block: i32,
  from: i32, to: i32, scratch: usize,
): void {
  const head = layOutHead(scratch, heads, kvHeads, width, segment, past, window, block);
  const length = head.length, blocks = query_blocks(segment);
  let packedAt: usize = usize.MAX_VALUE;
  for (let unit = from; unit < to; unit++) {
    const headOfRow = unit / blocks, i = unit % blocks * BLOCK;
    openHead(head, headOfRow, scale, first, capacity);
    const headBias = bias + ((<usize>(headOfRow % heads) * length) << 2);
    const p = probabilities ? probabilities + (((<usize>headOfRow * segment + i) * length) << 2) : head.scores;
    const keys = k + head.contextAt, values = v + head.contextAt;
    if (segment == 1) {
      attendOne(head, out, lse, p, q, keys, values, headBias);
      continue;
    }
    if (head.contextAt != packedAt) {
      packPanels(head.panelsK, keys, length, width, head.pairStride, 1, TILE_COLUMNS);
      packPanels(head.panelsV, values, width, length, 1, head.pairStride, TILE_COLUMNS);
      packedAt = head.contextAt; // blocks and heads of a group share it
    }
    attendBlock(head, i, out, lse, p, q, headBias);
  }
}

/** The block of queries from i on. p [rows, length] gets its softmax. */
function attendBlock(head: Head, i: i32, out: usize, lse: usize, p: usize, q: usize, bias: usize): void {
  const rows = min(BLOCK, head.segment - i), length = head.length;
  const low = lowOf(head, i), high = head.past + i + rows;
  multiplyByContext(head, p, q + queryAt(head, i), head.panelsK, rows, low, high);
  for (let r = 0; r < rows; r++) {
    const position = head.past + i + r;
    const logsumexp = softmaxBiasedRow(
      p + ((<usize>r * length) << 2), bias + ((length - 1 - position) << 2), head.s,
      low, firstSeen(head, i + r), position + 1, high,
    );
    store<f32>(lse + rowAt(head, i + r), logsumexp);
  }
  sumOverContext(head, out + queryAt(head, i), head.stride, p, head.panelsV, rows, low, high);
}

/** A single query, as in generation: packing keys that are used once would cost more than the products. */
function attendOne(head: Head, out: usize, lse: usize, p: usize, q: usize, keys: usize, values: usize, bias: usize): void {
  const low = firstSeen(head, 0), length = head.length, width = head.width;
  const bytes = <usize>head.pairStride << 2, query = q + head.segmentAt, y = out + head.segmentAt;
  for (let j = low; j < length; j++) store<f32>(p + (j << 2), dot(query, keys + <usize>j * bytes, width));
  store<f32>(lse + rowAt(head, 0), softmaxBiasedRow(p, bias, head.s, lowOf(head, 0), low, length, length));
  memory.fill(y, 0, <usize>width << 2);
  for (let j = low; j < length; j++) addScaled(y, values + <usize>j * bytes, load<f32>(p + (j << 2)), width);
}

/**
 * p[j] ← softmax over low ≤ j < high of s · (p[j] + bias[j]); zero elsewhere in [blockLow, blockHigh). Returns the
 * logsumexp; −f32.MAX_VALUE when nothing is visible. `bias` is already shifted: bias[j] belongs to position j.
 */
export function softmaxBiasedRow(
  p: usize, bias: usize, s: f32, blockLow: i32, low: i32, high: i32, blockHigh: i32,
): f32 {
  if (low > blockLow) memory.fill(p + (blockLow << 2), 0, <usize>(low - blockLow) << 2);
  if (blockHigh > high) memory.fill(p + (max(high, blockLow) << 2), 0, <usize>(blockHigh - max(high, blockLow)) << 2);
  if (high <= low) return -f32.MAX_VALUE;
  const from = p + (low << 2), n = high - low;
  const most = addBias(from, p + (high << 2), bias + (low << 2), s);
  const sum = exponentials(from, from, most, n);
  scaleTo(from, from, 1 / sum, n);
  return most + <f32>Math.log(sum);
}

/** x ← s · (x + bias) over [x, end); returns the largest result. */
@inline
function addBias(x: usize, end: usize, bias: usize, s: f32): f32 {
  const s4 = f32x4.splat(s);
  let most4 = f32x4.splat(-f32.MAX_VALUE);
  for (; x + 16 <= end; x += 16, bias += 16) {
    const t = f32x4.mul(s4, f32x4.add(v128.load(x), v128.load(bias)));
    v128.store(x, t);
    most4 = f32x4.pmax(most4, t);
  }
  let most = maxLanes(most4);
  for (; x < end; x += 4, bias += 4) {
    const t: f32 = s * (load<f32>(x) + load<f32>(bias));
    store<f32>(x, t);
    most = max(most, t);
  }
  return most;
}

/**
 * Adds to dq, dk and dv, and writes dbias and dscale, for units [from, to) of B·G: here a unit is a kv head of a row with the H/G query
 * heads that read it, in order, so that threads never add to the same place. `dlse` may be 0. dbias and dscale are per query head;
 * position_bias_backward adds them up.
 */
export function attention_backward(
  dq: usize, dk: usize, dv: usize, dbias: usize, dscale: usize, dout: usize, dlse: usize,
  out: usize, probabilities: usize, q: usize, k: usize, v: usize, scale: usize, first: usize,
  heads: i32, kvHeads: i32, width: i32, segment: i32, past: i32, capacity: i32, window: i32, block: i32,
  from: i32, to: i32, scratch: usize,
): void {
  const head = layOutHead(scratch, heads, kvHeads, width, segment, past, window, block);
  const length = head.length, group = heads / kvHeads;
  for (let unit = from * group; unit < to * group; unit++) {
    openHead(head, unit, scale, first, capacity);
    const unitBias = dbias + ((<usize>unit * length) << 2);
    memory.fill(unitBias, 0, <usize>length << 2);
    if (unit % group == 0) {
      packPanels(head.panelsK, k + head.contextAt, width, length, 1, head.pairStride, TILE_COLUMNS);
      packPanels(head.panelsV, v + head.contextAt, length, width, head.pairStride, 1, TILE_COLUMNS);
    }
    let scaleSum: f32 = 0;
    for (let i = 0; i < segment; i += BLOCK) {
      const p = probabilities + ((<usize>(unit * segment + i) * length) << 2);
      scoreGradient(head, i, unitBias, dout, dlse, out, p);
      scaleSum += queryGradient(head, i, dq, q);
      pairGradient(head, i, dk, head.scores, q);
      pairGradient(head, i, dv, p, dout);
    }
    store<f32>(dscale + (unit << 2), head.s > 0 ? scaleSum / head.s : 0);
  }
}

/** head.scores [rows, length] = dlogit of the block of queries from i on; adds it to dbias by distance. */
function scoreGradient(head: Head, i: i32, dbias: usize, dout: usize, dlse: usize, out: usize, p: usize): void {
  const rows = min(BLOCK, head.segment - i), length = head.length;
  const low = lowOf(head, i), high = head.past + i + rows;
  multiplyByContext(head, head.scores, dout + queryAt(head, i), head.panelsV, rows, low, high); // dP
  for (let r = 0; r < rows; r++) {
    const at = queryAt(head, i + r), row = (<usize>r * length) << 2;
    let pull = dot(dout + at, out + at, head.width);
    if (dlse) pull -= load<f32>(dlse + rowAt(head, i + r));
    const position = head.past + i + r, seen = firstSeen(head, i + r);
    softmaxGradientRow(head.scores + row, p + row, pull, head.s, low, position + 1, high);
    addTo(dbias + ((length - 1 - position + seen) << 2), head.scores + row + (seen << 2), position + 1 - seen);
  }
}

/** d[j] ← s · p[j] · (d[j] − pull) over [low, high), where p is 0 the result is 0; zero in [high, blockHigh). */
export function softmaxGradientRow(
  d: usize, p: usize, pull: f32, s: f32, low: i32, high: i32, blockHigh: i32,
): void {
  memory.fill(d + (high << 2), 0, <usize>(blockHigh - high) << 2);
  const s4 = f32x4.splat(s), negative = f32x4.splat(-pull);
  const end = d + (high << 2);
  d += low << 2;
  p += low << 2;
  for (; d + 16 <= end; d += 16, p += 16) {
    v128.store(d, f32x4.mul(f32x4.mul(v128.load(p), s4), f32x4.add(v128.load(d), negative)));
  }
  for (; d < end; d += 4, p += 4) store<f32>(d, load<f32>(p) * s * (load<f32>(d) - pull));
}

/** dq += dlogit · k for the block from query i on, kept apart for a moment to return Σ q · dlogit k. */
function queryGradient(head: Head, i: i32, dq: usize, q: usize): f32 {
  const rows = min(BLOCK, head.segment - i), width = head.width;
  sumOverContext(head, head.gradient, width, head.scores, head.panelsK, rows, lowOf(head, i), head.past + i + rows);
  return addQueryGradients(dq + queryAt(head, i), q + queryAt(head, i), head.stride, head.gradient, rows, width);
}

/** to += weightsᵀ · right for the segment's own positions that the block from query i on sees; weights [rows, length]. */
function pairGradient(head: Head, i: i32, to: usize, weights: usize, right: usize): void {
  const rows = min(BLOCK, head.segment - i), width = head.width;
  const own = max(lowOf(head, i), head.past), high = head.past + i + rows;
  packPanels(head.packed, weights + (own << 2), high - own, rows, 1, head.length, TILE_ROWS);
  packPanels(head.packedRight, right + queryAt(head, i), width, rows, 1, head.stride, TILE_COLUMNS);
  multiplyPanels(
    to + pairAt(head, own - head.past), head.pairStride, head.packed, rows, head.packedRight, rows,
    high - own, width, rows, true, head.tile, Triangle.UpperA, high - rows - own,
  );
}

/**
 * Sums the gradients that attention_backward wrote per unit (unit = row · heads + head): dtable [heads, buckets] += Σ dbias by bucket, and
 * dscale [heads] += sign(scale) · (Σ dscaleUnit + Σ dbias · bias / |scale|). dtable is 0 without a table, dscale if the scale is
 * a constant.
 */
export function position_bias_backward(
  dtable: usize, dscale: usize, dbias: usize, dscaleUnit: usize, bias: usize, scale: usize, bucketOf: usize,
  rows: i32, heads: i32, length: i32, buckets: i32,
): void {
  for (let unit = 0; unit < rows * heads; unit++, dbias += length << 2) {
    const head = unit % heads;
    const biasOfHead = bias + ((head * length) << 2);
    let biasSum: f64 = 0;
    for (let n = 0; n < length; n++) {
      const at = (length - 1 - n) << 2;
      const d = load<f32>(dbias + at);
      biasSum += <f64>d * load<f32>(biasOfHead + at);
      if (!dtable) continue;
      const y = dtable + ((head * buckets + load<i32>(bucketOf + (n << 2))) << 2);
      store<f32>(y, load<f32>(y) + d);
    }
    const s = load<f32>(scale + (head << 2));
    if (s == 0 || !dscale) continue;
    const sum: f32 = load<f32>(dscaleUnit + (unit << 2)) + <f32>(biasSum / abs<f64>(s));
    const y = dscale + (head << 2);
    store<f32>(y, load<f32>(y) + (s > 0 ? sum : -sum));
  }
}
