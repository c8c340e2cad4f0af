/**
 * One head of one row in causal attention: where its operands lie, what its queries may see, and room to compute in. The
 * arithmetic is in attention.ts.
 */
import { multiplyPanels, packPanels, panelBytes, TILE_BYTES, TILE_COLUMNS, TILE_ROWS, Triangle } from "./matmul";
import { addTo, dot } from "../base/simd";

/** Queries in a block. A larger block saves packing; a smaller one wastes less beyond the diagonal. */
export const BLOCK: i32 = 64;

/** Blocks of a segment's queries. */
export function query_blocks(segment: i32): i32 {
  return (segment + BLOCK - 1) / BLOCK;
}

/** Bytes of the largest left operand that a block packs: queries, scores, or scores transposed. */
@inline
export function packedBytes(length: i32, width: i32): usize {
  return max(panelBytes(BLOCK, max(length, width), TILE_ROWS), panelBytes(length, BLOCK, TILE_ROWS));
}

/**
 * Queries are [B, T, H, D], keys and values [B, T, G, D] in the segment and [B, capacity, G, D] in the context, for G kv heads; a head's
 * rows are `stride` and `pairStride` floats apart.
 */
@unmanaged
export class Head {
  heads: i32;
  kvHeads: i32;
  width: i32;
  stride: i32;
  pairStride: i32;
  /** T, and positions of the context before and with the segment. */
  segment: i32;
  past: i32;
  length: i32;
  /** Query i sees positions from max(start, past + i − window) to past + i, as far as they are in its own block of `block` positions. */
  start: i32;
  window: i32;
  block: i32;
  /** |scale of the head|. */
  s: f32;
  /** Bytes to the head's first query, and to its first pair in the segment and in the context. */
  segmentAt: usize;
  pairsAt: usize;
  contextAt: usize;
  /** Bytes from the beginning of a tensor [B, T, H] to the head's first query. */
  rowsAt: usize;
  /** Packed keys and values of the context. */
  panelsK: usize;
  panelsV: usize;
  /** Packed left and right operands of a block. */
  packed: usize;
  packedRight: usize;
  /** [BLOCK, length] scores, and [BLOCK, D] a gradient. */
  scores: usize;
  gradient: usize;
  tile: usize;
}

/** Room for the head itself, a whole number of cache lines. */
const HEAD_BYTES: usize = 128;

/** Bytes of a context's packed keys or values. */
@inline
export function contextBytes(length: i32, width: i32): usize {
  return max(panelBytes(length, width, TILE_COLUMNS), panelBytes(width, length, TILE_COLUMNS));
}

/** Bytes of scratch for attention over a context of `length` positions and heads of `width` floats. */
export function attention_scratch_bytes(length: i32, width: i32): f64 {
  const block = <f64>packedBytes(length, width) + <f64>panelBytes(width, BLOCK, TILE_COLUMNS) + 4.0 * BLOCK * (<f64>length + width);
  return <f64>HEAD_BYTES + 2.0 * <f64>contextBytes(length, width) + block + TILE_BYTES; // beyond 4 GiB too
}

/** Lays out a head at the beginning of `scratch`, followed by its room; openHead chooses which head it is. */
export function layOutHead(
  scratch: usize, heads: i32, kvHeads: i32, width: i32, segment: i32, past: i32, window: i32, block: i32,
): Head {
  const head = changetype<Head>(scratch);
  const length = past + segment;
  head.heads = heads;
  head.kvHeads = kvHeads;
  head.width = width;
  head.stride = heads * width;
  head.pairStride = kvHeads * width;
  head.segment = segment;
  head.past = past;
  head.length = length;
  head.window = window;
  head.block = block;
  head.panelsK = scratch + HEAD_BYTES;
  head.panelsV = head.panelsK + contextBytes(length, width);
  head.packed = head.panelsV + contextBytes(length, width);
  head.packedRight = head.packed + packedBytes(length, width);
  head.scores = head.packedRight + panelBytes(width, BLOCK, TILE_COLUMNS);
  head.gradient = head.scores + ((<usize>BLOCK * length) << 2);
  head.tile = head.gradient + ((<usize>BLOCK * width) << 2);
  return head;
}

