/**
 * Exact top-k by inner product: every query against every stored key, the k best kept in falling order of score.
 *
 * Keys lie as they were stored, one after the other; blocks of them are packed into panels on the fly, which costs a
 * percent or two of the product. A tile of 4 queries × 8 keys is computed just as in matmul.ts and compared
 * with each query's k-th best so far; only a tile in which some lane beats it is looked at one by one.
 * Equal scores: the older key wins, so a longer memory never changes what a shorter one returned among the same keys.
 */
import { packPanels, scoreTile, TILE_COLUMNS, TILE_ROWS } from "./matmul";
import { madd } from "./simd";

/** Keys packed at a time: 64 keys of 64 floats are 16 KB, half of an L1 cache. */
const KEY_BLOCK: i32 = 64;

/** Queries that share one pass over the keys: enough that packing the keys costs little beside the products. */
export const QUERY_BLOCK: i32 = 256;

/** Units of a lookup: blocks of queries, for each row and head. */
export function topk_units(rows: i32, segment: i32, heads: i32): i32 {
  return rows * heads * ((segment + QUERY_BLOCK - 1) / QUERY_BLOCK);
}

/** Bytes of scratch for queries of `width` floats. */
export function topk_scratch_bytes(width: i32): i32 {
  return (QUERY_BLOCK * (width + 1) + KEY_BLOCK * width + TILE_ROWS * TILE_COLUMNS) << 2;
}

/**
 * For each query of [B, T, H] its k best keys of the same row and head: scores and slots (i32), both [B, T, H, k], in falling
 * order; with fewer than k keys the rest of a list is left alone. queries [B, T, H, D]; keys [B, H, capacity, D]; spans
 * [B, 3] (i32): begin, older, newer, which says that a row's keys lie in slots [begin, begin + older) and then, newer, in
 * [0, newer). Units [from, to) of topk_units are computed.
 */
export function topk_exact(
  scores: usize, slots: usize, queries: usize, keys: usize, spans: usize,
  segment: i32, heads: i32, width: i32, capacity: i32, k: i32, from: i32, to: i32, scratch: usize,
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
      keys + ((<usize>(row * heads + head) * capacity * width) << 2), width,
      load<i32>(span), load<i32>(span + 4), load<i32>(span + 8), k, scratch,
    );
  }
}

/** A block of queries of one head: lists are `listStride` floats apart, queries `queryStride`. */
export function searchBlock(
  scores: usize, slots: usize, listStride: i32, queries: usize, queryStride: i32, count: i32,
  keys: usize, width: i32, begin: i32, older: i32, newer: i32, k: i32, scratch: usize,
): void {
  if (count < TILE_ROWS) {
    for (let i = 0; i < count; i++) {
      const list = (<usize>i * listStride) << 2, query = queries + ((<usize>i * queryStride) << 2);
      scanOnce(scores + list, slots + list, query, keys, width, begin, older, k, 0, scratch);
      scanOnce(scores + list, slots + list, query, keys, width, 0, newer, k, older, scratch);
    }
    return;
  }
  const panels = scratch;
  const thresholds = panels + ((<usize>QUERY_BLOCK * width) << 2);
  const keyPanels = thresholds + (QUERY_BLOCK << 2);
  const tile = keyPanels + ((<usize>KEY_BLOCK * width) << 2);
  packPanels(panels, queries, count, width, queryStride, 1, TILE_ROWS);
  for (let i = 0; i < QUERY_BLOCK; i++) store<f32>(thresholds + (i << 2), i < count ? -f32.MAX_VALUE : f32.MAX_VALUE);
  for (let j = 0; j < older; j += KEY_BLOCK) {
    const block = min(KEY_BLOCK, older - j);
    scanBlock(scores, slots, listStride, panels, thresholds, count, keys, begin + j, block, width, k, j, keyPanels, tile);
  }
  for (let j = 0; j < newer; j += KEY_BLOCK) {
    const block = min(KEY_BLOCK, newer - j);
    scanBlock(scores, slots, listStride, panels, thresholds, count, keys, j, block, width, k, older + j, keyPanels, tile);
  }
}

