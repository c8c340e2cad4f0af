/**
 * A block of queries and the ranges of positions that it sees: where the operands lie, the pairs of those ranges side by side, and room
 * to compute in. The arithmetic is in ranged.ts.
 */
import { BLOCK, contextBytes, packedBytes } from "./attention-head";
import { panelBytes, TILE_BYTES, TILE_COLUMNS } from "./matmul";
import { addTo } from "../base/simd";

/** A mask and the sizes that all its blocks share, as src/autodiff/ops/ranged.ts lays them out. A block has at most BLOCK queries. */
@unmanaged
export class Mask {
  /** The queries from cuts[n] to cuts[n + 1] are block n of their row, cuts [B, blocks + 1] (i32). */
  cuts: usize;
  /** Ascending ranges of positions that do not overlap, the unused ones empty: lists [B, blocks, ranges, 2] (i32). */
  lists: usize;
  heads: i32;
  width: i32;
  segment: i32;
  past: i32;
  capacity: i32;
  /** Blocks of a row, ranges of a block, and positions in all ranges of the largest block. */
  blocks: i32;
  ranges: i32;
  columns: i32;
  /** Positions below have the greatest distance; the others count from the query. */
  pinned: i32;
  /** Distances that have a bias. */
  length: i32;
}

@unmanaged
export class Block extends Mask {
  /** Floats from one query, or position, to the next. */
  stride: i32;
  /** Row and head; |scale of the head|. */
  row: i32;
  head: i32;
  s: f32;
  /** The open block: its first query, its queries, its list of ranges, its columns, and the first that is the segment's own. */
  first: i32;
  rows: i32;
  list: usize;
  seen: i32;
  own: i32;
  /** [columns, D] pairs side by side, and packed. */
  gathered: usize;
  panelsK: usize;
  panelsV: usize;
  packed: usize;
  packedRight: usize;
  /** [BLOCK, columns] scores, [columns] a row of biases, and a gradient [max(BLOCK, columns), D]. */
  scores: usize;
  bias: usize;
  gradient: usize;
  tile: usize;
}

const BLOCK_BYTES: usize = 192;

/** Bytes of scratch for blocks that see `columns` positions, in heads of `width` floats. */
export function ranged_scratch_bytes(columns: i32, width: i32): i32 {
  const pairs = (<usize>columns * width << 2) + 2 * contextBytes(columns, width);
  const packed = packedBytes(columns, width) + panelBytes(width, BLOCK, TILE_COLUMNS);
  const rows = <usize>(BLOCK * columns + columns + max(BLOCK, columns) * width) << 2;
  return <i32>(BLOCK_BYTES + pairs + packed + rows + TILE_BYTES);
}

/** Lays out a block of `mask` at the beginning of `scratch`, followed by its room. */
export function layOutBlock(scratch: usize, mask: usize): Block {
  memory.copy(scratch, mask, offsetof<Mask>());
  const block = changetype<Block>(scratch);
  const columns = block.columns, width = block.width;
  block.stride = block.heads * width;
  block.gathered = scratch + BLOCK_BYTES;
  block.panelsK = block.gathered + (<usize>columns * width << 2);
  block.panelsV = block.panelsK + contextBytes(columns, width);
  block.packed = block.panelsV + contextBytes(columns, width);
  block.packedRight = block.packed + packedBytes(columns, width);
  block.scores = block.packedRight + panelBytes(width, BLOCK, TILE_COLUMNS);
  block.bias = block.scores + (<usize>(BLOCK * columns) << 2);
  block.gradient = block.bias + (<usize>columns << 2);
  block.tile = block.gradient + (<usize>(max(BLOCK, columns) * width) << 2);
  return block;
}

/** Turns to unit = row · heads + head. scale [H]. */
export function openUnit(block: Block, unit: i32, scale: usize): void {
  block.row = unit / block.heads;
  block.head = unit % block.heads;
  block.s = abs(load<f32>(scale + (block.head << 2)));
}

