/**
 * Approximate top-k by inverted lists: a query meets only the keys of its `probes` nearest centroids.
 *
 * Queries are grouped by list: all queries that probe a list meet its keys in one matrix product, so a key is fetched
 * once for many queries. A panel of queries and a chunk of 32 keys are scored with the tile of matmul.ts and then filtered
 * row by row, as in exact.ts. Lists are not visited by age, so keys are numbered from the oldest; among equal scores the lower
 * number wins. A result depends only on its query and the lists: it is bit-identical whichever queries share the block. For how
 * lists are built see lists.ts and kmeans.ts.
 */
import {
  bestBytes, blocksOf, clearByAge, copyBest, holds, insertByAge, keysOf, leastOfBest, openBlock, QUERY_BLOCK_BYTES,
  QueryBlock, scoresAt, slotsAt,
} from "./lookup";
import { listsOf } from "./kmeans";
import {
  capacityOf, CHUNK, clusteringOf, entryOf, firstChunkOf, goneOf, lengthOf, nextChunk, panelsOf, slotsOf, widthOf,
} from "./lists";
import { multiplyRows, packPanels, TILE_COLUMNS, TILE_ROWS } from "../ops/matmul";
import { findProbes, groupByList, probesScratchBytes } from "./probes";
import { madd } from "../base/simd";

/** Queries gathered at a time before they are packed: whole panels. */
const GATHER: i32 = 60;

/** Units of a lookup: blocks of `block` queries, for each row and head. */
export function inverted_units(rows: i32, segment: i32, heads: i32, block: i32): i32 {
  return rows * heads * blocksOf(segment, block);
}

// Scratch: a query block, a list by age for each query, the probed lists of each query, the queries by list, the first
// query of each list, the queries that found too few keys. Then the scratch of findProbes, or of scanList.

@inline
function bestAt(scratch: usize): usize {
  return scratch + QUERY_BLOCK_BYTES;
}

@inline
function probedAt(scratch: usize, k: i32, count: i32): usize {
  return bestAt(scratch) + <usize>count * bestBytes(k);
}

@inline
function membersAt(scratch: usize, k: i32, count: i32, probes: i32): usize {
  return probedAt(scratch, k, count) + (<usize>(count * probes) << 2);
}

@inline
function startsAt(scratch: usize, k: i32, count: i32, probes: i32): usize {
  return membersAt(scratch, k, count, probes) + (<usize>(count * probes) << 2);
}

@inline
function shortAt(scratch: usize, k: i32, count: i32, probes: i32, lists: i32): usize {
  return startsAt(scratch, k, count, probes) + (<usize>(lists + 1) << 2);
}

@inline
function workAt(scratch: usize, k: i32, count: i32, probes: i32, lists: i32): usize {
  return shortAt(scratch, k, count, probes, lists) + (<usize>count << 2);
}

// The scratch of scanList, for `size` queries: [TILE_ROWS, CHUNK] scores, a threshold for each query and for the lanes that fill
// its panel, the queries in panels, room to gather queries.

@inline
function thresholdsAt(scratch: usize): usize {
  return scratch + ((TILE_ROWS * CHUNK) << 2);
}

@inline
function packedAt(scratch: usize, size: i32): usize {
  return thresholdsAt(scratch) + (<usize>(size + TILE_ROWS) << 2);
}

