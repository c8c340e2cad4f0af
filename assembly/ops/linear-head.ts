/**
 * One head of one row in linear attention: where its operands lie, and room for the products of a chunk of tokens. The arithmetic is in
 * linear-attention.ts and linear-attention-backward.ts.
 */
import { multiplyPanels, packPanels, panelBytes, TILE_BYTES, TILE_COLUMNS, TILE_ROWS, Triangle } from "./matmul";

/** Tokens of a chunk. Within it every pair of tokens meets in a product; before it there is only the state. */
export const CHUNK: i32 = 64;

/** Queries and keys are [B, T, H, F], values [B, T, H, D]; rows of a head are `keyStride` and `valueStride` floats apart. */
@unmanaged
export class LinearHead {
  heads: i32;
  segment: i32;
  /** F */
  features: i32;
  /** D */
  width: i32;
  /** E, columns of the state. Without the delta rule a column of ones follows the values, and its sums are the denominators. */
  columns: i32;
  keyStride: i32;
  valueStride: i32;
  delta: bool;
  /** Bytes to the head's first query or key, and to its first value. */
  keysAt: usize;
  valuesAt: usize;
  /** Bytes of a state [F, E], and to the head's first one. */
  stateBytes: usize;
  statesAt: usize;
  /** Bytes to what the head's first token wrote, in a tensor [B, H, T, E], and to its first number in one [B, T, H]. */
  writtenAt: usize;
  tokensAt: usize;
  /** Room: [CHUNK, CHUNK], twice [CHUNK, E], [F, E], packed operands, a tile. */
  scores: usize;
  rows: usize;
  gradients: usize;
  stateGradient: usize;
  packedA: usize;
  packedB: usize;
  tile: usize;
}

/** Room for the head itself, a whole number of cache lines. */
const HEAD_BYTES: usize = 128;

/** E, columns of the state of a head whose values have `width` floats. */
@inline
export function stateColumns(width: i32, delta: bool): i32 {
  return delta ? width : width + 1;
}

/** Chunks of a segment. */
@inline
export function chunksOf(segment: i32): i32 {
  return (segment + CHUNK - 1) / CHUNK;
}

/** Bytes of scratch for heads of `features` and `width` floats. */
export function linear_attention_scratch_bytes(features: i32, width: i32): i32 {
  return <i32>layOut(0, features, width + 1, false);
}

/**
 * Lays out the room behind `scratch`, for at most `columns` of them; returns its end. Writes addresses only if asked to. Left operands have
 * a chunk of rows or are a chunk deep. Right operands are that, or a state.
 */
function layOut(scratch: usize, features: i32, columns: i32, write: bool): usize {
  const short = max(CHUNK, columns), long = max(features, short);
  const bytesA = max(panelBytes(CHUNK, long, TILE_ROWS), panelBytes(features, CHUNK, TILE_ROWS));
  const bytesB = max(panelBytes(short, long, TILE_COLUMNS), panelBytes(features, short, TILE_COLUMNS));
  const scores = scratch + HEAD_BYTES;
  const rows = scores + (<usize>(CHUNK * CHUNK) << 2);
  const gradients = rows + (<usize>(CHUNK * columns) << 2);
  const stateGradient = gradients + (<usize>(CHUNK * columns) << 2);
  const packedA = stateGradient + (<usize>(features * columns) << 2);
  const packedB = packedA + bytesA;
  const tile = packedB + bytesB;
  if (write) {
    const head = changetype<LinearHead>(scratch);
    head.scores = scores;
    head.rows = rows;
    head.gradients = gradients;
    head.stateGradient = stateGradient;
    head.packedA = packedA;
    head.packedB = packedB;
    head.tile = tile;
  }
  return tile + TILE_BYTES;
}

/** Lays out a head at the beginning of `scratch`; `openLinearHead` chooses which one it is. */
export function layOutLinearHead(
  scratch: usize, segment: i32, heads: i32, features: i32, width: i32, delta: bool,
): LinearHead {
  layOut(scratch, features, width + 1, true);
  const head = changetype<LinearHead>(scratch);
  head.heads = heads;
  head.segment = segment;
  head.features = features;
  head.width = width;
  head.columns = stateColumns(width, delta);
  head.keyStride = heads * features;
  head.valueStride = heads * width;
  head.delta = delta;
  head.stateBytes = <usize>(features * head.columns) << 2;
  return head;
}

/** Turns to unit = row · heads + head. */
export function openLinearHead(head: LinearHead, unit: i32): void {
  const row = unit / head.heads, number = unit % head.heads;
  head.keysAt = (<usize>row * head.segment * head.keyStride + number * head.features) << 2;
  head.valuesAt = (<usize>row * head.segment * head.valueStride + number * head.width) << 2;
  head.statesAt = <usize>unit * (chunksOf(head.segment) + 1) * head.stateBytes;
  head.writtenAt = (<usize>unit * head.segment * head.columns) << 2;
  head.tokensAt = (<usize>row * head.segment * head.heads + number) << 2;
}

/** Bytes to the query or key of token i. */
@inline
export function keyAt(head: LinearHead, i: i32): usize {
  return head.keysAt + ((<usize>i * head.keyStride) << 2);
}

/** Bytes to the value of token i. */
@inline
export function valueAt(head: LinearHead, i: i32): usize {
  return head.valuesAt + ((<usize>i * head.valueStride) << 2);
}

/** Bytes to token i of a tensor [B, T, H]. */
@inline
export function tokenAt(head: LinearHead, i: i32): usize {
  return head.tokensAt + ((<usize>i * head.heads) << 2);
}

/** Bytes to what token i wrote. */
@inline
export function writtenAt(head: LinearHead, i: i32): usize {
  return head.writtenAt + ((<usize>i * head.columns) << 2);
}

/**
 * C[m, n] (+)= A[m, k] · B[k, n], rows of C `ldc` floats apart. A(i, p) is at a + 4(i·rsa + p·csa), B(p, j) at b + 4(p·rsb + j·csb). No
 * operand is larger than `layOut` says.
 */
export function chunkProduct(
  head: LinearHead, c: usize, ldc: i32, a: usize, rsa: i32, csa: i32, b: usize, rsb: i32, csb: i32,
  m: i32, n: i32, k: i32, accumulate: bool, triangle: Triangle = Triangle.None,
): void {
  packPanels(head.packedA, a, m, k, rsa, csa, TILE_ROWS);
  packPanels(head.packedB, b, n, k, csb, rsb, TILE_COLUMNS);
  multiplyPanels(c, ldc, head.packedA, k, head.packedB, k, m, n, k, accumulate, head.tile, triangle);
}

/** head.scores [n, n] (rows CHUNK apart) = left · rightᵀ; 0 above the diagonal, and on it if `strict`. */
export function lowerProduct(
  head: LinearHead, left: usize, right: usize, stride: i32, n: i32, k: i32, strict: bool,
): void {
  chunkProduct(head, head.scores, CHUNK, left, stride, 1, right, 1, stride, n, n, k, false, Triangle.LowerC);
  for (let i = 0; i < n; i++) {
    const kept = strict ? i : i + 1;
    memory.fill(head.scores + (<usize>(i * CHUNK + kept) << 2), 0, <usize>(n - kept) << 2);
  }
}

/** Tokens of a chunk, for those that allocate what the forward keeps. */
export function linear_attention_chunk(): i32 {
  return CHUNK;
}
