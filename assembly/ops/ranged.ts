/**
 * Attention under a block mask: the queries of a block see the same few ranges of positions, and of those only positions up to their
 * own. What the mask hides is neither read nor computed: a block's pairs are laid side by side, and their product with its
 * queries is a small dense one.
 *
 * A unit is one head of one row (unit = row · heads + head). The backward has dlogit = s · P ∘ (dP − rowsum(P ∘ dP) + dlse), as in attention.ts.
 */
import {
  Block, endOf, gather, gatherBias, layOutBlock, openBlock, openUnit, pairOf, queryOf, rowOf, scatterBias, scatterPairs, startOf,
  visibleTo,
} from "./ranged-block";
import { softmaxBiasedRow, softmaxGradientRow } from "./attention";
import { addQueryGradients } from "./attention-head";
import { multiplyPanels, packPanels, TILE_COLUMNS, TILE_ROWS } from "./matmul";
import { addScaled, dot } from "../base/simd";

/**
 * out [B, T, H, D] and lse [B, T, H], the logsumexp, for units [from, to) of B·H. q [B, T, H, D]; k, v [B, capacity, H, D]; bias
 * [H, length], reversed: that of distance n is at length − 1 − n; scale [H]. `mask`: address of a Mask. Positions below its `pinned`
 * have the greatest distance, and a range lies on one side of it. probabilities [B·H, T, columns] keeps the softmax. `scratch`:
 * ranged_scratch_bytes.
 */
export function ranged_forward(
  out: usize, lse: usize, probabilities: usize, q: usize, k: usize, v: usize, bias: usize, scale: usize, mask: usize,
  from: i32, to: i32, scratch: usize,
): void {
  const block = layOutBlock(scratch, mask);
  for (let unit = from; unit < to; unit++) {
    openUnit(block, unit, scale);
    const biases = bias + ((<usize>block.head * block.length) << 2);
    for (let number = 0; number < block.blocks; number++) {
      if (!openBlock(block, number)) continue;
      const p = probabilities + (rowsOf(block) << 2);
      if (block.rows == 1) attendOne(block, out, lse, p, q, k, v, biases);
      else attendAll(block, out, lse, p, q, k, v, biases);
    }
  }
}

/** Numbers before the block's rows in [B·H, T, columns]. */
@inline
function rowsOf(block: Block): usize {
  return <usize>((block.row * block.heads + block.head) * block.segment + block.first) * block.columns;
}

function attendAll(block: Block, out: usize, lse: usize, p: usize, q: usize, k: usize, v: usize, bias: usize): void {
  const rows = block.rows, seen = block.seen, width = block.width;
  gather(block, k);
  packPanels(block.panelsK, block.gathered, seen, width, width, 1, TILE_COLUMNS);
  gather(block, v);
  packPanels(block.panelsV, block.gathered, width, seen, 1, width, TILE_COLUMNS);
  packPanels(block.packed, q + queryOf(block, block.first), rows, width, block.stride, 1, TILE_ROWS);
  multiplyPanels(p, block.columns, block.packed, width, block.panelsK, width, rows, seen, width, false, block.tile);
  for (let i = 0; i < rows; i++) softmaxOf(block, i, p + ((<usize>i * block.columns) << 2), lse, bias);
  packPanels(block.packed, p, rows, seen, block.columns, 1, TILE_ROWS);
  multiplyPanels(
    out + queryOf(block, block.first), block.stride, block.packed, seen, block.panelsV, seen,
    rows, width, seen, false, block.tile,
  );
}

/** Bias, mask and softmax of the block's query i in place, p [seen]. */
function softmaxOf(block: Block, i: i32, p: usize, lse: usize, bias: usize): void {
  const query = block.first + i;
  gatherBias(block, bias, query);
  const logsumexp = softmaxBiasedRow(p, block.bias, block.s, 0, 0, visibleTo(block, query), block.seen);
  store<f32>(lse + (rowOf(block, query) << 2), logsumexp);
}

/** A single query, as in generation: its pairs are read where they lie. */
function attendOne(block: Block, out: usize, lse: usize, p: usize, q: usize, k: usize, v: usize, bias: usize): void {
  const width = block.width, query = q + queryOf(block, block.first), y = out + queryOf(block, block.first);
  let at = p;
  for (let r = 0; r < block.ranges; r++) {
    for (let j = startOf(block, r); j < endOf(block, r); j++, at += 4) store<f32>(at, dot(query, k + pairOf(block, j), width));
  }
  softmaxOf(block, 0, p, lse, bias);
  memory.fill(y, 0, <usize>width << 2);
  at = p;
  for (let r = 0; r < block.ranges; r++) {
    for (let j = startOf(block, r); j < endOf(block, r); j++, at += 4) addScaled(y, v + pairOf(block, j), load<f32>(at), width);
  }
}

/**
 * Adds to dq, dk and dv [B, T, H, D] (dk, dv: the segment's own pairs only), and writes dbias [B·H, length] (reversed as bias is) and dscale
 * [B·H], for units [from, to). `dlse` may be 0. position_bias_backward adds dbias and dscale up.
 */
export function ranged_backward(
  dq: usize, dk: usize, dv: usize, dbias: usize, dscale: usize, dout: usize, dlse: usize,
  out: usize, probabilities: usize, q: usize, k: usize, v: usize, scale: usize, mask: usize,
  from: i32, to: i32, scratch: usize,
): void {
  const block = layOutBlock(scratch, mask), biasBytes = <usize>block.length << 2;
  for (let unit = from; unit < to; unit++) {
    openUnit(block, unit, scale);
    const biases = dbias + <usize>unit * biasBytes;
    memory.fill(biases, 0, biasBytes);
    let scaleSum: f32 = 0;
    for (let number = 0; number < block.blocks; number++) {
      if (!openBlock(block, number)) continue;
      const p = probabilities + (rowsOf(block) << 2);
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
  const at = queryOf(block, block.first);
  return addQueryGradients(dq + at, q + at, block.stride, block.gradient, rows, width);
}

/** to += weightsᵀ · right for the segment's own pairs that the block sees; weights [rows, columns], right [B, T, H, D]. */
function pairGradient(block: Block, to: usize, weights: usize, right: usize): void {
  const rows = block.rows, own = block.seen - block.own, width = block.width;
  packPanels(block.packed, weights + (block.own << 2), own, rows, 1, block.columns, TILE_ROWS);
  packPanels(block.packedRight, right + queryOf(block, block.first), width, rows, 1, block.stride, TILE_COLUMNS);
  multiplyPanels(block.gradient, width, block.packed, rows, block.packedRight, rows, own, width, rows, false, block.tile);
  scatterPairs(block, to, block.gradient);
}
