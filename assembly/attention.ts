/**
 * Causal attention of one segment over its context: scores, learned scale, position bias, mask, softmax, product with the
 * values, and the backward of all that, without touching what the mask hides.
 *
 * A unit is one head of one row (unit = row · heads + head); a call computes units [from, to), so units can be shared out
 * among threads. Within a unit, queries go in blocks: one block's scores against all keys it may see are a matrix product
 * on packed panels, its softmax runs in cache, its product with the values is a second one.
 *
 * Query i of the segment sits at context position `past + i` and sees positions j with
 * j ≥ first(row), past + i − window ≤ j ≤ past + i. The logit is s · (q·k_j + bias[past + i − j]) with s = |scale of the head|.
 * Retrieved pairs are not here but in retrieved.ts.
 */
import { packPanels, multiplyPanels, TILE_COLUMNS, TILE_ROWS } from "./matmul";
import { dot } from "./vectors";
import { softmaxBiasedRow, softmaxGradientRow } from "./attention-rows";
import { addScaled, addTo } from "./vectors";

/** Queries in a block. More saves packing, fewer wastes less beyond the diagonal. */
const BLOCK: i32 = 64;

@inline
function roundUp(n: i32, to: i32): i32 {
  return (n + to - 1) / to * to;
}

/** Floats of a packed operand: lanes rounded up to the panel width. */
@inline
function panelFloats(lanes: i32, depth: i32, width: i32): usize {
  return <usize>roundUp(lanes, width) * depth;
}

/** Bytes of scratch for attention over a context of `length` positions and heads of `width` floats. */
export function attention_scratch_bytes(length: i32, width: i32): i32 {
  const contextPanels = panelFloats(length, width, TILE_COLUMNS) + panelFloats(width, length, TILE_COLUMNS);
  const blockScores = <usize>BLOCK * length;
  const blockPanels = packedFloats(length, width) + panelFloats(width, BLOCK, TILE_COLUMNS);
  const blockGradient = <usize>BLOCK * width;
  return <i32>((contextPanels + blockScores + blockPanels + blockGradient + TILE_ROWS * TILE_COLUMNS) << 2);
}

/** Floats of the largest left operand that a block packs: queries, scores, or scores transposed. */
@inline
function packedFloats(length: i32, width: i32): usize {
  return max(panelFloats(BLOCK, max(length, width), TILE_ROWS), panelFloats(length, BLOCK, TILE_ROWS));
}

/**
 * out [B, T, H, D] and lse [B, T, H] (the logsumexp of each query's logits), for units [from, to).
 * q [B, T, H, D]; k, v [B, capacity, H, D], of which positions [0, past + T) are in use; bias [H, past + T], reversed:
 * the bias of distance n is at past + T − 1 − n; scale [H]; first [B] (i32): first valid position of each row.
 * probabilities [B·H, T, past + T] keeps the softmax for the backward, or is 0 when there is none.
 */