/** All queries against keys [slot, slot + block). `seen`: keys scanned before these, over all blocks. */
function scanBlock(
  scores: usize, slots: usize, listStride: i32, panels: usize, thresholds: usize, count: i32,
  keys: usize, slot: i32, block: i32, width: i32, k: i32, seen: i32, keyPanels: usize, tile: usize,
): void {
  packPanels(keyPanels, keys + ((<usize>slot * width) << 2), block, width, width, 1, TILE_COLUMNS);
  const panelBytes = <usize>(TILE_COLUMNS * width) << 2;
  for (let i = 0; i < count; i += TILE_ROWS, panels += <usize>(TILE_ROWS * width) << 2) {
    for (let j = 0, keyPanel = keyPanels; j < block; j += TILE_COLUMNS, keyPanel += panelBytes) {
      if (!scoreTile(tile, panels, keyPanel, width, thresholds + (i << 2))) continue;
      const rows = min(TILE_ROWS, count - i), columns = min(TILE_COLUMNS, block - j);
      for (let r = 0; r < rows; r++) {
        const list = (<usize>(i + r) * listStride) << 2;
        const row = tile + ((r * TILE_COLUMNS) << 2);
        insertRow(scores + list, slots + list, thresholds + ((i + r) << 2), row, columns, slot + j, k, seen + j);
      }
    }
  }
}

/** One query against `count` keys from `slot` on: keys are read straight from the ring, since packing would cost more. */
function scanOnce(
  scores: usize, slots: usize, query: usize, keys: usize, width: i32, slot: i32, count: i32, k: i32, seen: i32, tile: usize,
): void {
  const rowBytes = <usize>width << 2;
  let key = keys + <usize>slot * rowBytes;
  const threshold = tile + 32;
  store<f32>(threshold, seen >= k ? load<f32>(scores + ((k - 1) << 2)) : -f32.MAX_VALUE);
  const nothing = f32x4.splat(-Infinity);
  for (let j = 0; j < count; j += 4, key += rowBytes << 2) {
    const last = min(3, count - 1 - j);
    const four = scoreFour(query, key, key + min(1, last) * rowBytes, key + min(2, last) * rowBytes, key + last * rowBytes, width);
    if (!v128.any_true(f32x4.gt(four, v128.load32_splat(threshold)))) continue;
    v128.store(tile, four);
    v128.store(tile, nothing, 16);
    insertRow(scores, slots, threshold, tile, last + 1, slot + j, k, seen + j);
  }
}

/** Inserts those of a query's new scores that beat its threshold into its list, and raises the threshold once that is full. */
function insertRow(
  scores: usize, slots: usize, threshold: usize, row: usize, columns: i32, slot: i32, k: i32, seen: i32,
): void {
  let least = load<f32>(threshold);
  for (let half = 0; half < TILE_COLUMNS; half += 4) {
    let beating = i32x4.bitmask(f32x4.gt(v128.load(row + (half << 2)), f32x4.splat(least)));
    for (; beating; beating &= beating - 1) {
      const j = half + ctz(beating);
      if (j >= columns) break;
      const score = load<f32>(row + (j << 2));
      if (!(score > least)) continue; // raised by a neighbour
      insertSorted(scores, slots, score, slot + j, min(seen + j, k - 1));
      if (seen + j >= k - 1) least = load<f32>(scores + ((k - 1) << 2));
    }
  }
  store<f32>(threshold, least);
}

/** Shifts smaller scores down from position `last` and puts (score, slot) behind all that are at least as large. */
export function insertSorted(scores: usize, slots: usize, score: f32, slot: i32, last: i32): void {
  let at = last;
  while (at > 0 && load<f32>(scores + ((at - 1) << 2)) < score) {
    store<f32>(scores + (at << 2), load<f32>(scores + ((at - 1) << 2)));
    store<i32>(slots + (at << 2), load<i32>(slots + ((at - 1) << 2)));
    at--;
  }
  store<f32>(scores + (at << 2), score);
  store<i32>(slots + (at << 2), slot);
}

/**
 * Inner products of a query with four keys, one a lane. Each sum runs over the components in order, as in a tile, so a key
 * has the same score to the bit wherever it is computed.
 */
export function scoreFour(query: usize, k0: usize, k1: usize, k2: usize, k3: usize, width: i32): v128 {
  let sum = f32x4.splat(0);
  let d = 0;
  for (; d + 4 <= width; d += 4, query += 16, k0 += 16, k1 += 16, k2 += 16, k3 += 16) {
    const r0 = v128.load(k0), r1 = v128.load(k1), r2 = v128.load(k2), r3 = v128.load(k3);
    const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7), high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    sum = madd(v128.load32_splat(query), v128.shuffle<f64>(low01, low23, 0, 2), sum);
    sum = madd(v128.load32_splat(query, 4), v128.shuffle<f64>(low01, low23, 1, 3), sum);
    sum = madd(v128.load32_splat(query, 8), v128.shuffle<f64>(high01, high23, 0, 2), sum);
    sum = madd(v128.load32_splat(query, 12), v128.shuffle<f64>(high01, high23, 1, 3), sum);
  }
  for (; d < width; d++, query += 4, k0 += 4, k1 += 4, k2 += 4, k3 += 4) {
    sum = madd(v128.load32_splat(query), f32x4(load<f32>(k0), load<f32>(k1), load<f32>(k2), load<f32>(k3)), sum);
  }
  return sum;
}