/** Turns to unit = row · heads + head. scale [H]; first [B] (i32); contexts hold `capacity` positions. */
export function openHead(head: Head, unit: i32, scale: usize, first: usize, capacity: i32): void {
  const row = unit / head.heads, number = unit % head.heads, kv = number * head.kvHeads / head.heads;
  head.start = load<i32>(first + (row << 2));
  head.s = abs(load<f32>(scale + (number << 2)));
  head.segmentAt = (<usize>row * head.segment * head.stride + number * head.width) << 2;
  head.pairsAt = (<usize>row * head.segment * head.pairStride + kv * head.width) << 2;
  head.contextAt = (<usize>row * capacity * head.pairStride + kv * head.width) << 2;
  head.rowsAt = (<usize>row * head.segment * head.heads + number) << 2;
}

/** Bytes from the head's first query to query i. */
@inline
export function queryAt(head: Head, i: i32): usize {
  return head.segmentAt + ((<usize>i * head.stride) << 2);
}

/** Bytes from the beginning of a tensor [B, T, G, D] to the segment's pair i. */
@inline
export function pairAt(head: Head, i: i32): usize {
  return head.pairsAt + ((<usize>i * head.pairStride) << 2);
}

/** Bytes to query i of a tensor [B, T, H]. */
@inline
export function rowAt(head: Head, i: i32): usize {
  return head.rowsAt + ((<usize>i * head.heads) << 2);
}

/** The first position that query i sees. */
@inline
export function firstSeen(head: Head, i: i32): i32 {
  const position = head.past + i;
  return max(max(head.start, position - head.window), position - position % head.block);
}

/** The first position that a block from query i on computes: the beginning of a panel. */
@inline
export function lowOf(head: Head, i: i32): i32 {
  return firstSeen(head, i) & ~(TILE_COLUMNS - 1);
}

/**
 * Scores or their gradients [rows, low … high) = left · panelsᵀ, of which a row's own position is the last that is defined, or all are
 * without the triangle; `left` [rows, D] lies `stride` floats apart.
 */
export function multiplyByContext(
  head: Head, to: usize, left: usize, panels: usize, rows: i32, low: i32, high: i32, triangle: Triangle = Triangle.LowerC,
): void {
  const packed = head.packed, width = head.width;
  packPanels(packed, left, rows, width, head.stride, 1, TILE_ROWS);
  multiplyPanels(
    to + (low << 2), head.length, packed, width, panels + ((<usize>low * width) << 2), width,
    rows, high - low, width, false, head.tile, triangle, high - rows - low,
  );
}

/**
 * to [rows, D], `ldc` floats apart = scores [rows, low … high) · panels, keys or values packed by width; with the triangle, scores
 * beyond a row's own position are 0.
 */
export function sumOverContext(
  head: Head, to: usize, ldc: i32, scores: usize, panels: usize, rows: i32, low: i32, high: i32,
  triangle: Triangle = Triangle.LowerA,
): void {
  packPanels(head.packed, scores + (low << 2), rows, high - low, head.length, 1, TILE_ROWS);
  multiplyPanels(
    to, ldc, head.packed, high - low, panels + ((<usize>low * TILE_COLUMNS) << 2), head.length,
    rows, head.width, high - low, false, head.tile, triangle, high - rows - low,
  );
}

/**
 * dq += gradient [rows, D] for queries that lie `stride` floats apart, in dq as in q. Returns Σ q · gradient, from which the gradient of
 * the scale follows.
 */
export function addQueryGradients(dq: usize, q: usize, stride: i32, gradient: usize, rows: i32, width: i32): f32 {
  const bytes = <usize>stride << 2, rowBytes = <usize>width << 2;
  let sum: f32 = 0;
  for (let r = 0; r < rows; r++, q += bytes, dq += bytes, gradient += rowBytes) {
    sum += dot(q, gradient, width);
    addTo(dq, gradient, width);
  }
  return sum;
}
