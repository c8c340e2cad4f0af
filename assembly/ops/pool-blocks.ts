/**
 * Blocks of tokens pooled into cells: each cell is a weighted sum over the tokens of its block. A mean over equal weights, or the learned
 * projection of Linformer's block form. A unit is one block of one row, unit = row · blocks + block.
 */
import { dot } from "../base/simd";
import { addCombinations } from "./combine";

/** Bytes to the first token of a unit's block in a context [B, capacity, C] whose blocks begin at position `first`. */
@inline
function blockAt(unit: i32, blocks: i32, block: i32, capacity: i32, channels: i32, first: i32): usize {
  const position = first + unit % blocks * block;
  return (<usize>(unit / blocks * capacity + position) * channels) << 2;
}

/**
 * y [B, blocks · cells, C] = Σ_j weights[cell, j] · token j of the block; x [B, capacity, C], weights [cells, block]. Units [from, to) of
 * the B · blocks are computed.
 */
export function pool_blocks_forward(
  y: usize, x: usize, weights: usize, blocks: i32, cells: i32, block: i32, channels: i32, capacity: i32, first: i32,
  from: i32, to: i32,
): void {
  const bytes = <usize>channels << 2;
  for (let unit = from; unit < to; unit++) {
    const tokens = x + blockAt(unit, blocks, block, capacity, channels, first);
    const sums = y + <usize>(unit * cells) * bytes;
    memory.fill(sums, 0, cells * bytes);
    addCombinations(sums, bytes, weights, block << 2, 4, tokens, bytes, cells, block, channels);
  }
}

/**
 * dx [B, T, C] += weightsᵀ · dy, where the segment begins at position `past` of the context; tokens before it get no gradient. dweights
 * [B · blocks, cells, block] = dy · token, per unit; add_rows adds it up. It may be 0.
 */
export function pool_blocks_backward(
  dx: usize, dweights: usize, dy: usize, x: usize, weights: usize, segment: i32, past: i32,
  blocks: i32, cells: i32, block: i32, channels: i32, capacity: i32, first: i32, from: i32, to: i32,
): void {
  const bytes = <usize>channels << 2;
  for (let unit = from; unit < to; unit++) {
    const tokens = x + blockAt(unit, blocks, block, capacity, channels, first);
    const begin = first + unit % blocks * block - past; // of the block, in the segment
    const own = min(max(0, -begin), block); // the block's first token that belongs to the segment
    const dcells = dy + <usize>(unit * cells) * bytes;
    const gradients = dx + (<usize>(unit / blocks * segment) + begin + own) * bytes;
    addCombinations(gradients, bytes, weights + (own << 2), 4, block << 2, dcells, bytes, block - own, cells, channels);
    if (!dweights) continue;
    let dweight = dweights + ((unit * cells * block) << 2);
    for (let cell = 0; cell < cells; cell++) {
      for (let j = 0; j < block; j++, dweight += 4) {
        store<f32>(dweight, dot(dcells + cell * bytes, tokens + j * bytes, channels));
      }
    }
  }
}
