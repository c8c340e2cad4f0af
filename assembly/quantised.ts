/**
 * Exact top-k by way of a quantised scan: all keys are scored as small integers, those whose score might still belong to the
 * k best are kept as candidates, and the candidates are scored again in f32. The bounds of quantise.ts make this a proof, not
 * a guess: what is returned equals topk.ts to the bit. Where a query's candidates do not fit their list (many keys that
 * rounding cannot tell apart), that query is searched in f32 after all and counted as a fall-back.
 */
import {
  addCandidate, clearCandidates, FAILED, finishCandidates, LIST_BYTES, MOST_TOPK, NO_BAR, sizeOf, slotOf,
} from "./candidates";
import { floatsAt, storedBytes } from "./half";
import {
  COMPONENT_BYTES, loadMargin, MARGIN_BYTES, PANEL_KEYS, PANEL_QUERIES, quantised_width, quantisedHeadBytes, quantiseQuery,
} from "./quantise";
import { PANELS_AT_ONCE, reachingKeys, scanPanels, scanTile, sumOf, SUMS_BYTES } from "./quantised-tiles";
import { insertSorted, QUERY_BLOCK, scoreFour, searchBlock, topk_scratch_bytes } from "./topk";

/** Queries scanned together: their lists of candidates, half a megabyte, stay in L2. */
const SCAN_QUERIES: i32 = 128;
/** Keys scanned by all queries of a block before the next: small enough for L1, in whole panels. */
const KEY_BLOCK: i32 = 128;
/** Bytes of the sums of one tile, of either shape. */
const TILE_BYTES: i32 = max(PANEL_QUERIES, PANELS_AT_ONCE) * SUMS_BYTES;

/** Up to which k a quantised lookup is meant. */
export function quantised_most_topk(): i32 {
  return MOST_TOPK;
}

/** Bytes of scratch for queries of `width` floats and `k` neighbours. */
export function quantised_scratch_bytes(width: i32, k: i32): i32 {
  const padded = quantised_width(width);
  const tiles = SCAN_QUERIES * padded * COMPONENT_BYTES;
  const numbers = ((SCAN_QUERIES * 3 + padded) << 2) + TILE_BYTES;
  const again = SCAN_QUERIES * (width + 2 * k) << 2;
  return tiles + numbers + SCAN_QUERIES * <i32>LIST_BYTES + again + topk_scratch_bytes(width) + 256;
}

/**
 * As topk_exact, with `panels` as quantise_keys packed them. failures [units] (i32) gets the fall-backs of each unit.
 */
export function topk_quantised(
  scores: usize, slots: usize, queries: usize, keys: usize, spans: usize,
  segment: i32, heads: i32, width: i32, capacity: i32, half: bool, k: i32, panels: usize, failures: usize,
  from: i32, to: i32, scratch: usize,
): void {
  const blocks = (segment + QUERY_BLOCK - 1) / QUERY_BLOCK;
  const headBytes = quantisedHeadBytes(capacity, width);
  for (let unit = from; unit < to; unit++) {
    const head = unit / blocks % heads, row = unit / blocks / heads;
    const span = spans + row * 12;
    let failed = 0;
    let first = unit % blocks * QUERY_BLOCK;
    for (const end = min(first + QUERY_BLOCK, segment); first < end; first += SCAN_QUERIES) {
      const query = (<usize>row * segment + first) * heads + head;
      failed += searchQuantised(
        scores + ((query * k) << 2), slots + ((query * k) << 2), heads * k,
        queries + ((query * width) << 2), heads * width, min(SCAN_QUERIES, end - first),
        keys + storedBytes(<usize>(row * heads + head) * capacity * width, half), half,
        panels + <usize>(row * heads + head) * headBytes, width, capacity,
        load<i32>(span), load<i32>(span + 4), load<i32>(span + 8), k, scratch,
      );
    }
    store<i32>(failures + (unit << 2), failed);
  }
}

