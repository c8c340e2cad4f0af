/**
 * Approximate top-k as on the paper's accelerators (section 3.2): score every key, deal the keys out to L strided buckets,
 * keep the best of each bucket, and take the top k of those L winners.
 *
 * Key number j, counted from the oldest, falls into bucket j mod L, so the eight scores of a panel update eight neighbouring
 * winners without a branch. A key is missed when two of the true k share a bucket. On a CPU, thresholds (exact.ts) are faster;
 * this search is here as the paper's method. Among equal scores, the older key wins.
 */
import {
  bestBytes, clearBest, copyBest, insertBest, keysOf, leastOfBest, openBlock, QUERY_BLOCK_BYTES, QueryBlock, scoresAt,
  slotsAt,
} from "./lookup";
import { floatsAt, storedBytes } from "../base/storage";
import { multiplyRows, packPanels, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "../ops/matmul";
import { BLOCK_ROOM, BLOCK_SIZE } from "./exact";

// Scratch: a query block, its queries in panels, a winner and its slot for each query and bucket, keys in a panel, room for
// widened keys, a tile, a list.

@inline
function panelsAt(scratch: usize): usize {
  return scratch + QUERY_BLOCK_BYTES;
}

@inline
function winnersAt(scratch: usize, width: i32): usize {
  return panelsAt(scratch) + ((<usize>BLOCK_ROOM * width) << 2);
}

@inline
function winnerSlotsAt(scratch: usize, width: i32, buckets: i32): usize {
  return winnersAt(scratch, width) + ((<usize>BLOCK_ROOM * buckets) << 2);
}

@inline
function keyPanelAt(scratch: usize, width: i32, buckets: i32): usize {
  return winnerSlotsAt(scratch, width, buckets) + ((<usize>BLOCK_ROOM * buckets) << 2);
}

@inline
function widenedAt(scratch: usize, width: i32, buckets: i32): usize {
  return keyPanelAt(scratch, width, buckets) + ((<usize>TILE_COLUMNS * width) << 2);
}

@inline
function tileAt(scratch: usize, width: i32, buckets: i32): usize {
  return widenedAt(scratch, width, buckets) + ((<usize>TILE_COLUMNS * width) << 2);
}

@inline
function listAt(scratch: usize, width: i32, buckets: i32): usize {
  return tileAt(scratch, width, buckets) + TILE_BYTES;
}

/** Bytes of scratch for queries of `width` floats, `buckets` buckets and `k` neighbours. */
export function bucketed_scratch_bytes(width: i32, buckets: i32, k: i32): f64 {
  return <f64>listAt(0, width, 0) + 8.0 * BLOCK_ROOM * buckets + bestBytes(k); // beyond 4 GiB too
}

/** Like topk_exact, but approximate. `buckets`: L, a multiple of 8 and at least k. Units are those of topk_units. */
export function topk_bucketed(
  scores: usize, slots: usize, queries: usize, keys: usize, spans: usize,
  segment: i32, heads: i32, width: i32, capacity: i32, float16: bool, k: i32, buckets: i32, from: i32, to: i32, scratch: usize,
): void {
  const block = changetype<QueryBlock>(scratch);
  const ringBytes = storedBytes(<usize>capacity * width, float16);
  for (let unit = from; unit < to; unit++) {
    openBlock(block, unit, BLOCK_SIZE, scores, slots, queries, spans, segment, heads, width, k);
    searchBuckets(block, keys + block.ring * ringBytes, float16, width, k, buckets, scratch);
  }
}

/** Searches for a block's queries. keys [capacity, D] is the ring of its head. */
function searchBuckets(block: QueryBlock, keys: usize, float16: bool, width: i32, k: i32, buckets: i32, scratch: usize): void {
  const panels = panelsAt(scratch), keyPanel = keyPanelAt(scratch, width, buckets);
  const winners = winnersAt(scratch, width), winnerSlots = winnerSlotsAt(scratch, width, buckets);
  const widened = widenedAt(scratch, width, buckets), tile = tileAt(scratch, width, buckets);
  const count = block.count, older = block.older, total = keysOf(block), filled = min(buckets, total);
  packPanels(panels, block.queries, count, width, block.queryStride, 1, TILE_ROWS);
  clearWinners(winners, winnerSlots, BLOCK_ROOM * buckets);
  for (let j = 0; j < total; j += TILE_COLUMNS) {
    packKeys(keyPanel, keys, float16, block.begin, older, j, min(TILE_COLUMNS, total - j), width, widened);
    for (let i = 0; i < count; i += TILE_ROWS) {
      multiplyRows(tile, TILE_COLUMNS << 2, panels + ((<usize>i * width) << 2), keyPanel, width, false, count - i);
      const at = <usize>(i * buckets + j % buckets) << 2;
      dealTile(winners + at, winnerSlots + at, buckets, tile, j, total - j);
    }
  }
  for (let i = 0; i < count; i++) {
    const at = (<usize>i * buckets) << 2, list = listAt(scratch, width, buckets);
    bestWinners(scoresAt(block, i), slotsAt(block, i), winners + at, winnerSlots + at, filled, k, list);
    toSlots(slotsAt(block, i), min(k, filled), block.begin, older);
  }
}

function clearWinners(winners: usize, winnerSlots: usize, n: i32): void {
  memory.fill(winnerSlots, 0, <usize>n << 2);
  for (let i = 0; i < n; i += 4) v128.store(winners + (i << 2), f32x4.splat(-f32.MAX_VALUE));
}

/** Packs the keys numbered [j, j + columns) by age into one panel; the ring may wrap between them. `rows`: room for the keys. */
function packKeys(
  panel: usize, keys: usize, float16: bool, begin: i32, older: i32, j: i32, columns: i32, width: i32, rows: usize,
): void {
  if (j + columns <= older || j >= older) {
    const slot = j < older ? begin + j : j - older;
    const block = floatsAt(keys, <usize>slot * width, columns * width, float16, rows);
    return packPanels(panel, block, columns, width, width, 1, TILE_COLUMNS);
  }
  for (let c = 0; c < columns; c++) {
    const slot = j + c < older ? begin + j + c : j + c - older;
    const key = floatsAt(keys, <usize>slot * width, width, float16, rows);
    for (let d = 0; d < width; d++) {
      store<f32>(panel + ((d * TILE_COLUMNS + c) << 2), load<f32>(key + (d << 2)));
    }
  }
}

/** Compares a tile's scores, of keys from number `j` on, with the winners of their buckets. Only `valid` columns are keys. */
function dealTile(winners: usize, winnerSlots: usize, buckets: i32, tile: usize, j: i32, valid: i32): void {
  const numbers0 = i32x4.add(i32x4.splat(j), i32x4(0, 1, 2, 3));
  const numbers1 = i32x4.add(i32x4.splat(j), i32x4(4, 5, 6, 7));
  const isKey0 = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(valid));
  const isKey1 = i32x4.lt_s(i32x4(4, 5, 6, 7), i32x4.splat(valid));
  for (let r = 0; r < TILE_ROWS; r++, tile += TILE_COLUMNS << 2) {
    challenge(winners, winnerSlots, v128.load(tile), numbers0, isKey0);
    challenge(winners + 16, winnerSlots + 16, v128.load(tile, 16), numbers1, isKey1);
    winners += buckets << 2;
    winnerSlots += buckets << 2;
  }
}

@inline
function challenge(winners: usize, winnerSlots: usize, score: v128, number: v128, isKey: v128): void {
  const best = v128.load(winners);
  const wins = v128.and(f32x4.gt(score, best), isKey);
  v128.store(winners, v128.bitselect(score, best, wins));
  v128.store(winnerSlots, v128.bitselect(number, v128.load(winnerSlots), wins));
}

/** Finds the k best of `count` winners, sorted; among equal scores the lower bucket comes first. */
function bestWinners(scores: usize, numbers: usize, winners: usize, winnerSlots: usize, count: i32, k: i32, list: usize): void {
  clearBest(list, k);
  for (let bucket = 0; bucket < count; bucket++) {
    const score = load<f32>(winners + (bucket << 2));
    if (score > leastOfBest(list, k)) insertBest(list, k, score, load<i32>(winnerSlots + (bucket << 2)));
  }
  copyBest(scores, numbers, list, k, min(k, count));
}

/** Turns numbers by age into slots of the ring. */
function toSlots(list: usize, count: i32, begin: i32, older: i32): void {
  for (let n = 0; n < count; n++) {
    const number = load<i32>(list + (n << 2));
    store<i32>(list + (n << 2), number < older ? begin + number : number - older);
  }
}
