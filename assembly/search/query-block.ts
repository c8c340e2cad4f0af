/**
 * A block of queries of one head of one row: the unit of work of every search. Its queries share one pass over the keys.
 *
 * unit = (row · heads + head) · blocks + block, where blocks = ⌈segment / size⌉ for blocks of `size` queries.
 */

/** Bytes of a row's span, three i32. */
const SPAN_BYTES: usize = 12;

/** Bytes of room for a QueryBlock, a whole cache line. */
export const QUERY_BLOCK_BYTES: usize = 64;

@unmanaged
export class QueryBlock {
  /** row · heads + head: the ring of keys that is searched. */
  ring: i32;
  /** Number of queries. */
  count: i32;
  /** Address of the first query, and floats from one query to the next. */
  queries: usize;
  queryStride: i32;
  /** Addresses of the first query's scores and slots (i32), and numbers from one query's list to the next. */
  scores: usize;
  slots: usize;
  listStride: i32;
  /** Older keys lie in slots [begin, begin + older), newer ones in [0, newer). */
  begin: i32;
  older: i32;
  newer: i32;
}

/** Blocks of `size` queries in a segment. */
@inline
export function blocksOf(segment: i32, size: i32): i32 {
  return (segment + size - 1) / size;
}

/**
 * Turns to block `unit`. queries [B, T, H, D], in blocks of `size`; scores and slots [B, T, H, k]; spans [B, 3] (i32): begin,
 * older, newer.
 */
export function openBlock(
  block: QueryBlock, unit: i32, size: i32, scores: usize, slots: usize, queries: usize, spans: usize,
  segment: i32, heads: i32, width: i32, k: i32,
): void {
  const blocks = blocksOf(segment, size), ring = unit / blocks;
  const row = ring / heads, head = ring % heads, first = unit % blocks * size;
  const query = (<usize>row * segment + first) * heads + head;
  const span = spans + row * SPAN_BYTES;
  block.ring = ring;
  block.count = min(size, segment - first);
  block.queries = queries + ((query * width) << 2);
  block.queryStride = heads * width;
  block.scores = scores + ((query * k) << 2);
  block.slots = slots + ((query * k) << 2);
  block.listStride = heads * k;
  block.begin = load<i32>(span);
  block.older = load<i32>(span, 4);
  block.newer = load<i32>(span, 8);
}

/** Number of keys that the block's queries search. */
@inline
export function keysOf(block: QueryBlock): i32 {
  return block.older + block.newer;
}

/** Address of query i. */
@inline
export function queryAt(block: QueryBlock, i: i32): usize {
  return block.queries + ((<usize>i * block.queryStride) << 2);
}

/** Address of query i's scores. */
@inline
export function scoresAt(block: QueryBlock, i: i32): usize {
  return block.scores + ((<usize>i * block.listStride) << 2);
}

/** Address of query i's slots. */
@inline
export function slotsAt(block: QueryBlock, i: i32): usize {
  return block.slots + ((<usize>i * block.listStride) << 2);
}
