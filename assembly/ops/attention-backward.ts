/**
 * The backward of attention.ts, block by block and with the same names.
 *
 * With P the softmax, dP = dout · vᵀ and dlogit = s · P ∘ (dP − rowsum(P ∘ dP) + dlse):
 *   dq += dlogit · k,  dk += dlogitᵀ · q,  dv += Pᵀ · dout   (dk, dv [B, T, G, D]: the segment's own pairs only; the past
 *   gets no gradient),  dbias [B·H, past + T] = Σ dlogit by distance (reversed as bias is),
 *   dscale [B·H] = Σ dlogit · (q·k) / s, which is Σ q · dq / s and so costs nothing.
 */
import {
  BLOCK, firstSeen, Head, layOutHead, lowOf, multiplyByContext, openHead, pairAt, queryAt, rowAt, sumOverContext,
} from "./attention-head";
import { softmaxGradientRow } from "./attention-rows";
import { packPanels } from "./panels";
import { multiplyPanels, TILE_COLUMNS, TILE_ROWS, Triangle } from "./tile";
import { addTo, dot } from "../base/vectors";

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

/** dq += dlogit · k for the block from query i on, kept apart for a moment to return Σ q · dlogit k. */
function queryGradient(head: Head, i: i32, dq: usize, q: usize): f32 {
  const rows = min(BLOCK, head.segment - i), width = head.width;
  sumOverContext(head, head.gradient, width, head.scores, head.panelsK, rows, lowOf(head, i), head.past + i + rows);
  let sum: f32 = 0;
  for (let r = 0; r < rows; r++) {
    const at = queryAt(head, i + r), gradient = head.gradient + ((<usize>r * width) << 2);
    sum += dot(q + at, gradient, width);
    addTo(dq + at, gradient, width);
  }
  return sum;
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
