/**
 * Blocks of tokens pooled into cells: each cell is a weighted sum over the tokens of its block. A mean over equal weights, or the learned
 * projection of Linformer's block form. A unit is one block of one row, unit = row · blocks + block.
 */
import { addScaled, dot } from "../base/simd";

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
    for (let cell = 0; cell < cells; cell++) {
      const sum = y + <usize>(unit * cells + cell) * bytes;
      memory.fill(sum, 0, bytes);
      for (let j = 0; j < block; j++) {
        addScaled(sum, tokens + j * bytes, load<f32>(weights + ((cell * block + j) << 2)), channels);
      }
    }
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
    const gradients = dx + <usize>(unit / blocks * segment) * bytes;
    for (let cell = 0; cell < cells; cell++) {
      const dcell = dy + <usize>(unit * cells + cell) * bytes;
      for (let j = 0; j < block; j++) {
        const at = (cell * block + j) << 2;
        if (begin + j >= 0) addScaled(gradients + <usize>(begin + j) * bytes, dcell, load<f32>(weights + at), channels);
        if (dweights) store<f32>(dweights + ((unit * cells * block) << 2) + at, dot(dcell, tokens + j * bytes, channels));
      }
    }
  }
}