export function attention_forward(
  out: usize, lse: usize, probabilities: usize, q: usize, k: usize, v: usize, bias: usize, scale: usize, first: usize,
  heads: i32, width: i32, segment: i32, past: i32, capacity: i32, window: i32, from: i32, to: i32, scratch: usize,
): void {
  const length = past + segment;
  const stride = heads * width;
  const panelsK = scratch;
  const panelsV = panelsK + (panelFloats(length, width, TILE_COLUMNS) << 2);
  const packed = panelsV + (panelFloats(width, length, TILE_COLUMNS) << 2);
  const scores = packed + (packedFloats(length, width) << 2);
  const tile = scores + ((<usize>BLOCK * length) << 2);
  for (let unit = from; unit < to; unit++) {
    const row = unit / heads, head = unit % heads;
    const context = (<usize>row * capacity * stride + head * width) << 2;
    const segmentAt = (<usize>row * segment * stride + head * width) << 2;
    const s: f32 = abs(load<f32>(scale + (head << 2)));
    const reversedBias = bias + ((<usize>head * length) << 2);
    const start = load<i32>(first + (row << 2));
    if (segment == 1) {
      attendOne(
        out + segmentAt, lse + (unit << 2), probabilities ? probabilities + ((<usize>unit * length) << 2) : scores,
        q + segmentAt, k + context, v + context, reversedBias, s, max(start, past - window), length, width, stride,
      );
      continue;
    }
    packPanels(panelsK, k + context, length, width, stride, 1, TILE_COLUMNS);
    packPanels(panelsV, v + context, width, length, 1, stride, TILE_COLUMNS);
    for (let i = 0; i < segment; i += BLOCK) {
      const rows = min(BLOCK, segment - i);
      const low = max(start, past + i - window) & ~(TILE_COLUMNS - 1);
      const high = past + i + rows;
      const p = probabilities ? probabilities + ((<usize>(unit * segment + i) * length) << 2) : scores;
      packPanels(packed, q + segmentAt + ((<usize>i * stride) << 2), rows, width, stride, 1, TILE_ROWS);
      multiplyPanels(
        p + (low << 2), length, packed, width, panelsK + ((<usize>low * width) << 2), width,
        rows, high - low, width, false, tile,
      );
      for (let r = 0; r < rows; r++) {
        const position = past + i + r;
        const logsumexp = softmaxBiasedRow(
          p + ((<usize>r * length) << 2), reversedBias + ((length - 1 - position) << 2), s,
          low, max(start, position - window), position + 1, high,
        );
        store<f32>(lse + (((<usize>row * segment + i + r) * heads + head) << 2), logsumexp);
      }
      packPanels(packed, p + (low << 2), rows, high - low, length, 1, TILE_ROWS);
      multiplyPanels(
        out + segmentAt + ((<usize>i * stride) << 2), stride, packed, high - low,
        panelsV + ((<usize>low * TILE_COLUMNS) << 2), length, rows, width, high - low, false, tile,
      );
    }
  }
}

/** A single query, as in generation: packing keys that are used once would cost more than the products. */
function attendOne(
  out: usize, lse: usize, p: usize, q: usize, k: usize, v: usize, bias: usize, s: f32,
  low: i32, length: i32, width: i32, stride: i32,
): void {
  const strideBytes = <usize>stride << 2;
  for (let j = low; j < length; j++) store<f32>(p + (j << 2), dot(q, k + <usize>j * strideBytes, width));
  store<f32>(lse, softmaxBiasedRow(p, bias, s, low & ~(TILE_COLUMNS - 1), low, length, length));
  memory.fill(out, 0, <usize>width << 2);
  for (let j = low; j < length; j++) addScaled(out, v + <usize>j * strideBytes, load<f32>(p + (j << 2)), width);
}

/**
 * With P the softmax, dP = dout · vᵀ and dlogit = s · P ∘ (dP − rowsum(P ∘ dP) + dlse):
 *   dq += dlogit · k,  dk += dlogitᵀ · q,  dv += Pᵀ · dout   (dk, dv [B, T, H, D]: the segment's own pairs only; the past
 *   gets no gradient),  dbias [B·H, past + T] = Σ dlogit by distance (reversed as bias is),
 *   dscale [B·H] = Σ dlogit · (q·k) / s.
 * `dlse` may be 0. dbias and dscale are per unit, so that threads never add to the same place; reduce_position_bias sums them.
 */