@inline
function gatheredAt(scratch: usize, size: i32, width: i32): usize {
  return packedAt(scratch, size) + ((<usize>((size + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS) * width) << 2);
}

@inline
function scanScratchBytes(size: i32, width: i32): usize {
  return gatheredAt(0, size, width) + (<usize>(GATHER * width) << 2);
}

/** Bytes of scratch for `k` neighbours of blocks of `block` queries that probe `probes` of up to `most` lists. */
export function inverted_scratch_bytes(width: i32, k: i32, block: i32, most: i32, probes: i32): i32 {
  const work = max(scanScratchBytes(block, width), probesScratchBytes(width, most));
  return <i32>(workAt(0, k, block, probes, most) + work);
}

/**
 * Like topk_exact, but approximate: finds the best keys in the `probes` lists nearest to each query, or in all lists where those
 * hold too few. spans [B, 3] as there; indices [B, H], `stride` bytes apart (lists.ts). Units [from, to) of inverted_units are
 * computed.
 */
export function topk_inverted(
  scores: usize, slots: usize, queries: usize, spans: usize, segment: i32, heads: i32, k: i32,
  indices: usize, stride: usize, probes: i32, block: i32, from: i32, to: i32, scratch: usize,
): void {
  const opened = changetype<QueryBlock>(scratch), width = widthOf(indices);
  for (let unit = from; unit < to; unit++) {
    openBlock(opened, unit, block, scores, slots, queries, spans, segment, heads, width, k);
    searchLists(opened, indices + opened.ring * stride, k, probes, scratch);
  }
}

/** Searches for a block's queries in the lists of its head's index. */
function searchLists(block: QueryBlock, index: usize, k: i32, mostProbes: i32, scratch: usize): void {
  const count = block.count, begin = block.begin, queries = block.queries, queryStride = block.queryStride;
  const lists = listsOf(clusteringOf(index)), probes = min(mostProbes, lists), wanted = min(k, keysOf(block));
  const best = bestAt(scratch), probed = probedAt(scratch, k, count), members = membersAt(scratch, k, count, probes);
  const starts = startsAt(scratch, k, count, probes), short = shortAt(scratch, k, count, probes, lists);
  const work = workAt(scratch, k, count, probes, lists);
  if (wanted == 0) return;
  for (let i = 0; i < count; i++) clearByAge(best + i * bestBytes(k), k);
  findProbes(probed, queries, queryStride, count, index, probes, work);
  groupByList(members, starts, probed, count, probes, lists);
  for (let list = 0; list < lists; list++) {
    const first = load<i32>(starts + (list << 2)), size = load<i32>(starts + (list << 2), 4) - first;
    scanList(best, queries, queryStride, members + (<usize>first << 2), size, index, list, begin, k, work);
  }
  const left = findShort(short, best, count, k, wanted);
  for (let list = 0; list < lists; list++) scanList(best, queries, queryStride, short, left, index, list, begin, k, work);
  for (let i = 0; i < count; i++) {
    copyBest(scoresAt(block, i), slotsAt(block, i), best + i * bestBytes(k), k, wanted);
    toSlots(slotsAt(block, i), wanted, begin, capacityOf(index));
  }
}

/** Scores the `size` queries `members` against all keys of one list. */
function scanList(
  best: usize, queries: usize, queryStride: i32, members: usize, size: i32, index: usize, list: i32, begin: i32, k: i32, scratch: usize,
): void {
  const entry = entryOf(index, list), width = widthOf(index);
  const end = goneOf(entry) + lengthOf(entry);
  const rows = scratch, thresholds = thresholdsAt(scratch), packed = packedAt(scratch, size);
  if (size == 0 || lengthOf(entry) == 0) return;
  if (size >= TILE_ROWS) packQueries(packed, gatheredAt(scratch, size, width), queries, queryStride, members, size, width);
  readThresholds(thresholds, best, members, size, k);
  for (let column = 0, chunk = firstChunkOf(entry); column < end; column += CHUNK, chunk = nextChunk(index, chunk)) {
    const low = column == 0 ? goneOf(entry) : 0, high = min(CHUNK, end - column);
    const panels = panelsOf(index, chunk), slots = slotsOf(index, chunk);
    for (let i = 0; i < size; i += TILE_ROWS) {
      if (size >= TILE_ROWS) scoreTile(rows, packed + ((<usize>i * width) << 2), panels, low, high, width, size - i);
      else scoreFew(rows, queries, queryStride, members, size, panels, width);
      for (let reaching = rowsThatReach(rows, thresholds + (i << 2)); reaching; reaching &= reaching - 1) {
        const r = ctz(reaching);
        const found = best + <usize>load<i32>(members + ((i + r) << 2)) * bestBytes(k);
        keepBest(found, rows + ((r * CHUNK) << 2), low, high, slots, begin, capacityOf(index), k);
        store<f32>(thresholds + ((i + r) << 2), leastOfBest(found, k));
      }
    }
  }
}

/** thresholds: the k-th best score so far of each of the queries `members`, and after them NaN, which no score reaches. */
function readThresholds(thresholds: usize, best: usize, members: usize, size: i32, k: i32): void {
  for (let i = 0; i < size; i++) {
    store<f32>(thresholds + (i << 2), leastOfBest(best + <usize>load<i32>(members + (i << 2)) * bestBytes(k), k));
  }
  for (let i = size; i < size + TILE_ROWS; i++) store<f32>(thresholds + (i << 2), NaN);
}

/** The rows, of TILE_ROWS rows of CHUNK scores, that have a score that reaches the row's threshold: a bit each. */
@inline
function rowsThatReach(rows: usize, thresholds: usize): i32 {
  let reaching = 0;
  for (let r = 0; r < TILE_ROWS; r++) reaching |= reaches(rows + ((r * CHUNK) << 2), thresholds + (r << 2)) << r;
  return reaching;
}

@inline
function reaches(row: usize, threshold: usize): i32 {
  const t = v128.load32_splat(threshold);
  const r0 = v128.or(f32x4.ge(v128.load(row), t), f32x4.ge(v128.load(row, 16), t));
  const r1 = v128.or(f32x4.ge(v128.load(row, 32), t), f32x4.ge(v128.load(row, 48), t));
  const r2 = v128.or(f32x4.ge(v128.load(row, 64), t), f32x4.ge(v128.load(row, 80), t));
  const r3 = v128.or(f32x4.ge(v128.load(row, 96), t), f32x4.ge(v128.load(row, 112), t));
  return <i32>v128.any_true(v128.or(v128.or(r0, r1), v128.or(r2, r3)));
}

/** Packs the queries `members` into panels of TILE_ROWS. `gathered`: room for GATHER queries. */
function packQueries(
  packed: usize, gathered: usize, queries: usize, queryStride: i32, members: usize, size: i32, width: i32,
): void {
  const bytes = <usize>width << 2;
  for (let i = 0; i < size; i += GATHER, packed += GATHER * bytes) {
    const n = min(GATHER, size - i);
    for (let j = 0; j < n; j++) {
      memory.copy(gathered + j * bytes, queries + ((<usize>load<i32>(members + ((i + j) << 2)) * queryStride) << 2), bytes);
    }
    packPanels(packed, gathered, n, width, width, 1, TILE_ROWS);
  }
}

/** rows [size, CHUNK]: scores of fewer queries than fill a panel, unpacked, with all keys of a chunk. */
function scoreFew(rows: usize, queries: usize, queryStride: i32, members: usize, size: i32, panels: usize, width: i32): void {
  for (let r = 0; r < size; r++) {
    const query = <usize>load<i32>(members + (r << 2));
    scoreChunk(rows + ((r * CHUNK) << 2), queries + ((query * queryStride) << 2), panels, width);
  }
}

/** rows [TILE_ROWS, CHUNK]: scores of up to TILE_ROWS packed queries with a chunk's keys [low, high) and perhaps their neighbours. */
function scoreTile(rows: usize, packed: usize, panels: usize, low: i32, high: i32, width: i32, queries: i32): void {
  for (let j = low & ~(TILE_COLUMNS - 1); j < high; j += TILE_COLUMNS) {
    multiplyRows(rows + (j << 2), CHUNK << 2, packed, panels + ((<usize>j * width) << 2), width, false, queries);
  }
}

/** row [CHUNK]: scores of one query with all 32 keys of a chunk, summed in the same order as in a tile. */
function scoreChunk(row: usize, query: usize, panels: usize, width: i32): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  const panelBytes = <usize>(TILE_COLUMNS * width) << 2;
  const p1 = panels + panelBytes, p2 = p1 + panelBytes, p3 = p2 + panelBytes;
  for (let d: usize = 0; d < panelBytes; d += TILE_COLUMNS << 2, query += 4) {
    const q = v128.load32_splat(query);
    s0 = madd(q, v128.load(panels + d), s0);
    s1 = madd(q, v128.load(panels + d, 16), s1);
    s2 = madd(q, v128.load(p1 + d), s2);
    s3 = madd(q, v128.load(p1 + d, 16), s3);
    s4 = madd(q, v128.load(p2 + d), s4);
    s5 = madd(q, v128.load(p2 + d, 16), s5);
    s6 = madd(q, v128.load(p3 + d), s6);
    s7 = madd(q, v128.load(p3 + d, 16), s7);
  }
  v128.store(row, s0);
  v128.store(row, s1, 16);
  v128.store(row, s2, 32);
  v128.store(row, s3, 48);
  v128.store(row, s4, 64);
  v128.store(row, s5, 80);
  v128.store(row, s6, 96);
  v128.store(row, s7, 112);
}

