/**
 * The backward of interval-attention.ts, with the same names. With P the softmax, dP = dout · vᵀ and
 * dlogit = s · P ∘ (dP − rowsum(P ∘ dP) + dlse): dq += dlogit · k, dk += dlogitᵀ · q, dv += Pᵀ · dout, dscale = Σ q · dq / scale.
 */
import { dot } from "../base/simd";
import { softmaxGradientRow } from "./attention";
import {
  addQueryGradients, BLOCK, Head, multiplyByContext, openHead, queryAt, rowAt, sumOverContext,
} from "./attention-head";
import { blockFrom, blockTo, layOutIntervals } from "./interval-attention";
import { multiplyPanels, packPanels, TILE_COLUMNS, TILE_ROWS, Triangle } from "./matmul";

/**
 * Adds to dq [B, T, H, D] and to dk, dv [B, pairs − past, H, D], of the pairs from `past` on, and writes dscale [B·H], for units
 * [from, to) of the B·H. `dlse` may be 0. add_rows adds dscale up. `scratch`: attention_scratch_bytes.
 */
export function interval_attention_backward(
  dq: usize, dk: usize, dv: usize, dscale: usize, dout: usize, dlse: usize, out: usize, probabilities: usize,
  q: usize, k: usize, v: usize, scale: usize, first: usize, intervals: usize,
  heads: i32, width: i32, segment: i32, pairs: i32, past: i32, from: i32, to: i32, scratch: usize,
): void {
  const head = layOutIntervals(scratch, heads, width, segment, pairs);
  for (let unit = from; unit < to; unit++) {
    const row = unit / heads;
    openHead(head, unit, scale, first, pairs);
    packPanels(head.panelsK, k + head.contextAt, width, pairs, 1, head.stride, TILE_COLUMNS);
    packPanels(head.panelsV, v + head.contextAt, pairs, width, head.stride, 1, TILE_COLUMNS);
    const ownAt = (<usize>(row * (pairs - past) * head.stride) + unit % heads * width) << 2;
    let scaleSum: f32 = 0;
    for (let i = 0; i < segment; i += BLOCK) {
      const rows = min(BLOCK, segment - i);
      const low = blockFrom(head, intervals, row, i, rows), high = blockTo(head, intervals, row, i, rows);
      if (low >= high) continue;
      const p = probabilities + ((<usize>(unit * segment + i) * pairs) << 2);
      logitGradient(head, i, dout, dlse, out, p, rows, low, high);
      scaleSum += intervalQueryGradient(head, i, dq, q, rows, low, high);
      ownGradient(head, i, dk + ownAt, head.scores, q, rows, past, low, high);
      ownGradient(head, i, dv + ownAt, p, dout, rows, past, low, high);
    }
    const signed = load<f32>(scale + (<usize>(unit % heads) << 2));
    store<f32>(dscale + (unit << 2), signed == 0 ? 0 : scaleSum / signed);
  }
}

/** head.scores [rows, low … high) = dlogit; 0 where p is. */
function logitGradient(
  head: Head, i: i32, dout: usize, dlse: usize, out: usize, p: usize, rows: i32, low: i32, high: i32,
): void {
  multiplyByContext(head, head.scores, dout + queryAt(head, i), head.panelsV, rows, low, high, Triangle.None); // dP
  for (let r = 0; r < rows; r++) {
    const at = queryAt(head, i + r), row = (<usize>r * head.length) << 2;
    let pull = dot(dout + at, out + at, head.width);
    if (dlse) pull -= load<f32>(dlse + rowAt(head, i + r));
    softmaxGradientRow(head.scores + row, p + row, pull, head.s, low, high, high);
  }
}

/** dq += dlogit · k; returns Σ q · dlogit k. */
function intervalQueryGradient(head: Head, i: i32, dq: usize, q: usize, rows: i32, low: i32, high: i32): f32 {
  const width = head.width;
  sumOverContext(head, head.gradient, width, head.scores, head.panelsK, rows, low, high, Triangle.None);
  return addQueryGradients(dq + queryAt(head, i), q + queryAt(head, i), head.stride, head.gradient, rows, width);
}

/** to += weightsᵀ · right, for the pairs from `past` on. weights [rows, low … high), right [rows, D]. */
function ownGradient(
  head: Head, i: i32, to: usize, weights: usize, right: usize, rows: i32, past: i32, low: i32, high: i32,
): void {
  const own = max(low, past), width = head.width;
  if (own >= high) return;
  packPanels(head.packed, weights + (own << 2), high - own, rows, 1, head.length, TILE_ROWS);
  packPanels(head.packedRight, right + queryAt(head, i), width, rows, 1, head.stride, TILE_COLUMNS);
  multiplyPanels(
    to + ((<usize>(own - past) * head.stride) << 2), head.stride, head.packed, rows, head.packedRight, rows,
    high - own, width, rows, true, head.tile,
  );
}
