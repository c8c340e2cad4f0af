/**
 * Exact top-k by inner product: every query against every stored key, the k best kept in falling order of score.
 *
 * Keys lie as they were stored, one after the other; blocks of them are packed into panels on the fly, which costs a
 * percent or two of the product. A tile of 4 queries × 8 keys is computed just as in matmul.ts and compared
 * with each query's k-th best so far; only a tile in which some lane beats it is looked at one by one.
 * Equal scores: the older key wins, so a longer memory never changes what a shorter one returned among the same keys.
 */
import { multiplyTile, packPanels, TILE_COLUMNS, TILE_ROWS } from "./matmul";

/** Keys packed at a time: 64 keys of 64 floats are 16 KB, half of an L1 cache. */
export const KEY_BLOCK: i32 = 64;

/** Bytes of scratch for `queries` queries of `width` floats. */
export function topk_scratch_bytes(queries: i32, width: i32): i32 {
  const paddedQueries = (queries + TILE_ROWS - 1) & ~(TILE_ROWS - 1);
  return (paddedQueries * width + paddedQueries + KEY_BLOCK * width + TILE_ROWS * TILE_COLUMNS) << 2;
}

/**
 * For each query i: scores [i · stride + 0..k) and slots (i32, same places) get the k best of the keys in slots
 * [begin, begin + older) and then, newer, [0, newer). Both counts may be 0; with fewer than k keys in all, the rest of a
 * list is left alone. queries: `queryStride` floats apart; keys: [slots, width]. `listStride`: floats from list to list.
 */
export function topk_exact(
  scores: usize, slots: usize, listStride: i32, queries: usize, queryStride: i32, count: i32,
  keys: usize, width: i32, begin: i32, older: i32, newer: i32, k: i32, scratch: usize,
): void {
  const paddedQueries = (count + TILE_ROWS - 1) & ~(TILE_ROWS - 1);
  const panels = scratch;
  const thresholds = panels + ((<usize>paddedQueries * width) << 2);
  const keyPanels = thresholds + (paddedQueries << 2);
  const tile = keyPanels + ((<usize>KEY_BLOCK * width) << 2);
  packPanels(panels, queries, count, width, queryStride, 1, TILE_ROWS);
  for (let i = 0; i < paddedQueries; i++) store<f32>(thresholds + (i << 2), i < count ? -f32.MAX_VALUE : f32.MAX_VALUE);
  let seen = 0;
  for (let j = 0; j < older; j += KEY_BLOCK) {
    const block = min(KEY_BLOCK, older - j);
    scanBlock(scores, slots, listStride, panels, thresholds, count, keys, begin + j, block, width, k, seen + j, keyPanels, tile);
  }
  seen = older;
  for (let j = 0; j < newer; j += KEY_BLOCK) {
    const block = min(KEY_BLOCK, newer - j);
    scanBlock(scores, slots, listStride, panels, thresholds, count, keys, j, block, width, k, seen + j, keyPanels, tile);
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
      multiplyTile(tile, TILE_COLUMNS << 2, panels, keyPanel, width, false);
      if (!anyBeats(tile, thresholds + (i << 2))) continue;
      const rows = min(TILE_ROWS, count - i), columns = min(TILE_COLUMNS, block - j);
      for (let r = 0; r < rows; r++) {
        const list = (<usize>(i + r) * listStride) << 2;
        const row = tile + ((r * TILE_COLUMNS) << 2);
        insertRow(scores + list, slots + list, thresholds + ((i + r) << 2), row, columns, slot + j, k, seen + j);
      }
    }
  }
}

/** Whether any of a tile's 4 × 8 scores exceeds its query's threshold. */
function anyBeats(tile: usize, thresholds: usize): bool {
  const beats01 = v128.or(rowBeats(tile, v128.load32_splat(thresholds)), rowBeats(tile + 32, v128.load32_splat(thresholds, 4)));
  const beats23 = v128.or(rowBeats(tile + 64, v128.load32_splat(thresholds, 8)), rowBeats(tile + 96, v128.load32_splat(thresholds, 12)));
  return v128.any_true(v128.or(beats01, beats23));
}

@inline
function rowBeats(row: usize, threshold: v128): v128 {
  return v128.or(f32x4.gt(v128.load(row), threshold), f32x4.gt(v128.load(row, 16), threshold));
}

/** Inserts those of a query's `columns` new scores that belong into its list, and raises its threshold once it is full. */
function insertRow(
  scores: usize, slots: usize, threshold: usize, row: usize, columns: i32, slot: i32, k: i32, seen: i32,
): void {
  let least = load<f32>(threshold);
  for (let j = 0; j < columns; j++) {
    const score = load<f32>(row + (j << 2));
    if (seen + j >= k && !(score > least)) continue;
    insertSorted(scores, slots, score, slot + j, min(seen + j, k - 1));
    if (seen + j >= k - 1) least = load<f32>(scores + ((k - 1) << 2));
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