/** Inserts those of a query's scores row[low, high) that are good enough into its list. `slots`: slots of the scored keys. */
function keepBest(list: usize, row: usize, low: i32, high: i32, slots: usize, begin: i32, capacity: i32, k: i32): void {
  let least = leastOfBest(list, k);
  for (let j = low & ~3; j < high; j += 4) {
    let passing = i32x4.bitmask(f32x4.ge(v128.load(row + (j << 2)), f32x4.splat(least)));
    for (; passing; passing &= passing - 1) {
      const at = j + ctz(passing), score = load<f32>(row + (at << 2));
      if (at < low || at >= high || score < least) continue;
      const slot = load<i32>(slots + (at << 2));
      insertByAge(list, k, score, slot < begin ? slot + capacity - begin : slot - begin);
      least = leastOfBest(list, k);
    }
  }
}

/** short: the queries that found fewer than `wanted` keys; their lists are emptied. Returns their number. */
function findShort(short: usize, best: usize, count: i32, k: i32, wanted: i32): i32 {
  let found = 0;
  for (let i = 0; i < count; i++, best += bestBytes(k)) {
    if (holds(best, k, wanted)) continue;
    clearByAge(best, k);
    store<i32>(short + (found++ << 2), i);
  }
  return found;
}

/** Turns numbers by age into slots of the ring. An entry that is still empty, because scores were NaN, becomes the oldest key. */
function toSlots(result: usize, count: i32, begin: i32, capacity: i32): void {
  for (let n = 0; n < count; n++) {
    const number = load<i32>(result + (n << 2));
    const slot = number < capacity ? begin + number : begin;
    store<i32>(result + (n << 2), slot < capacity ? slot : slot - capacity);
  }
}