/** A block of queries of one head; returns how many of them had to fall back to f32. */
function searchQuantised(
  scores: usize, slots: usize, listStride: i32, queries: usize, queryStride: i32, count: i32,
  keys: usize, half: bool, panels: usize, width: i32, capacity: i32, begin: i32, older: i32, newer: i32, k: i32, scratch: usize,
): i32 {
  const padded = quantised_width(width);
  const tiles = scratch;
  const starts = tiles + SCAN_QUERIES * padded * COMPONENT_BYTES;
  const margins = starts + (SCAN_QUERIES << 2);
  const bars = margins + (SCAN_QUERIES << 2);
  const sums = bars + (SCAN_QUERIES << 2);
  const vector = sums + TILE_BYTES;
  const lists = vector + (padded << 2);
  const again = lists + <usize>SCAN_QUERIES * LIST_BYTES;
  prepareQueries(tiles, starts, margins, bars, lists, queries, queryStride, count, width, vector);
  scanSlots(tiles, starts, margins, bars, lists, count, panels, padded, capacity, begin, begin + older, k, sums);
  scanSlots(tiles, starts, margins, bars, lists, count, panels, padded, capacity, 0, newer, k, sums);
  let failed = 0;
  for (let i = 0; i < count; i++) {
    const list = lists + <usize>i * LIST_BYTES;
    if (load<i32>(bars + (i << 2)) == FAILED) {
      memory.copy(again + ((<usize>failed * width) << 2), queries + ((<usize>i * queryStride) << 2), <usize>width << 2);
      failed++;
      continue;
    }
    finishCandidates(list);
    const found = (<usize>i * listStride) << 2;
    rescore(scores + found, slots + found, queries + ((<usize>i * queryStride) << 2), keys, half, width, list, k, tiles, sums);
  }
  if (failed > 0) {
    searchAgain(scores, slots, listStride, count, bars, again, failed, keys, half, width, begin, older, newer, k);
  }
  return failed;
}

/** Rounds all queries of a block into tiles and empties their lists; lanes without a query get a bar that nothing reaches. */
function prepareQueries(
  tiles: usize, starts: usize, margins: usize, bars: usize, lists: usize,
  queries: usize, queryStride: i32, count: i32, width: i32, scratch: usize,
): void {
  const tileBytes = PANEL_QUERIES * quantised_width(width) * COMPONENT_BYTES;
  memory.fill(tiles, 0, <usize>(tileBytes * ((count + PANEL_QUERIES - 1) / PANEL_QUERIES)));
  for (let i = 0; i < SCAN_QUERIES; i++) {
    let usable = false;
    if (i < count) {
      usable = quantiseQuery(
        tiles + <usize>(i / PANEL_QUERIES * tileBytes), i % PANEL_QUERIES, starts + (i << 2), margins + (i << 2),
        queries + ((<usize>i * queryStride) << 2), width, scratch,
      );
      clearCandidates(lists + <usize>i * LIST_BYTES);
    }
    store<i32>(bars + (i << 2), usable ? NO_BAR : FAILED);
  }
}

/** All queries of a block against the keys of slots [low, high), which need not be whole panels. */
function scanSlots(
  tiles: usize, starts: usize, margins: usize, bars: usize, lists: usize, count: i32,
  panels: usize, padded: i32, capacity: i32, low: i32, high: i32, k: i32, sums: usize,
): void {
  const tileBytes = PANEL_QUERIES * padded * COMPONENT_BYTES;
  const panelBytes = PANEL_KEYS * padded * COMPONENT_BYTES;
  const keyMargins = panels + <usize>((capacity + PANEL_KEYS - 1) / PANEL_KEYS) * panelBytes;
  if (count == 1) {
    return scanOnce(tiles, starts, margins, bars, lists, panels, keyMargins, padded, low, high, k, sums);
  }
  for (let block = low & ~(PANEL_KEYS - 1); block < high; block += KEY_BLOCK) {
    const end = min(high, block + KEY_BLOCK);
    for (let i = 0; i < count; i += PANEL_QUERIES) {
      const tile = tiles + <usize>(i / PANEL_QUERIES * tileBytes);
      for (let slot = block; slot < end; slot += PANEL_KEYS) {
        const panel = panels + <usize>(slot / PANEL_KEYS) * panelBytes;
        let rows = scanTile(sums, tile, panel, keyMargins + slot * MARGIN_BYTES, padded, starts + (i << 2), bars + (i << 2));
        for (; rows; rows &= rows - 1) {
          const r = ctz(rows), at = (i + r) << 2;
          collect(sums + r * SUMS_BYTES, lists + <usize>(i + r) * LIST_BYTES, margins + at, bars + at, keyMargins, slot, low, end, k);
        }
      }
    }
  }
}

