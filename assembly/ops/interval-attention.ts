/**
 * Attention in which each query sees an interval of pairs of its own: the finished blocks of a text, wherever the query stands in its
 * block. Scores, softmax and the product with the values are those of attention.ts, without bias and without a diagonal.
 *
 * A unit is one head of one row. Its queries go in blocks, and a block computes from the first pair that one of its queries sees to the last.
 */
import { exponentials, largest, scaleTo } from "../base/simd";
import { BLOCK, Head, layOutHead, multiplyByContext, openHead, queryAt, rowAt, sumOverContext } from "./attention-head";
import { packPanels, TILE_COLUMNS, Triangle } from "./matmul";

/** Lays out a head with `pairs` pairs; see layOutHead. */
export function layOutIntervals(scratch: usize, heads: i32, width: i32, segment: i32, pairs: i32): Head {
  return layOutHead(scratch, heads, heads, width, segment, pairs - segment, 0, 1);
}

/** The first pair that query i of a row sees. Pairs before head.start belong to another document. intervals [B, T, 2] (i32). */
@inline
export function intervalFrom(head: Head, intervals: usize, row: i32, i: i32): i32 {
  return max(head.start, load<i32>(intervals + (<usize>(row * head.segment + i) << 3)));
}

/** Behind the last pair that query i of a row sees; at most intervalFrom if it sees none. */
@inline
export function intervalTo(head: Head, intervals: usize, row: i32, i: i32): i32 {
  return load<i32>(intervals + (<usize>(row * head.segment + i) << 3), 4);
}

/** The first pair that the `rows` queries from i on compute, the beginning of a panel. */
export function blockFrom(head: Head, intervals: usize, row: i32, i: i32, rows: i32): i32 {
  let low = head.length;
  for (let r = 0; r < rows; r++) {
    const from = intervalFrom(head, intervals, row, i + r);
    if (from < intervalTo(head, intervals, row, i + r)) low = min(low, from);
  }
  return low & ~(TILE_COLUMNS - 1);
}

/** Behind the last pair that they compute. */
export function blockTo(head: Head, intervals: usize, row: i32, i: i32, rows: i32): i32 {
  let high = 0;
  for (let r = 0; r < rows; r++) {
    const to = intervalTo(head, intervals, row, i + r);
    if (intervalFrom(head, intervals, row, i + r) < to) high = max(high, to);
  }
  return high;
}

/**
 * out [B, T, H, D] and lse [B, T, H] for units [from, to) of the B·H. q [B, T, H, D]; k, v [B, pairs, H, D]; scale [H]; first [B] (i32):
 * first valid pair of each row; intervals [B, T, 2] (i32): a query sees pairs [from, to). A query that sees none has out 0 and the
 * most negative lse. probabilities [B·H, T, pairs] keeps the softmax for the backward, or is 0. `scratch`: attention_scratch_bytes.
 */
export function interval_attention_forward(
  out: usize, lse: usize, probabilities: usize, q: usize, k: usize, v: usize, scale: usize, first: usize, intervals: usize,
  heads: i32, width: i32, segment: i32, pairs: i32, from: i32, to: i32, scratch: usize,
): void {
  const head = layOutIntervals(scratch, heads, width, segment, pairs);
  for (let unit = from; unit < to; unit++) {
    const row = unit / heads;
    openHead(head, unit, scale, first, pairs);
    packPanels(head.panelsK, k + head.contextAt, pairs, width, head.stride, 1, TILE_COLUMNS);
    packPanels(head.panelsV, v + head.contextAt, width, pairs, 1, head.stride, TILE_COLUMNS);
    for (let i = 0; i < segment; i += BLOCK) {
      const rows = min(BLOCK, segment - i);
      const low = blockFrom(head, intervals, row, i, rows), high = blockTo(head, intervals, row, i, rows);
      const p = probabilities ? probabilities + ((<usize>(unit * segment + i) * pairs) << 2) : head.scores;
      if (low < high) multiplyByContext(head, p, q + queryAt(head, i), head.panelsK, rows, low, high, Triangle.None);
      for (let r = 0; r < rows; r++) {
        const seenFrom = intervalFrom(head, intervals, row, i + r), seenTo = intervalTo(head, intervals, row, i + r);
        const logsumexp = softmaxInterval(p + ((<usize>r * pairs) << 2), head.s, low, seenFrom, seenTo, high);
        store<f32>(lse + rowAt(head, i + r), logsumexp);
        if (low >= high) memory.fill(out + queryAt(head, i + r), 0, <usize>width << 2);
      }
      if (low >= high) continue;
      sumOverContext(head, out + queryAt(head, i), head.stride, p, head.panelsV, rows, low, high, Triangle.None);
    }
  }
}

/** p[j] ← softmax over from ≤ j < to of s · p[j], and 0 elsewhere in [low, high). Returns the logsumexp. */
function softmaxInterval(p: usize, s: f32, low: i32, from: i32, to: i32, high: i32): f32 {
  if (from >= to) {
    if (high > low) memory.fill(p + (low << 2), 0, <usize>(high - low) << 2);
    return -f32.MAX_VALUE;
  }
  memory.fill(p + (low << 2), 0, <usize>(from - low) << 2);
  memory.fill(p + (to << 2), 0, <usize>(high - to) << 2);
  const x = p + (from << 2), n = to - from;
  scaleTo(x, x, s, n);
  const most = largest(x, n);
  const sum = exponentials(x, x, most, n);
  scaleTo(x, x, 1 / sum, n);
  return most + <f32>Math.log(sum);
}
