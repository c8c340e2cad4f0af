/** The backward of ranged.ts, block by block: dlogit = s · P ∘ (dP − rowsum(P ∘ dP) + dlse), as in attention-backward.ts. */
import {
  Block, gather, layOutBlock, openBlock, openUnit, queryOf, rowOf, scatterBias, scatterPairs, visibleTo,
} from "./ranged-block";
import { softmaxGradientRow } from "./attention-rows";
import { packPanels } from "./panels";
import { multiplyPanels, TILE_COLUMNS, TILE_ROWS } from "./tile";
import { addTo, dot } from "../base/vectors";

/**
 * Adds to dq, dk and dv [B, T, H, D] (dk, dv: the segment's own pairs only), and writes dbias [B·H, length] (reversed as bias is) and dscale
 * [B·H], for units [from, to). `dlse` may be 0. position_bias_backward adds dbias and dscale up.
 */
export function ranged_backward(
  dq: usize, dk: usize, dv: usize, dbias: usize, dscale: usize, dout: usize, dlse: usize,
  out: usize, probabilities: usize, q: usize, k: usize, v: usize, scale: usize,
  cuts: usize, lists: usize, heads: i32, width: i32, segment: i32, past: i32, capacity: i32,
  blocks: i32, ranges: i32, columns: i32, pinned: i32, length: i32, from: i32, to: i32, scratch: usize,
): void {
  const block = layOutBlock(
    scratch, cuts, lists, heads, width, segment, past, capacity, blocks, ranges, columns, pinned, length,
  );
  for (let unit = from; unit < to; unit++) {
    openUnit(block, unit, scale);
    const biases = dbias + ((<usize>unit * length) << 2);
    memory.fill(biases, 0, <usize>length << 2);
    let scaleSum: f32 = 0;
    for (let number = 0; number < blocks; number++) {
      if (!openBlock(block, number)) continue;
      const p = probabilities + ((<usize>(unit * segment + block.first) * columns) << 2);
      scoreGradient(block, biases, dout, dlse, out, p, v);
      scaleSum += queryGradient(block, dq, q, k);
      pairGradient(block, dk, block.scores, q);
      pairGradient(block, dv, p, dout);
    }
    store<f32>(dscale + (unit << 2), block.s > 0 ? scaleSum / block.s : 0);
  }
}

/** block.scores [rows, seen] = dlogit; adds it to dbias by distance. */
function scoreGradient(block: Block, dbias: usize, dout: usize, dlse: usize, out: usize, p: usize, v: usize): void {
  const rows = block.rows, seen = block.seen, width = block.width, columns = block.columns;
  gather(block, v);
  packPanels(block.panelsV, block.gathered, seen, width, width, 1, TILE_COLUMNS);
  packPanels(block.packed, dout + queryOf(block, block.first), rows, width, block.stride, 1, TILE_ROWS);
  multiplyPanels(block.scores, columns, block.packed, width, block.panelsV, width, rows, seen, width, false, block.tile);
  for (let i = 0; i < rows; i++) {
    const query = block.first + i, at = queryOf(block, query), row = (<usize>i * columns) << 2;
    let pull = dot(dout + at, out + at, width);
    if (dlse) pull -= load<f32>(dlse + (rowOf(block, query) << 2));
    softmaxGradientRow(block.scores + row, p + row, pull, block.s, 0, visibleTo(block, query), seen);
    scatterBias(block, dbias, block.scores + row, query);
  }
}

/** dq += dlogit · k, kept apart for a moment to return Σ q · dlogit k. */
function queryGradient(block: Block, dq: usize, q: usize, k: usize): f32 {
  const rows = block.rows, seen = block.seen, width = block.width;
  gather(block, k);
  packPanels(block.panelsK, block.gathered, width, seen, 1, width, TILE_COLUMNS);
  packPanels(block.packed, block.scores, rows, seen, block.columns, 1, TILE_ROWS);
  multiplyPanels(block.gradient, width, block.packed, seen, block.panelsK, seen, rows, width, seen, false, block.tile);
  let sum: f32 = 0;
  for (let i = 0; i < rows; i++) {
    const at = queryOf(block, block.first + i), gradient = block.gradient + ((<usize>i * width) << 2);
    sum += dot(q + at, gradient, width);
    addTo(dq + at, gradient, width);
  }
  return sum;
}

/** to += weightsᵀ · right for the segment's own pairs that the block sees; weights [rows, columns], right [B, T, H, D]. */
function pairGradient(block: Block, to: usize, weights: usize, right: usize): void {
  const rows = block.rows, own = block.seen - block.own, width = block.width;
  packPanels(block.packed, weights + (block.own << 2), own, rows, 1, block.columns, TILE_ROWS);
  packPanels(block.packedRight, right + queryOf(block, block.first), width, rows, 1, block.stride, TILE_COLUMNS);
  multiplyPanels(block.gradient, width, block.packed, rows, block.packedRight, rows, own, width, rows, false, block.tile);
  scatterPairs(block, to, block.gradient);
}