/** One query against the keys of slots [low, high). The last panels of a ring may be computed twice; they are kept once. */
function scanOnce(
  tile: usize, starts: usize, margins: usize, bars: usize, list: usize,
  panels: usize, keyMargins: usize, padded: i32, low: i32, high: i32, k: i32, sums: usize,
): void {
  const panelBytes = PANEL_KEYS * padded * COMPONENT_BYTES;
  let slot = low & ~(PANEL_KEYS - 1);
  for (; slot + PANELS_AT_ONCE * PANEL_KEYS <= high; slot += PANELS_AT_ONCE * PANEL_KEYS) {
    const panel = panels + <usize>(slot / PANEL_KEYS) * panelBytes;
    let reaching = scanPanels(sums, tile, panel, panelBytes, keyMargins + slot * MARGIN_BYTES, padded, starts, bars);
    for (; reaching; reaching &= reaching - 1) {
      const n = ctz(reaching);
      collect(sums + n * SUMS_BYTES, list, margins, bars, keyMargins, slot + n * PANEL_KEYS, low, high, k);
    }
  }
  for (; slot < high; slot += PANEL_KEYS) {
    const panel = panels + <usize>(slot / PANEL_KEYS) * panelBytes;
    const reaches = scanTile(sums, tile, panel, keyMargins + slot * MARGIN_BYTES, padded, starts, bars) & 1;
    if (reaches) collect(sums, list, margins, bars, keyMargins, slot, low, high, k);
  }
}

/** Adds those keys of a panel that reach a query's bar, and lie in slots [low, high), to its candidates. */
function collect(
  sums: usize, list: usize, margins: usize, bars: usize, keyMargins: usize, slot: i32, low: i32, high: i32, k: i32,
): void {
  let bar = load<i32>(bars);
  if (bar == FAILED) return;
  const margin = load<i32>(margins);
  let keys = reachingKeys(sums, bar);
  if (slot < low) keys &= -1 << (low - slot);
  if (high - slot < PANEL_KEYS) keys &= (1 << (high - slot)) - 1;
  for (; keys; keys &= keys - 1) {
    const j = ctz(keys);
    const sum = sumOf(sums, j); // the key's margin is in it, the query's is not
    if (sum < bar) continue;
    const reached = addCandidate(list, sum + margin, sum - 2 * loadMargin(keyMargins, slot + j) - margin, slot + j, k);
    if (reached != NO_BAR) bar = reached == FAILED ? FAILED : reached - margin;
    if (bar == FAILED) break;
  }
  store<i32>(bars, bar);
}

/**
 * The k best of the candidates by their f32 scores, computed in the same order of sums as everywhere. `room`: 4 · width
 * floats; the tiles, no longer needed, are larger.
 */
function rescore(
  scores: usize, slots: usize, query: usize, keys: usize, half: bool, width: i32, list: usize, k: i32, room: usize, four: usize,
): void {
  const size = sizeOf(list), last = size - 1, rowBytes = <usize>width << 2;
  for (let i = 0; i < size; i++) {
    if ((i & 3) == 0) {
      const k0 = keyAt(keys, half, list, i, width, room);
      const k1 = keyAt(keys, half, list, min(i + 1, last), width, room + rowBytes);
      const k2 = keyAt(keys, half, list, min(i + 2, last), width, room + 2 * rowBytes);
      const k3 = keyAt(keys, half, list, min(i + 3, last), width, room + 3 * rowBytes);
      v128.store(four, scoreFour(query, k0, k1, k2, k3, width));
    }
    const score = load<f32>(four + ((i & 3) << 2));
    if (i >= k && !(score > load<f32>(scores + ((k - 1) << 2)))) continue;
    insertSorted(scores, slots, score, slotOf(list, i), min(i, k - 1));
  }
}

@inline
function keyAt(keys: usize, half: bool, list: usize, i: i32, width: i32, room: usize): usize {
  return floatsAt(keys, <usize>slotOf(list, i) * width, width, half, room);
}

/** Searches the failed queries, gathered in `again`, in f32, and puts their lists into place. */
function searchAgain(
  scores: usize, slots: usize, listStride: i32, count: i32, bars: usize, again: usize, failed: i32,
  keys: usize, half: bool, width: i32, begin: i32, older: i32, newer: i32, k: i32,
): void {
  const foundScores = again + ((<usize>SCAN_QUERIES * width) << 2);
  const foundSlots = foundScores + ((<usize>SCAN_QUERIES * k) << 2);
  const scratch = foundSlots + ((<usize>SCAN_QUERIES * k) << 2);
  searchBlock(foundScores, foundSlots, k, again, width, failed, keys, half, width, begin, older, newer, k, scratch);
  const bytes = <usize>min(k, older + newer) << 2;
  for (let i = 0, n = 0; i < count; i++) {
    if (load<i32>(bars + (i << 2)) != FAILED) continue;
    memory.copy(scores + ((<usize>i * listStride) << 2), foundScores + ((<usize>n * k) << 2), bytes);
    memory.copy(slots + ((<usize>i * listStride) << 2), foundSlots + ((<usize>n * k) << 2), bytes);
    n++;
  }
}
