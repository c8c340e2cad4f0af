/**
 * Exact top-k by inner product: every query against every stored key, the k best kept in falling order of score.
 *
 * Keys lie as they were stored, one after the other; blocks of them are packed into panels on the fly (and widened, if
 * they are halves), which costs a percent or two of the product. The scores of four queries and one block are computed with
 * the tile of matmul.ts and then filtered, row by row: only what beats a query's k-th best so far is looked at one by one.
 * The first block has nothing to beat yet; there the k-th largest of 64 group maxima, which k keys are sure to reach, serves
 * instead.
 * Equal scores: the older key wins, so a longer memory never changes what a shorter one returned among the same keys.
 */
import { floatsAt, storedBytes } from "./half";
import { multiplyTile, packPanels, TILE_COLUMNS, TILE_ROWS } from "./matmul";
import { madd } from "./simd";

/** Keys packed at a time, whose scores for four queries then stay in L1: 4 KB. */
const KEY_BLOCK: i32 = 256;
/** Groups of a block whose maxima seed the threshold: four lanes each of 16 vectors. */
const SEED_VECTORS: i32 = 16;
const SEED_GROUPS: i32 = SEED_VECTORS * 4;

/** Queries that share one pass over the keys: enough that packing the keys costs little beside the products. */
export const QUERY_BLOCK: i32 = 256;

/** Units of a lookup: blocks of queries, for each row and head. */
export function topk_units(rows: i32, segment: i32, heads: i32): i32 {
  return rows * heads * ((segment + QUERY_BLOCK - 1) / QUERY_BLOCK);
}

/** Bytes of scratch for queries of `width` floats. */
export function topk_scratch_bytes(width: i32): i32 {
  return (QUERY_BLOCK * (width + 2) + KEY_BLOCK * (2 * width + TILE_ROWS) + SEED_GROUPS) << 2;
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
  const states = panels + ((<usize>QUERY_BLOCK * width) << 2);
  const keyPanels = states + QUERY_BLOCK * STATE_BYTES;
  const widened = keyPanels + ((<usize>KEY_BLOCK * width) << 2);
  const rows = widened + ((<usize>KEY_BLOCK * width) << 2);
  const packs = count >= TILE_ROWS;
  if (packs) packPanels(panels, queries, count, width, queryStride, 1, TILE_ROWS);
  for (let i = 0; i < count; i++) clearState(states + i * STATE_BYTES);
  for (let j = 0, total = older + newer; j < total;) {
    const block = min(KEY_BLOCK, j < older ? older - j : total - j);
    const slot = j < older ? begin + j : j - older;
    const from = floatsAt(keys, <usize>slot * width, block * width, half, widened);
    if (packs) {
      packPanels(keyPanels, from, block, width, width, 1, TILE_COLUMNS);
      scanBlock(scores, slots, listStride, panels, states, count, keyPanels, slot, block, width, k, rows);
    } else {
      scanDirectly(scores, slots, listStride, queries, queryStride, states, count, from, slot, block, width, k, rows);
    }
    j += block;
  }
}

/** All queries, packed, against a packed block of keys. rows [4, KEY_BLOCK]: the scores of one tile of queries. */
function scanBlock(
  scores: usize, slots: usize, listStride: i32, panels: usize, states: usize, count: i32,
  keyPanels: usize, slot: i32, block: i32, width: i32, k: i32, rows: usize,
): void {
  const panelBytes = <usize>(TILE_COLUMNS * width) << 2;
  for (let i = 0; i < count; i += TILE_ROWS, panels += <usize>(TILE_ROWS * width) << 2) {
    for (let j = 0, keyPanel = keyPanels; j < block; j += TILE_COLUMNS, keyPanel += panelBytes) {
      multiplyTile(rows + (j << 2), KEY_BLOCK << 2, panels, keyPanel, width, false);
    }
    for (let r = 0, last = min(TILE_ROWS, count - i); r < last; r++) {
      const list = (<usize>(i + r) * listStride) << 2;
      keepBest(scores + list, slots + list, states + (i + r) * STATE_BYTES, rows + ((r * KEY_BLOCK) << 2), block, slot, k, rows);
    }
  }
}