export function attention_backward(
  dq: usize, dk: usize, dv: usize, dbias: usize, dscale: usize, dout: usize, dlse: usize,
  out: usize, probabilities: usize, q: usize, k: usize, v: usize, scale: usize, first: usize,
  heads: i32, width: i32, segment: i32, past: i32, capacity: i32, window: i32, from: i32, to: i32, scratch: usize,
): void {
  const length = past + segment;
  const stride = heads * width;
  const panelsK = scratch;
  const panelsV = panelsK + (panelFloats(width, length, TILE_COLUMNS) << 2);
  const packed = panelsV + (panelFloats(length, width, TILE_COLUMNS) << 2);
  const dlogits = packed + (packedFloats(length, width) << 2);
  const blockPanels = dlogits + ((<usize>BLOCK * length) << 2);
  const dqBlock = blockPanels + (panelFloats(width, BLOCK, TILE_COLUMNS) << 2);
  const tile = dqBlock + ((<usize>BLOCK * width) << 2);
  for (let unit = from; unit < to; unit++) {
    const row = unit / heads, head = unit % heads;
    const context = (<usize>row * capacity * stride + head * width) << 2;
    const segmentAt = (<usize>row * segment * stride + head * width) << 2;
    const s: f32 = abs(load<f32>(scale + (head << 2)));
    const start = load<i32>(first + (row << 2));
    const dbiasUnit = dbias + ((<usize>unit * length) << 2);
    memory.fill(dbiasUnit, 0, <usize>length << 2);
    let scaleSum: f32 = 0;
    packPanels(panelsK, k + context, width, length, 1, stride, TILE_COLUMNS);
    packPanels(panelsV, v + context, length, width, stride, 1, TILE_COLUMNS);
    for (let i = 0; i < segment; i += BLOCK) {
      const rows = min(BLOCK, segment - i);
      const low = max(start, past + i - window) & ~(TILE_COLUMNS - 1);
      const high = past + i + rows;
      const own = max(low, past);
      const blockAt = segmentAt + ((<usize>i * stride) << 2);
      const p = probabilities + ((<usize>(unit * segment + i) * length) << 2);
      // dP [rows, high − low]
      packPanels(packed, dout + blockAt, rows, width, stride, 1, TILE_ROWS);
      multiplyPanels(
        dlogits + (low << 2), length, packed, width, panelsV + ((<usize>low * width) << 2), width,
        rows, high - low, width, false, tile,
      );
      for (let r = 0; r < rows; r++) {
        const position = past + i + r;
        const at = blockAt + ((<usize>r * stride) << 2);
        let pull = dot(dout + at, out + at, width);
        if (dlse) pull -= load<f32>(dlse + (((<usize>row * segment + i + r) * heads + head) << 2));
        const rowAt = (<usize>r * length) << 2;
        softmaxGradientRow(dlogits + rowAt, p + rowAt, pull, s, low, high);
        const seen = max(start, position - window);
        addTo(dbiasUnit + ((length - 1 - position + seen) << 2), dlogits + rowAt + (seen << 2), position + 1 - seen);
      }
      // dq += dlogits · k, kept apart for a moment to take Σ q · dq
      packPanels(packed, dlogits + (low << 2), rows, high - low, length, 1, TILE_ROWS);
      multiplyPanels(
        dqBlock, width, packed, high - low, panelsK + ((<usize>low * TILE_COLUMNS) << 2), length,
        rows, width, high - low, false, tile,
      );
      for (let r = 0; r < rows; r++) {
        const at = blockAt + ((<usize>r * stride) << 2);
        const dqRow = dqBlock + ((<usize>r * width) << 2);
        scaleSum += dot(q + at, dqRow, width);
        addTo(dq + at, dqRow, width);
      }
      // dk, dv of the segment's own positions [own, high)
      const ownAt = segmentAt + ((<usize>(own - past) * stride) << 2);
      packPanels(packed, dlogits + (own << 2), high - own, rows, 1, length, TILE_ROWS);
      packPanels(blockPanels, q + blockAt, width, rows, 1, stride, TILE_COLUMNS);
      multiplyPanels(dk + ownAt, stride, packed, rows, blockPanels, rows, high - own, width, rows, true, tile);
      packPanels(packed, p + (own << 2), high - own, rows, 1, length, TILE_ROWS);
      packPanels(blockPanels, dout + blockAt, width, rows, 1, stride, TILE_COLUMNS);
      multiplyPanels(dv + ownAt, stride, packed, rows, blockPanels, rows, high - own, width, rows, true, tile);
    }
    store<f32>(dscale + (unit << 2), s > 0 ? scaleSum / s : 0);
  }
}
