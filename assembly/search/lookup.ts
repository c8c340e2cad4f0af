/**
 * The parts that every search shares: a block of queries of one head of one row, which is the unit of work and shares one pass over
 * the keys, and for each query the list of the k best keys so far.
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

// The k best of a stream of (score, slot), in falling order of score. Among equal scores, the earlier one comes first.
//
// Insertion has no branch to mispredict: every entry after the new score moves one place, four entries at a time, from the end to the
// beginning. So a list has room for k rounded up to a multiple of four, after a guard that no score beats. Lists live in scratch; when a
// search is over, `copyBest` copies the entries to where the caller wants them.

@inline
function padded(k: i32): i32 {
  return (k + 3) & ~3;
}

/** Bytes of a list: guard and scores, guard and slots. */
@inline
export function bestBytes(k: i32): i32 {
  return (2 * padded(k) + 8) << 2;
}

/** Empties a list: scores of −∞ in slot 0. They stay where no score compares, as with a query of NaNs. */
export function clearBest(list: usize, k: i32): void {
  const bytes = <usize>padded(k) << 2;
  v128.store(list, f32x4.splat(Infinity));
  for (let at = list + 16, end = at + bytes; at < end; at += 16) v128.store(at, f32x4.splat(-Infinity));
  memory.fill(list + 32 + bytes, 0, bytes);
}

/** The k-th best score, or −∞ while there are fewer: a new entry must exceed it. */
@inline
export function leastOfBest(list: usize, k: i32): f32 {
  return load<f32>(list + (k << 2), 12);
}

/** Inserts an entry in order; the last entry drops out. */
export function insertBest(list: usize, k: i32, score: f32, slot: i32): void {
  const scores = list + 16, slots = scores + ((padded(k) + 4) << 2);
  const x = f32x4.splat(score), number = i32x4.splat(slot);
  for (let at = (padded(k) - 4) << 2; at >= 0; at -= 16) {
    const here = v128.load(scores + at), before = v128.load(scores + at - 4);
    const stays = f32x4.ge(here, x), follows = f32x4.ge(before, x);
    v128.store(scores + at, v128.bitselect(here, v128.bitselect(x, before, follows), stays));
    const moved = v128.bitselect(number, v128.load(slots + at - 4), follows);
    v128.store(slots + at, v128.bitselect(v128.load(slots + at), moved, stays));
  }
}

/** Copies the first `count` entries as [count] scores and [count] slots (i32). */
export function copyBest(scores: usize, slots: usize, list: usize, k: i32, count: i32): void {
  memory.copy(scores, list + 16, <usize>count << 2);
  memory.copy(slots, list + 32 + (padded(k) << 2), <usize>count << 2);
}

// The same lists for keys that do not arrive in order of age. Among equal scores, the lower number, which is the older key, comes first.

/** The number of an entry that is still empty: younger than any key. */
export const NO_KEY: i32 = i32.MAX_VALUE;

/** Address of the numbers of a list's entries, after their guard. */
@inline
function numbersOf(list: usize, k: i32): usize {
  return list + (bestBytes(k) >> 1) + 16;
}

/** Empties a list. Only scores of at least `floor` will enter it; while fewer do, empty entries have that score. */
export function clearByAge(list: usize, k: i32, floor: f32 = -Infinity): void {
  clearBest(list, k);
  for (let at = list + 16, end = at + (<usize>k << 2); at < end; at += 4) store<f32>(at, floor);
  const numbers = numbersOf(list, k);
  v128.store(numbers - 16, i32x4.splat(-1));
  for (let at = numbers, end = list + bestBytes(k); at < end; at += 16) v128.store(at, i32x4.splat(NO_KEY));
}

/** Whether a list has `count` entries. */
@inline
export function holds(list: usize, k: i32, count: i32): bool {
  return load<i32>(numbersOf(list, k) + ((count - 1) << 2)) != NO_KEY;
}

/** Inserts an entry in order. The last entry drops out, or the new one if it comes after all others. */
export function insertByAge(list: usize, k: i32, score: f32, number: i32): void {
  if (score > leastOfBest(list, k) && !hasScore(list, k, score)) insertBest(list, k, score, number);
  else insertTied(list, k, score, number);
}

/** Whether an entry has this score. */
@inline
function hasScore(list: usize, k: i32, score: f32): bool {
  const x = f32x4.splat(score);
  let equal = i32x4.splat(0);
  for (let at = list + 16, end = at + (padded(k) << 2); at < end; at += 16) equal = v128.or(equal, f32x4.eq(v128.load(at), x));
  return v128.any_true(equal);
}

/** As `insertByAge`, for a score that others have. */
function insertTied(list: usize, k: i32, score: f32, number: i32): void {
  const x = f32x4.splat(score), n = i32x4.splat(number);
  const first = list + 16, offset = bestBytes(k) >> 1;
  let at = list + offset - 16;
  let here = v128.load(at), hereNumbers = v128.load(at + offset);
  let stays = isAhead(here, hereNumbers, x, n);
  for (; at >= first && !i32x4.all_true(stays); at -= 16) { // where four stay, so do all before them
    const ahead = v128.load(at - 16), aheadNumbers = v128.load(at + offset - 16);
    const aheadStays = isAhead(ahead, aheadNumbers, x, n);
    const follows = v128.shuffle<i32>(aheadStays, stays, 3, 4, 5, 6);
    const moved = v128.bitselect(x, v128.shuffle<i32>(ahead, here, 3, 4, 5, 6), follows);
    const movedNumbers = v128.bitselect(n, v128.shuffle<i32>(aheadNumbers, hereNumbers, 3, 4, 5, 6), follows);
    v128.store(at, v128.bitselect(here, moved, stays));
    v128.store(at + offset, v128.bitselect(hereNumbers, movedNumbers, stays));
    here = ahead;
    hereNumbers = aheadNumbers;
    stays = aheadStays;
  }
}

/** A mask of the four entries (a, m) that come before (x, n). */
@inline
function isAhead(a: v128, m: v128, x: v128, n: v128): v128 {
  return v128.or(f32x4.gt(a, x), v128.and(f32x4.eq(a, x), i32x4.lt_s(m, n)));
}
