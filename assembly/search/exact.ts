/**
 * Exact top-k by inner product: every query against every stored key, the k best kept in falling order of score.
 *
 * Keys lie as they were stored, one after the other; blocks of them are packed into panels on the fly (and widened, if
 * they are halves), which costs a few percent of the product. The scores of a panel of queries and eight keys come from the tile
 * of tile.ts and are compared with each query's k-th best so far while they are at hand; only what is above goes further.
 * Equal scores: the older key wins, so a longer memory never changes what a shorter one returned among the same keys.
 */
import { bestBytes, clearBest, copyBest, insertBest, leastOfBest } from "./best";
import { floatsAt, storedBytes } from "../base/half";
import { packPanels } from "../ops/panels";
import { multiplyRows, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "../ops/tile";
import { addProducts, madd } from "../base/simd";

/** Keys packed at a time; all queries of a block meet them before the next. */
const KEY_BLOCK: i32 = 256;

/** Queries that share one pass over the keys: enough that packing the keys costs little beside the products. */
export const QUERY_BLOCK: i32 = 256;
/** The same in whole panels. */
export const QUERY_ROOM: i32 = (QUERY_BLOCK + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;

/** Units of a lookup: blocks of queries, for each row and head. */
export function topk_units(rows: i32, segment: i32, heads: i32): i32 {
  return rows * heads * ((segment + QUERY_BLOCK - 1) / QUERY_BLOCK);
}

/** Bytes of scratch for queries of `width` floats and `k` neighbours. */
export function topk_scratch_bytes(width: i32, k: i32): i32 {
  const floats = QUERY_ROOM * (width + 1) + KEY_BLOCK * 2 * width;
  return (floats << 2) + QUERY_BLOCK * bestBytes(k) + TILE_BYTES;
}

/**
 * For each query of [B, T, H] its k best keys of the same row and head: scores and slots (i32), both [B, T, H, k], in falling
 * order; with fewer than k keys the rest of a list is left alone. queries [B, T, H, D]; keys [B, H, capacity, D], floats or
 * halves; spans [B, 3] (i32): begin, older, newer, which says that a row's keys lie in slots [begin, begin + older) and
 * then, newer, in [0, newer). Units [from, to) of topk_units are computed.
 */
export function topk_exact(
  scores: usize, slots: usize, queries: usize, keys: usize, spans: usize,
  segment: i32, heads: i32, width: i32, capacity: i32, half: bool, k: i32, from: i32, to: i32, scratch: usize,
): void {
  const blocks = (segment + QUERY_BLOCK - 1) / QUERY_BLOCK;
  for (let unit = from; unit < to; unit++) {
    const head = unit / blocks % heads, row = unit / blocks / heads;
    const first = unit % blocks * QUERY_BLOCK;
    const query = (<usize>row * segment + first) * heads + head;
    const span = spans + row * 12;
    searchBlock(
      scores + ((query * k) << 2), slots + ((query * k) << 2), heads * k,
      queries + ((query * width) << 2), heads * width, min(QUERY_BLOCK, segment - first),
      keys + storedBytes(<usize>(row * heads + head) * capacity * width, half), half, width,
      load<i32>(span), load<i32>(span + 4), load<i32>(span + 8), k, scratch,
    );
  }
}

/** A block of queries of one head: lists are `listStride` floats apart, queries `queryStride`. */
export function searchBlock(
  scores: usize, slots: usize, listStride: i32, queries: usize, queryStride: i32, count: i32,
  keys: usize, half: bool, width: i32, begin: i32, older: i32, newer: i32, k: i32, scratch: usize,
): void {
  const panels = scratch;
  const lists = panels + ((<usize>QUERY_ROOM * width) << 2);
  const bars = lists + QUERY_BLOCK * bestBytes(k);
  const keyPanels = bars + (QUERY_ROOM << 2);
  const widened = keyPanels + ((<usize>KEY_BLOCK * width) << 2);
  const tile = widened + ((<usize>KEY_BLOCK * width) << 2);
  const packs = count >= TILE_ROWS, total = older + newer;
  if (packs) packPanels(panels, queries, count, width, queryStride, 1, TILE_ROWS);
  for (let i = 0; i < count; i++) clearBest(lists + i * bestBytes(k), k);
  for (let i = 0; i < QUERY_ROOM; i++) store<f32>(bars + (i << 2), i < count ? -Infinity : Infinity);
  for (let j = 0; j < total;) {
    const block = min(KEY_BLOCK, j < older ? older - j : total - j);
    const slot = j < older ? begin + j : j - older;
    const from = floatsAt(keys, <usize>slot * width, block * width, half, widened);
    if (packs) {
      packPanels(keyPanels, from, block, width, width, 1, TILE_COLUMNS);
      scanPacked(lists, bars, panels, count, keyPanels, slot, block, width, k, tile);
    } else {
      scanDirectly(lists, bars, queries, queryStride, count, from, slot, block, width, k, tile);
    }
    j += block;
  }
  for (let i = 0; i < count; i++) {
    const to = (<usize>i * listStride) << 2;
    copyBest(scores + to, slots + to, lists + i * bestBytes(k), k, min(k, total));
  }
}

/** All queries, packed, against a packed block of keys. */
function scanPacked(
  lists: usize, bars: usize, panels: usize, count: i32, keyPanels: usize, slot: i32, block: i32, width: i32, k: i32, tile: usize,
): void {
  const panelBytes = <usize>(TILE_COLUMNS * width) << 2;
  for (let i = 0; i < count; i += TILE_ROWS, panels += <usize>(TILE_ROWS * width) << 2) {
    for (let j = 0, keyPanel = keyPanels; j < block; j += TILE_COLUMNS, keyPanel += panelBytes) {
      multiplyRows(tile, TILE_COLUMNS << 2, panels, keyPanel, width, false, count - i);
      for (let rows = rowsAbove(tile, bars + (i << 2)); rows; rows &= rows - 1) {
        const r = ctz(rows), query = i + r;
        keepBest(lists + query * bestBytes(k), bars + (query << 2), tile + r * (TILE_COLUMNS << 2), min(TILE_COLUMNS, block - j), slot + j, k);
      }
    }
  }
}

/** Which rows of eight scores have one above their bar: a bit each. */
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

/** Few queries against a block of keys where they lie, since packing would cost more than the products. */
function scanDirectly(
  lists: usize, bars: usize, queries: usize, queryStride: i32, count: i32,
  keys: usize, slot: i32, block: i32, width: i32, k: i32, row: usize,
): void {
  const bytes = <usize>width << 2;
  for (let i = 0; i < count; i++) {
    const query = queries + ((<usize>i * queryStride) << 2), bar = bars + (i << 2);
    for (let j = 0, key = keys; j < block; j += 4, key += bytes << 2) {
      const last = min(3, block - 1 - j);
      const four = scoreFour(query, key, key + min(1, last) * bytes, key + min(2, last) * bytes, key + last * bytes, width);
      if (!v128.any_true(f32x4.gt(four, v128.load32_splat(bar)))) continue;
      v128.store(row, four);
      keepBest(lists + i * bestBytes(k), bar, row, last + 1, slot + j, k);
    }
  }
}

/** Takes what is above the bar among a query's scores of `n` keys, in slots from `slot` on, into its list. */
function keepBest(list: usize, bar: usize, row: usize, n: i32, slot: i32, k: i32): void {
  for (let j = 0; j < n; j++) {
    const score = load<f32>(row + (j << 2));
    if (!(score > load<f32>(bar))) continue;
    insertBest(list, k, score, slot + j);
    store<f32>(bar, leastOfBest(list, k));
  }
}

/**
 * Inner products of a query with four keys, one a lane. Each sum runs over the components in order, as in a tile, so a key
 * has the same score to the bit wherever it is computed.
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
