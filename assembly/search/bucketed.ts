/**
 * Approximate top-k as on the paper's accelerators (section 3.2): score every key, deal the keys out to L strided buckets,
 * keep the best of each bucket, and take the top k of those L winners.
 *
 * Key number j, counted from the oldest, falls into bucket j mod L, so the eight scores of a panel update eight neighbouring
 * winners without a branch. Misses happen where two of the true k share a bucket. On a CPU thresholds (topk.ts) are faster;
 * this is here as the paper's method. Equal scores: the older key wins.
 */
import { bestBytes, clearBest, copyBest, insertBest, leastOfBest } from "./best";
import { floatsAt, storedBytes } from "../base/half";
import { packPanels } from "../ops/panels";
import { multiplyRows, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "../ops/tile";
import { QUERY_BLOCK, QUERY_ROOM } from "./exact";

/** Bytes of scratch for queries of `width` floats, `buckets` buckets and `k` neighbours. */
export function bucketed_scratch_bytes(width: i32, buckets: i32, k: i32): i32 {
  const floats = QUERY_ROOM * (width + 2 * buckets) + 2 * TILE_COLUMNS * width;
  return (floats << 2) + TILE_BYTES + bestBytes(k);
}

/** As topk_exact, but approximate. `buckets`: L, a multiple of 8 and at least k. Units as topk_units counts them. */
export function topk_bucketed(
  scores: usize, slots: usize, queries: usize, keys: usize, spans: usize,
  segment: i32, heads: i32, width: i32, capacity: i32, half: bool, k: i32, buckets: i32, from: i32, to: i32, scratch: usize,
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
      load<i32>(span), load<i32>(span + 4), load<i32>(span + 8), k, buckets, scratch,
    );
  }
}

/** A block of queries of one head: lists are `listStride` floats apart, queries `queryStride`. */
function searchBlock(
  scores: usize, slots: usize, listStride: i32, queries: usize, queryStride: i32, count: i32,
  keys: usize, half: bool, width: i32, begin: i32, older: i32, newer: i32, k: i32, buckets: i32, scratch: usize,
): void {
  const panels = scratch;
  const winners = panels + ((<usize>QUERY_ROOM * width) << 2);
  const winnerSlots = winners + ((<usize>QUERY_ROOM * buckets) << 2);
  const keyPanels = winnerSlots + ((<usize>QUERY_ROOM * buckets) << 2);
  const rows = keyPanels + ((<usize>TILE_COLUMNS * width) << 2);
  const tile = rows + ((<usize>TILE_COLUMNS * width) << 2);
  const list = tile + TILE_BYTES;
  packPanels(panels, queries, count, width, queryStride, 1, TILE_ROWS);
  clearWinners(winners, winnerSlots, QUERY_ROOM * buckets);
  const total = older + newer;
  for (let j = 0; j < total; j += TILE_COLUMNS) {
    packKeys(keyPanels, keys, half, begin, older, j, min(TILE_COLUMNS, total - j), width, rows);
    for (let i = 0; i < count; i += TILE_ROWS) {
      multiplyRows(tile, TILE_COLUMNS << 2, panels + ((<usize>i * width) << 2), keyPanels, width, false, count - i);
      const at = <usize>(i * buckets + j % buckets) << 2;
      dealTile(winners + at, winnerSlots + at, buckets, tile, j, total - j);
    }
  }
  for (let i = 0; i < count; i++) {
    const to = (<usize>i * listStride) << 2, at = (<usize>i * buckets) << 2;
    bestWinners(scores + to, slots + to, winners + at, winnerSlots + at, min(buckets, total), k, list);
    toSlots(slots + to, min(k, min(buckets, total)), begin, older);
  }
}

function clearWinners(winners: usize, winnerSlots: usize, n: i32): void {
  memory.fill(winnerSlots, 0, <usize>n << 2);
  for (let i = 0; i < n; i += 4) v128.store(winners + (i << 2), f32x4.splat(-f32.MAX_VALUE));
}

/** One panel of the keys numbered [j, j + columns) by age; the ring's seam may lie between them. `rows`: room for them. */
function packKeys(
  panel: usize, keys: usize, half: bool, begin: i32, older: i32, j: i32, columns: i32, width: i32, rows: usize,
): void {
  if (j + columns <= older || j >= older) {
    const slot = j < older ? begin + j : j - older;
    const block = floatsAt(keys, <usize>slot * width, columns * width, half, rows);
    return packPanels(panel, block, columns, width, width, 1, TILE_COLUMNS);
  }
  for (let c = 0; c < columns; c++) {
    const slot = j + c < older ? begin + j + c : j + c - older;
    const key = floatsAt(keys, <usize>slot * width, width, half, rows);
    for (let d = 0; d < width; d++) {
      store<f32>(panel + ((d * TILE_COLUMNS + c) << 2), load<f32>(key + (d << 2)));
    }
  }
}

/** Lets a tile's scores of the keys from number `j` on challenge the winners of their buckets; only `valid` columns are keys. */
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

/** The k best of `count` winners, sorted; of equal scores the one in the lower bucket first. */
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