/** Turns to the row's block `number`; false if it has no queries. */
export function openBlock(block: Block, number: i32): bool {
  const cut = block.cuts + (<usize>(block.row * (block.blocks + 1) + number) << 2);
  block.first = load<i32>(cut);
  block.rows = load<i32>(cut, 4) - block.first;
  block.list = block.lists + (<usize>(block.row * block.blocks + number) * block.ranges << 3);
  block.seen = 0;
  block.own = 0;
  for (let r = 0; r < block.ranges; r++) {
    block.seen += endOf(block, r) - startOf(block, r);
    block.own += max(0, min(endOf(block, r), block.past) - startOf(block, r));
  }
  return block.rows > 0;
}

/** First position of a range of the open block. */
@inline
export function startOf(block: Block, range: i32): i32 {
  return load<i32>(block.list + (range << 3));
}

/** The position behind a range. */
@inline
export function endOf(block: Block, range: i32): i32 {
  return load<i32>(block.list + (range << 3), 4);
}

/** Bytes to the head's query i of a tensor [B, T, H, D]. */
@inline
export function queryOf(block: Block, i: i32): usize {
  return ((<usize>(block.row * block.segment + i) * block.heads + block.head) * block.width) << 2;
}

/** Bytes to the head's position j of a context [B, capacity, H, D]. */
@inline
export function pairOf(block: Block, j: i32): usize {
  return ((<usize>(block.row * block.capacity + j) * block.heads + block.head) * block.width) << 2;
}

/** Number of the head's query i in a tensor [B, T, H]. */
@inline
export function rowOf(block: Block, i: i32): usize {
  return <usize>(block.row * block.segment + i) * block.heads + block.head;
}

/** Copies what the block sees of keys or values [B, capacity, H, D] to `gathered`, [seen, D]. */
export function gather(block: Block, pairs: usize): void {
  const bytes = <usize>block.width << 2;
  let to = block.gathered;
  for (let r = 0; r < block.ranges; r++) {
    for (let j = startOf(block, r); j < endOf(block, r); j++, to += bytes) memory.copy(to, pairs + pairOf(block, j), bytes);
  }
}

/** How many of the columns query i may see: those of positions up to its own. */
export function visibleTo(block: Block, i: i32): i32 {
  let visible = 0;
  for (let r = 0; r < block.ranges; r++) {
    visible += max(0, min(endOf(block, r), block.past + i + 1) - startOf(block, r));
  }
  return visible;
}

/** Lays query i's biases side by side in `block.bias`. bias [length], reversed: that of distance n is at length − 1 − n. */
export function gatherBias(block: Block, bias: usize, i: i32): void {
  let to = block.bias;
  const behind = block.past + i + 1;
  for (let r = 0; r < block.ranges; r++) {
    const start = startOf(block, r), n = max(0, min(endOf(block, r), behind) - start);
    if (start < block.pinned) {
      for (let j = 0; j < n; j++) store<f32>(to + (j << 2), load<f32>(bias));
    } else memory.copy(to, bias + (<usize>(block.length - behind + start) << 2), <usize>n << 2);
    to += <usize>n << 2;
  }
}

/** Adds query i's gradients of its logits [seen] to dbias [length], which is reversed as well. */
export function scatterBias(block: Block, dbias: usize, gradients: usize, i: i32): void {
  const behind = block.past + i + 1;
  for (let r = 0; r < block.ranges; r++) {
    const start = startOf(block, r), n = max(0, min(endOf(block, r), behind) - start);
    if (start < block.pinned) {
      for (let j = 0; j < n; j++) store<f32>(dbias, load<f32>(dbias) + load<f32>(gradients + (j << 2)));
    } else addTo(dbias + (<usize>(block.length - behind + start) << 2), gradients, n);
    gradients += <usize>n << 2;
  }
}

/** Adds rows [seen − own, D] of gradients, one for each of the segment's own pairs that the block sees, to their places in `to` [B, T, H, D]. */
export function scatterPairs(block: Block, to: usize, gradients: usize): void {
  const bytes = <usize>block.width << 2;
  for (let r = 0; r < block.ranges; r++) {
    for (let j = max(startOf(block, r), block.past); j < endOf(block, r); j++, gradients += bytes) {
      addTo(to + queryOf(block, j - block.past), gradients, block.width);
    }
  }
}
