/**
 * Exact top-k by inner product: every query against every stored key, the k best kept in falling order of score.
 *
 * Keys lie as they were stored, one after the other. Blocks of them are packed into panels on the fly (and widened, if they are
 * halves), which costs a few percent of the product. The tile of panels.ts computes the scores of a panel of queries and eight keys.
 * They are compared with each query's k-th best so far while they are in cache; only scores above it go further.
 * Among equal scores, the older key wins, so a longer memory never changes what a shorter one returned among the same keys.
 */
import { bestBytes, clearBest, copyBest, insertBest, leastOfBest } from "./best";
import { floatsAt, storedBytes } from "../base/half";
import { multiplyRows, packPanels, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "../ops/panels";
import { addProducts, madd } from "../base/simd";
import {
  blocksOf, keysOf, openBlock, QUERY_BLOCK_BYTES, queryAt, QueryBlock, scoresAt, slotsAt,
} from "./query-block";

/** Keys packed at a time; all queries of a block meet them before the next. */
const KEY_BLOCK: i32 = 256;

/** Queries that share one pass over the keys: enough that packing the keys costs little compared with the products. */
export const BLOCK_SIZE: i32 = 256;
/** The same in whole panels. */
export const BLOCK_ROOM: i32 = (BLOCK_SIZE + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;

/** Units of a lookup: blocks of queries, for each row and head. */
export function topk_units(rows: i32, segment: i32, heads: i32): i32 {
  return rows * heads * blocksOf(segment, BLOCK_SIZE);
}

/** Bytes of scratch for queries of `width` floats and `k` neighbours. */
export function topk_scratch_bytes(width: i32, k: i32): i32 {
  return <i32>(QUERY_BLOCK_BYTES + searchScratchBytes(width, k));
}

/**
 * Finds each query's k best keys of the same row and head. scores and slots (i32) are [B, T, H, k], in falling order of score;
 * with fewer than k keys the rest of a list is left alone. queries [B, T, H, D]; keys [B, H, capacity, D], floats or halves.
 * spans [B, 3] (i32): begin, older, newer. A row's older keys lie in slots [begin, begin + older), its newer ones in [0, newer).
 * Units [from, to) of topk_units are computed.
 */
export function topk_exact(
  scores: usize, slots: usize, queries: usize, keys: usize, spans: usize,
  segment: i32, heads: i32, width: i32, capacity: i32, float16: bool, k: i32, from: i32, to: i32, scratch: usize,
): void {
  const block = changetype<QueryBlock>(scratch);
  const ringBytes = storedBytes(<usize>capacity * width, float16);
  for (let unit = from; unit < to; unit++) {
    openBlock(block, unit, BLOCK_SIZE, scores, slots, queries, spans, segment, heads, width, k);
    searchBlock(block, keys + block.ring * ringBytes, float16, width, k, scratch + QUERY_BLOCK_BYTES);
  }
}

// The scratch of searchBlock: the block's queries in panels, a list and a bar for each, keys in panels, widened keys, a tile.

@inline
function listsAt(scratch: usize, width: i32): usize {
  return scratch + ((<usize>BLOCK_ROOM * width) << 2);
}

@inline
function barsAt(scratch: usize, width: i32, k: i32): usize {
  return listsAt(scratch, width) + BLOCK_SIZE * bestBytes(k);
}

@inline
function keyPanelsAt(scratch: usize, width: i32, k: i32): usize {
  return barsAt(scratch, width, k) + (BLOCK_ROOM << 2);
}

@inline
function widenedAt(scratch: usize, width: i32, k: i32): usize {
  return keyPanelsAt(scratch, width, k) + ((<usize>KEY_BLOCK * width) << 2);
}

@inline
function tileAt(scratch: usize, width: i32, k: i32): usize {
  return widenedAt(scratch, width, k) + ((<usize>KEY_BLOCK * width) << 2);
}

/** Bytes of scratch for `searchBlock`. */
export function searchScratchBytes(width: i32, k: i32): usize {
  return tileAt(0, width, k) + TILE_BYTES;
}

/** Searches for a block's queries. keys [capacity, D] is the ring of its head. `scratch`: searchScratchBytes. */
export function searchBlock(block: QueryBlock, keys: usize, float16: bool, width: i32, k: i32, scratch: usize): void {
  const panels = scratch, lists = listsAt(scratch, width), bars = barsAt(scratch, width, k);
  const keyPanels = keyPanelsAt(scratch, width, k), widened = widenedAt(scratch, width, k), tile = tileAt(scratch, width, k);
  const count = block.count, older = block.older, total = keysOf(block);
  const packs = count >= TILE_ROWS;
  if (packs) packPanels(panels, block.queries, count, width, block.queryStride, 1, TILE_ROWS);
  for (let i = 0; i < count; i++) clearBest(lists + i * bestBytes(k), k);
  for (let i = 0; i < BLOCK_ROOM; i++) store<f32>(bars + (i << 2), i < count ? -Infinity : Infinity);
  for (let j = 0; j < total;) {
    const n = min(KEY_BLOCK, j < older ? older - j : total - j);
    const slot = j < older ? block.begin + j : j - older;
    const floats = floatsAt(keys, <usize>slot * width, n * width, float16, widened);
    if (packs) {
      packPanels(keyPanels, floats, n, width, width, 1, TILE_COLUMNS);
      scanPacked(lists, bars, panels, count, keyPanels, slot, n, width, k, tile);
    } else {
      scanDirectly(lists, bars, block, floats, slot, n, width, k, tile);
    }
    j += n;
  }
  for (let i = 0; i < count; i++) copyBest(scoresAt(block, i), slotsAt(block, i), lists + i * bestBytes(k), k, min(k, total));
}

/** Scores all queries, packed, against `n` packed keys, in slots from `slot` on. */
function scanPacked(
  lists: usize, bars: usize, panels: usize, count: i32, keyPanels: usize, slot: i32, n: i32, width: i32, k: i32, tile: usize,
): void {
  const panelBytes = <usize>(TILE_COLUMNS * width) << 2;
  for (let i = 0; i < count; i += TILE_ROWS, panels += <usize>(TILE_ROWS * width) << 2) {
    for (let j = 0, keyPanel = keyPanels; j < n; j += TILE_COLUMNS, keyPanel += panelBytes) {
      multiplyRows(tile, TILE_COLUMNS << 2, panels, keyPanel, width, false, count - i);
      for (let rows = rowsAbove(tile, bars + (i << 2)); rows; rows &= rows - 1) {
        const r = ctz(rows), query = i + r;
        keepBest(lists + query * bestBytes(k), bars + (query << 2), tile + r * (TILE_COLUMNS << 2), min(TILE_COLUMNS, n - j), slot + j, k);
      }
    }
  }
}

/** The rows of eight scores that have one above their bar: a bit each. */
@inline
function rowsAbove(tile: usize, bars: usize): i32 {
  const r0 = rowAbove(tile, bars), r1 = rowAbove(tile + 32, bars + 4);
  const r2 = rowAbove(tile + 64, bars + 8), r3 = rowAbove(tile + 96, bars + 12);
  const r4 = TILE_ROWS > 4 ? rowAbove(tile + 128, bars + 16) : r0, r5 = TILE_ROWS > 4 ? rowAbove(tile + 160, bars + 20) : r0;
  if (!v128.any_true(v128.or(v128.or(v128.or(r0, r1), v128.or(r2, r3)), v128.or(r4, r5)))) return 0;
  const first = i32(v128.any_true(r0)) | i32(v128.any_true(r1)) << 1 | i32(v128.any_true(r2)) << 2 | i32(v128.any_true(r3)) << 3;
  return TILE_ROWS > 4 ? first | i32(v128.any_true(r4)) << 4 | i32(v128.any_true(r5)) << 5 : first;
}

@inline
function rowAbove(row: usize, bars: usize): v128 {
  const bar = v128.load32_splat(bars);
  return v128.or(f32x4.gt(v128.load(row), bar), f32x4.gt(v128.load(row, 16), bar));
}

/** Scores a few queries against `n` unpacked keys: packing would cost more than the products. */
function scanDirectly(
  lists: usize, bars: usize, block: QueryBlock, keys: usize, slot: i32, n: i32, width: i32, k: i32, row: usize,
): void {
  const bytes = <usize>width << 2, whole = n & ~15; // 16 keys at a time
  for (let i = 0, count = block.count; i < count; i++) {
    const query = queryAt(block, i), list = lists + i * bestBytes(k), bar = bars + (i << 2);
    let j = 0, key = keys;
    for (; j < whole; j += 16, key += bytes << 4) {
      if (j + 32 <= n) readAhead(row, key + (bytes << 4), bytes << 4);
      scoreSixteen(row, query, key, width);
      if (v128.any_true(v128.or(rowAbove(row, bar), rowAbove(row + 32, bar)))) keepBest(list, bar, row, 16, slot + j, k);
    }
    for (; j < n; j += 4, key += bytes << 2) {
      const last = min(3, n - 1 - j);
      const four = scoreFour(query, key, key + min(1, last) * bytes, key + min(2, last) * bytes, key + last * bytes, width);
      if (!v128.any_true(f32x4.gt(four, v128.load32_splat(bar)))) continue;
      v128.store(row, four);
      keepBest(list, bar, row, last + 1, slot + j, k);
    }
  }
}

/** Inserts those of a query's `n` scores that exceed the bar into its list. The keys lie in slots from `slot` on. */
function keepBest(list: usize, bar: usize, row: usize, n: i32, slot: i32, k: i32): void {
  for (let j = 0; j < n; j++) {
    const score = load<f32>(row + (j << 2));
    if (!(score > load<f32>(bar))) continue;
    insertBest(list, k, score, slot + j);
    store<f32>(bar, leastOfBest(list, k));
  }
}

/**
 * Inner products of a query with four keys, one per lane. Each sum runs over the components in order, as in a tile, so a key's
 * score is bit-identical wherever it is computed.
 */
export function scoreFour(query: usize, k0: usize, k1: usize, k2: usize, k3: usize, width: i32): v128 {
  let sum = f32x4.splat(0);
  let d = 0;
  for (; d + 4 <= width; d += 4, query += 16, k0 += 16, k1 += 16, k2 += 16, k3 += 16) {
    sum = addProducts(sum, v128.load(query), v128.load(k0), v128.load(k1), v128.load(k2), v128.load(k3));
  }
  for (; d < width; d++, query += 4, k0 += 4, k1 += 4, k2 += 4, k3 += 4) {
    sum = madd(v128.load32_splat(query), f32x4(load<f32>(k0), load<f32>(k1), load<f32>(k2), load<f32>(k3)), sum);
  }
  return sum;
}

/**
 * Writes the inner products of a query with sixteen keys, [16, width], to `scores`. Four sums of four run side by side, so that none
 * waits for another. Each is the sum of scoreFour.
 */
function scoreSixteen(scores: usize, query: usize, keys: usize, width: i32): void {
  const bytes = <usize>width << 2, fours = bytes << 2;
  let sum0 = f32x4.splat(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  const end = keys + bytes;
  for (const whole = keys + (bytes & ~15); keys < whole; keys += 16, query += 16) {
    sum0 = addFourKeys(sum0, query, keys, bytes);
    sum1 = addFourKeys(sum1, query, keys + fours, bytes);
    sum2 = addFourKeys(sum2, query, keys + 2 * fours, bytes);
    sum3 = addFourKeys(sum3, query, keys + 3 * fours, bytes);
  }
  for (; keys < end; keys += 4, query += 4) {
    const q = v128.load32_splat(query);
    sum0 = madd(q, componentOfFour(keys, bytes), sum0);
    sum1 = madd(q, componentOfFour(keys + fours, bytes), sum1);
    sum2 = madd(q, componentOfFour(keys + 2 * fours, bytes), sum2);
    sum3 = madd(q, componentOfFour(keys + 3 * fours, bytes), sum3);
  }
  v128.store(scores, sum0);
  v128.store(scores, sum1, 16);
  v128.store(scores, sum2, 32);
  v128.store(scores, sum3, 48);
}

/** Adds four components of four keys, `bytes` apart, to their inner products with the query. */
@inline
function addFourKeys(sum: v128, query: usize, key: usize, bytes: usize): v128 {
  const k0 = v128.load(key), k1 = v128.load(key + bytes), k2 = v128.load(key + 2 * bytes), k3 = v128.load(key + 3 * bytes);
  return addProducts(sum, v128.load(query), k0, k1, k2, k3);
}

/** One component of four keys, `bytes` apart. */
@inline
function componentOfFour(key: usize, bytes: usize): v128 {
  return f32x4(load<f32>(key), load<f32>(key + bytes), load<f32>(key + 2 * bytes), load<f32>(key + 3 * bytes));
}

/**
 * Reads a number of each cache line of [from, from + bytes), in order. scoreSixteen reads sixteen keys at once, which no processor
 * foresees; beyond the cache that halves its speed. `sink` gets a number that depends on all, so that no load is left out.
 */
function readAhead(sink: usize, from: usize, bytes: usize): void {
  let bits: i32 = 0;
  for (const end = from + bytes; from < end; from += 64) bits |= load<i32>(from);
  store<i32>(sink, bits);
}
