/**
 * Causal attention of one segment over its context: scores, learned scale, position bias, mask, softmax and the product with
 * the values, without touching what the mask hides.
 *
 * A unit is one head of one row (unit = row · heads + head); a call computes units [from, to), so units can be shared out
 * among threads. Within a unit, queries go in blocks: one block's scores against all keys it may see are a matrix product
 * on packed panels, its softmax runs in cache, its product with the values is a second one.
 *
 * Query i of the segment sits at context position `past + i` and sees positions j with
 * j ≥ first(row), past + i − window ≤ j ≤ past + i that are in its block of positions. The logit is s · (q·k_j + bias[past + i − j]) with s = |scale of the head|.
 * For the backward see attention-backward.ts, for retrieved pairs retrieved.ts.
 */
import {
  BLOCK, firstSeen, Head, layOutHead, lowOf, multiplyByContext, openHead, queryAt, rowAt, sumOverContext,
} from "./attention-head";
import { softmaxBiasedRow } from "./attention-rows";
import { packPanels } from "./panels";
import { TILE_COLUMNS } from "./tile";
import { addScaled, dot } from "../base/vectors";

/**
 * out [B, T, H, D] and lse [B, T, H] (the logsumexp of each query's logits), for units [from, to).
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
  const length = head.length;
  let packedAt: usize = usize.MAX_VALUE;
  for (let unit = from; unit < to; unit++) {
    openHead(head, unit, scale, first, capacity);
    const unitBias = bias + ((<usize>(unit % heads) * length) << 2);
    const p = probabilities ? probabilities + ((<usize>unit * segment * length) << 2) : 0;
    const keys = k + head.contextAt, values = v + head.contextAt;
    if (segment == 1) {
      attendOne(head, out, lse, p ? p : head.scores, q, keys, values, unitBias);
      continue;
    }
    if (head.contextAt != packedAt) {
      packPanels(head.panelsK, keys, length, width, head.pairStride, 1, TILE_COLUMNS);
      packPanels(head.panelsV, values, width, length, 1, head.pairStride, TILE_COLUMNS);
      packedAt = head.contextAt; // heads of a group share it
    }
    for (let i = 0; i < segment; i += BLOCK) {
      attendBlock(head, i, out, lse, p ? p + ((<usize>i * length) << 2) : head.scores, q, unitBias);
    }
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