/** Few queries against a block of keys where they lie, since packing would cost more than the products. */
function scanDirectly(
  scores: usize, slots: usize, listStride: i32, queries: usize, queryStride: i32, states: usize, count: i32,
  keys: usize, slot: i32, block: i32, width: i32, k: i32, row: usize,
): void {
  const bytes = <usize>width << 2;
  for (let i = 0; i < count; i++) {
    const query = queries + ((<usize>i * queryStride) << 2);
    for (let j = 0, key = keys; j < block; j += 4, key += bytes << 2) {
      const last = min(3, block - 1 - j);
      const four = scoreFour(query, key, key + min(1, last) * bytes, key + min(2, last) * bytes, key + last * bytes, width);
      v128.store(row + (j << 2), four);
    }
    const list = (<usize>i * listStride) << 2;
    keepBest(scores + list, slots + list, states + i * STATE_BYTES, row, block, slot, k, row);
  }
}

/** What a query remembers from block to block: its k-th best score once its list is full (f32), and the list's size (i32). */
const STATE_BYTES: usize = 8;

function clearState(state: usize): void {
  store<f32>(state, -f32.MAX_VALUE);
  store<i32>(state, 0, 4);
}

/** Merges a query's scores of `n` keys, which lie in slots from `slot` on, into its list. `rows`: the buffer they are in. */
function keepBest(scores: usize, slots: usize, state: usize, row: usize, n: i32, slot: i32, k: i32, rows: usize): void {
  let size = load<i32>(state, 4);
  let least = load<f32>(state);
  let bar = least;
  const seeded = size == 0 && k <= SEED_GROUPS && n >= SEED_GROUPS;
  if (seeded) bar = seedOf(row, n, k, rows + ((TILE_ROWS * KEY_BLOCK) << 2));
  for (let j = 0; j < n; j += 4) {
    const four = v128.load(row + (j << 2));
    let passing = i32x4.bitmask(seeded ? f32x4.ge(four, f32x4.splat(bar)) : f32x4.gt(four, f32x4.splat(least)));
    if (j + 4 > n) passing &= (1 << (n - j)) - 1;
    for (; passing; passing &= passing - 1) {
      const at = j + ctz(passing);
      const score = load<f32>(row + (at << 2));
      if (size == k && !(score > least)) continue;
      insertSorted(scores, slots, score, slot + at, min(size, k - 1));
      size = min(size + 1, k);
      if (size == k) least = load<f32>(scores + ((k - 1) << 2));
    }
  }
  store<f32>(state, least);
  store<i32>(state, size, 4);
}

/** The k-th largest of 64 group maxima of a row: no more than the k-th largest score. `maxima`: SEED_GROUPS floats. */
function seedOf(row: usize, n: i32, k: i32, maxima: usize): f32 {
  const end = row + (<usize>(n & ~3) << 2);
  for (let g = 0; g < SEED_VECTORS; g++) {
    let most = f32x4.splat(-f32.MAX_VALUE);
    for (let at = row + (g << 4); at < end; at += SEED_VECTORS << 4) most = f32x4.pmax(most, v128.load(at));
    v128.store(maxima + (g << 4), most);
  }
  return kthLargest(maxima, SEED_GROUPS, k);
}

/** The k-th largest of n floats (quickselect; reorders them). */
function kthLargest(x: usize, n: i32, k: i32): f32 {
  let low = 0, high = n - 1;
  const target = k - 1;
  while (low < high) {
    const pivot = load<f32>(x + ((low + high) >> 1 << 2));
    let i = low, j = high;
    while (i <= j) {
      while (load<f32>(x + (i << 2)) > pivot) i++;
      while (load<f32>(x + (j << 2)) < pivot) j--;
      if (i > j) break;
      const swapped = load<f32>(x + (i << 2));
      store<f32>(x + (i << 2), load<f32>(x + (j << 2)));
      store<f32>(x + (j << 2), swapped);
      i++;
      j--;
    }
    if (target <= j) high = j;
    else if (target >= i) low = i;
    else break;
  }
  return load<f32>(x + (target << 2));
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
