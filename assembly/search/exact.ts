/**
 * Exact top-k by inner product: every query against every stored key, the k best kept in falling order of score.
 *
 * Keys lie as they were stored, one after the other. Blocks of them are packed into panels on the fly (and widened, if they are
 * halves), which costs a few percent of the product. The tile of matmul.ts computes the scores of a panel of queries and eight keys.
 * They are compared with each query's k-th best so far while they are in cache; only scores above it go further.
 * Among equal scores, the older key wins, so a longer memory never changes what a shorter one returned among the same keys.
 */
import {
  bestBytes, blocksOf, clearBest, copyBest, insertBest, keysOf, leastOfBest, openBlock, QUERY_BLOCK_BYTES, QueryBlock,
  queryAt, scoresAt, slotsAt,
} from "./lookup";
import { floatsAt, storedBytes } from "../base/storage";
import { multiplyRows, packPanels, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "../ops/matmul";
import { addProducts, dot, madd } from "../base/simd";

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
      scanDirectly(lists, bars, block, floats, slot, n, width, k, tile, keyPanels);
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

/**
 * Scores a few queries against `n` unpacked keys: packing would cost more than the products. First comes a sum that is fast and off by
 * rounding; keys that may exceed the bar all the same wait until there are eight, and are scored as everywhere.
 * `room`: 16 numbers; `sums`: eight vectors.
 */
function scanDirectly(
  lists: usize, bars: usize, block: QueryBlock, keys: usize, slot: i32, n: i32, width: i32, k: i32, room: usize, sums: usize,
): void {
  const bytes = <usize>width << 2, waiting = room + 32;
  for (let i = 0, count = block.count; i < count; i++) {
    const query = queryAt(block, i), list = lists + i * bestBytes(k), bar = bars + (i << 2), slack = slackOf(query, width);
    let waits = 0;
    for (let j = 0; j < n; j += 8) {
      let reaching = n - j < 8 ? (1 << (n - j)) - 1 : 255;
      const key = keys + <usize>j * bytes;
      if (reaching == 255 && !(width & 3)) reaching = reachingKeys(query, key, width, slack, load<f32>(bar), sums);
      for (; reaching; reaching &= reaching - 1) {
        store<i32>(waiting + (waits++ << 2), j + ctz(reaching));
        if (waits < 8) continue;
        keepWaiting(list, bar, query, keys, waiting, waits, slot, width, k, room);
        waits = 0;
      }
    }
    if (waits) keepWaiting(list, bar, query, keys, waiting, waits, slot, width, k, room);
  }
}

/** Scores the `count` keys whose places wait, and inserts those above the bar. If fewer than eight wait, the last is scored again. */
function keepWaiting(
  list: usize, bar: usize, query: usize, keys: usize, waiting: usize, count: i32, slot: i32, width: i32, k: i32, scores: usize,
): void {
  for (let i = count; i < 8; i++) store<i32>(waiting + (i << 2), load<i32>(waiting + ((count - 1) << 2)));
  scoreEight(
    scores, query, keyWaiting(keys, waiting, width), keyWaiting(keys, waiting + 4, width), keyWaiting(keys, waiting + 8, width),
    keyWaiting(keys, waiting + 12, width), keyWaiting(keys, waiting + 16, width), keyWaiting(keys, waiting + 20, width),
    keyWaiting(keys, waiting + 24, width), keyWaiting(keys, waiting + 28, width), width,
  );
  for (let i = 0; i < count; i++) keepBest(list, bar, scores + (i << 2), 1, slot + load<i32>(waiting + (i << 2)), k);
}

@inline
function keyWaiting(keys: usize, place: usize, width: i32): usize {
  return keys + ((<usize>load<i32>(place) * width) << 2);
}

/** Half the distance from 1 to the next float: the most that a sum or a product is off, as a share of it. */
const UNIT_ROUNDOFF: f32 = 5.9604645e-8;
/** More than sums of denormal products are off. */
const LEAST_MARGIN: f32 = 1e-37;

/**
 * How far apart two sums of a query's products with a key may be, in different orders, for components of at most 1. Each is off by
 * at most n·u·Σ|q·k| ≤ n·u·‖q‖·√n, for n components and a unit roundoff u; a little more covers all rounding of the bound itself.
 */
function slackOf(query: usize, width: i32): f32 {
  return 2 * <f32>(width + 8) * UNIT_ROUNDOFF * sqrt<f32>(dot(query, query, width) * <f32>width);
}

/**
 * Those of eight keys, [8, width], whose score may exceed `bar`: a bit each. Keys are read two at a time: a processor cannot prefetch more of
 * them side by side, and beyond the cache that halves the speed. The bits of all components, ORed, make a number no smaller than the largest
 * of them. A NaN reaches every bar. `sums`: eight vectors.
 */
function reachingKeys(query: usize, key: usize, width: i32, slack: f32, bar: f32, sums: usize): i32 {
  const bytes = <usize>width << 2;
  let bits = i32x4.splat(0);
  for (let to = sums; to < sums + 128; to += 32, key += bytes) {
    let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
    let at = query;
    for (const end = key + (bytes & ~31); key < end; key += 32, at += 32) {
      const q0 = v128.load(at), q1 = v128.load(at, 16), k0 = v128.load(key), k1 = v128.load(key, 16);
      const l0 = v128.load(key + bytes), l1 = v128.load(key + bytes, 16);
      a0 = madd(q0, k0, a0);
      a1 = madd(q1, k1, a1);
      b0 = madd(q0, l0, b0);
      b1 = madd(q1, l1, b1);
      bits = v128.or(bits, v128.or(v128.or(k0, k1), v128.or(l0, l1)));
    }
    if (width & 4) {
      const q = v128.load(at), k = v128.load(key), l = v128.load(key + bytes);
      a0 = madd(q, k, a0);
      b0 = madd(q, l, b0);
      bits = v128.or(bits, v128.or(k, l));
      key += 16;
    }
    v128.store(to, f32x4.add(a0, a1));
    v128.store(to, f32x4.add(b0, b1), 16);
  }
  bits = v128.or(bits, v128.shuffle<f32>(bits, bits, 2, 3, 0, 1));
  bits = f32x4.abs(v128.or(bits, v128.shuffle<f32>(bits, bits, 1, 0, 3, 2)));
  const margin = f32x4.add(f32x4.mul(bits, f32x4.splat(slack)), f32x4.splat(LEAST_MARGIN)), bars = f32x4.splat(bar);
  const below0 = f32x4.le(f32x4.add(sumsOfFour(sums), margin), bars);
  const below4 = f32x4.le(f32x4.add(sumsOfFour(sums + 64), margin), bars);
  return 255 ^ (i32x4.bitmask(below0) | i32x4.bitmask(below4) << 4);
}

/** The sum of the lanes of each of four vectors. */
@inline
function sumsOfFour(at: usize): v128 {
  const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32), d = v128.load(at, 48);
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f64>(ab, cd, 0, 2), v128.shuffle<f64>(ab, cd, 1, 3));
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
 * Writes the inner products of a query with eight keys to `scores`. Two groups of four are summed side by side, so that neither waits
 * for the other. Each is the sum of scoreFour.
 */
export function scoreEight(
  scores: usize, query: usize, k0: usize, k1: usize, k2: usize, k3: usize, k4: usize, k5: usize, k6: usize, k7: usize, width: i32,
): void {
  let sum0 = f32x4.splat(0), sum4 = sum0;
  let at: usize = 0;
  for (const end = <usize>(width & ~3) << 2; at < end; at += 16) {
    const q = v128.load(query + at);
    sum0 = addProducts(sum0, q, v128.load(k0 + at), v128.load(k1 + at), v128.load(k2 + at), v128.load(k3 + at));
    sum4 = addProducts(sum4, q, v128.load(k4 + at), v128.load(k5 + at), v128.load(k6 + at), v128.load(k7 + at));
  }
  for (const end = <usize>width << 2; at < end; at += 4) {
    const q = v128.load32_splat(query + at);
    sum0 = madd(q, f32x4(load<f32>(k0 + at), load<f32>(k1 + at), load<f32>(k2 + at), load<f32>(k3 + at)), sum0);
    sum4 = madd(q, f32x4(load<f32>(k4 + at), load<f32>(k5 + at), load<f32>(k6 + at), load<f32>(k7 + at)), sum4);
  }
  v128.store(scores, sum0);
  v128.store(scores, sum4, 16);
}
