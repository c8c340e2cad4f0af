/**
 * Exact top-k by a quantised scan: all keys are scored as small integers, and those that may still belong to the k best
 * are scored again in f32 during the scan. The bounds of rounding.ts make this a proof, not a guess: the result is
 * bit-identical to that of exact.ts. A query that the bounds do not help (many keys that rounding cannot tell apart, or
 * a length of 0) is searched in f32 after all and counted as a fallback.
 */
import { bestBytes, copyBest } from "./best";
import { addContender, Contest, CONTEST_BYTES, MOST_BAR, NO_BAR, openContest, settle } from "./contenders";
import { storedBytes } from "../base/half";
import {
  COMPONENT_BYTES, MARGIN_BYTES, PANEL_KEYS, PANEL_QUERIES, quantised_width, quantisedHeadBytes, quantiseQuery,
} from "./rounding";
import { reachingKeys, scanPanel, scanTile, SUMS_BYTES } from "./quantised-scan";
import { QUERY_BLOCK, searchBlock, topk_scratch_bytes } from "./exact";

/** The largest k that is worthwhile: beyond it, nearly every key would be scored in f32. */
const MOST_TOPK: i32 = 192;
/** Keys scanned by all queries of a block before the next: small enough for L1, in whole panels. */
const KEY_BLOCK: i32 = 128;
/** Bytes of the sums of one tile. */
const TILE_BYTES: i32 = PANEL_QUERIES * SUMS_BYTES;

/** The largest k that a quantised lookup is meant for. */
export function quantised_most_topk(): i32 {
  return MOST_TOPK;
}

/** Bytes of scratch for queries of `width` floats and `k` neighbours. */
export function quantised_scratch_bytes(width: i32, k: i32): i32 {
  const padded = quantised_width(width);
  const tiles = QUERY_BLOCK * padded * COMPONENT_BYTES;
  const numbers = ((QUERY_BLOCK * 2 + roomFloats(padded, width)) << 2) + TILE_BYTES;
  const contests = QUERY_BLOCK * (<i32>CONTEST_BYTES + bestBytes(k));
  const again = QUERY_BLOCK * (width + 2 * k) << 2;
  return tiles + numbers + contests + again + topk_scratch_bytes(width, k);
}

/** Floats of room for rounding one query, and for scoring eight keys. */
@inline
function roomFloats(padded: i32, width: i32): i32 {
  return max(padded, 8 + 8 * width);
}

/**
 * Like topk_exact, with `panels` as quantise_keys packed them. failures [units] (i32) receives the fallbacks of each unit.
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
    const first = unit % blocks * QUERY_BLOCK;
    const query = (<usize>row * segment + first) * heads + head;
    const failed = searchQuantised(
      scores + ((query * k) << 2), slots + ((query * k) << 2), heads * k,
      queries + ((query * width) << 2), heads * width, min(QUERY_BLOCK, segment - first),
      keys + storedBytes(<usize>(row * heads + head) * capacity * width, half), half,
      panels + <usize>(row * heads + head) * headBytes, width, capacity,
      load<i32>(span), load<i32>(span + 4), load<i32>(span + 8), k, scratch,
    );
    store<i32>(failures + (unit << 2), failed);
  }
}

/** Searches for one block of queries of one head; returns how many of them fell back to f32. */
function searchQuantised(
  scores: usize, slots: usize, listStride: i32, queries: usize, queryStride: i32, count: i32,
  keys: usize, half: bool, panels: usize, width: i32, capacity: i32, begin: i32, older: i32, newer: i32, k: i32, scratch: usize,
): i32 {
  const padded = quantised_width(width);
  const contests = scratch;
  const lists = contests + QUERY_BLOCK * CONTEST_BYTES;
  const tiles = lists + QUERY_BLOCK * bestBytes(k);
  const starts = tiles + QUERY_BLOCK * padded * COMPONENT_BYTES;
  const bars = starts + (QUERY_BLOCK << 2);
  const sums = bars + (QUERY_BLOCK << 2);
  const room = sums + TILE_BYTES;
  const again = room + (roomFloats(padded, width) << 2);
  for (let i = 0; i < count; i++) {
    const query = queries + ((<usize>i * queryStride) << 2);
    openContest(contestAt(contests, i), query, lists + i * bestBytes(k), k, older + newer);
  }
  prepareQueries(tiles, starts, bars, contests, count, width, room);
  scanSlots(tiles, starts, bars, contests, count, panels, padded, capacity, begin, begin + older, keys, half, width, k, sums, room);
  scanSlots(tiles, starts, bars, contests, count, panels, padded, capacity, 0, newer, keys, half, width, k, sums, room);
  let failed = 0;
  for (let i = 0; i < count; i++) {
    const contest = contestAt(contests, i);
    settle(contest, keys, half, width, k, room);
    const to = (<usize>i * listStride) << 2;
    if (contest.patience >= 0) {
      copyBest(scores + to, slots + to, contest.list, k, min(k, older + newer));
    } else {
      memory.copy(again + ((<usize>failed * width) << 2), contest.query, <usize>width << 2);
      failed++;
    }
  }
  if (failed > 0) {
    searchAgain(scores, slots, listStride, contests, count, again, failed, keys, half, width, begin, older, newer, k);
  }
  return failed;
}

@inline
function contestAt(contests: usize, i: i32): Contest {
  return changetype<Contest>(contests + <usize>i * CONTEST_BYTES);
}

/** Rounds all queries of a block into tiles. Lanes without a query, or whose query cannot be rounded, get the highest bar. */
function prepareQueries(
  tiles: usize, starts: usize, bars: usize, contests: usize, count: i32, width: i32, room: usize,
): void {
  const tileBytes = PANEL_QUERIES * quantised_width(width) * COMPONENT_BYTES;
  memory.fill(tiles, 0, <usize>(tileBytes * ((count + PANEL_QUERIES - 1) / PANEL_QUERIES)));
  for (let i = 0; i < QUERY_BLOCK; i++) {
    const contest = contestAt(contests, i);
    const tile = tiles + <usize>(i / PANEL_QUERIES * tileBytes);
    const usable = i < count && quantiseQuery(tile, i % PANEL_QUERIES, starts + (i << 2), contest, width, room);
    if (!usable) contest.patience = -1;
    store<i32>(bars + (i << 2), usable ? NO_BAR : MOST_BAR);
  }
}

/** Scans the keys of slots [low, high), which need not be whole panels, for all queries of a block. */
function scanSlots(
  tiles: usize, starts: usize, bars: usize, contests: usize, count: i32, panels: usize, padded: i32, capacity: i32,
  low: i32, high: i32, keys: usize, half: bool, width: i32, k: i32, sums: usize, room: usize,
): void {
  const tileBytes = PANEL_QUERIES * padded * COMPONENT_BYTES;
  const panelBytes = PANEL_KEYS * padded * COMPONENT_BYTES;
  const margins = panels + <usize>((capacity + PANEL_KEYS - 1) / PANEL_KEYS) * panelBytes;
  if (count == 1) {
    return scanOnce(tiles, starts, bars, contestAt(contests, 0), panels, margins, padded, low, high, keys, half, width, k, sums, room);
  }
  for (let block = low & ~(PANEL_KEYS - 1); block < high; block += KEY_BLOCK) {
    const end = min(high, block + KEY_BLOCK);
    for (let i = 0; i < count; i += PANEL_QUERIES) {
      const tile = tiles + <usize>(i / PANEL_QUERIES * tileBytes), start = starts + (i << 2), bar = bars + (i << 2);
      for (let slot = block; slot < end; slot += PANEL_KEYS) {
        const panel = panels + <usize>(slot / PANEL_KEYS) * panelBytes;
        let rows = scanTile(sums, tile, panel, margins + slot * MARGIN_BYTES, padded, start, bar);
        for (; rows; rows &= rows - 1) {
          const r = ctz(rows);
          collect(sums + r * SUMS_BYTES, contestAt(contests, i + r), bar + (r << 2), slot, low, end, keys, half, width, k, room);
        }
      }
    }
  }
}

/** Scans the keys of slots [low, high), in order, for one query. */
function scanOnce(
  tile: usize, starts: usize, bars: usize, contest: Contest, panels: usize, margins: usize, padded: i32,
  low: i32, high: i32, keys: usize, half: bool, width: i32, k: i32, sums: usize, room: usize,
): void {
  const panelBytes = PANEL_KEYS * padded * COMPONENT_BYTES;
  for (let slot = low & ~(PANEL_KEYS - 1); slot < high; slot += PANEL_KEYS) {
    const panel = panels + <usize>(slot / PANEL_KEYS) * panelBytes;
    const reaches = scanPanel(sums, tile, panel, margins + slot * MARGIN_BYTES, padded, starts, bars);
    if (reaches) collect(sums, contest, bars, slot, low, high, keys, half, width, k, room);
  }
}

/** Adds to a contest the keys of a panel that reach the bar and lie in slots [low, high). */
function collect(
  sums: usize, contest: Contest, bar: usize, slot: i32, low: i32, high: i32, keys: usize, half: bool, width: i32, k: i32, room: usize,
): void {
  if (contest.patience < 0) return;
  let reaching = reachingKeys(sums, load<i32>(bar));
  if (slot < low) reaching &= -1 << (low - slot);
  if (high - slot < PANEL_KEYS) reaching &= (1 << (high - slot)) - 1;
  while (reaching) {
    const settles = addContender(contest, slot + ctz(reaching));
    reaching &= reaching - 1;
    if (!settles) continue;
    store<i32>(bar, settle(contest, keys, half, width, k, room));
    reaching &= reachingKeys(sums, load<i32>(bar));
  }
}

/** Searches in f32 for the queries that were given up, gathered in `again`, and copies their lists into place. */
function searchAgain(
  scores: usize, slots: usize, listStride: i32, contests: usize, count: i32, again: usize, failed: i32,
  keys: usize, half: bool, width: i32, begin: i32, older: i32, newer: i32, k: i32,
): void {
  const foundScores = again + ((<usize>QUERY_BLOCK * width) << 2);
  const foundSlots = foundScores + ((<usize>QUERY_BLOCK * k) << 2);
  const scratch = foundSlots + ((<usize>QUERY_BLOCK * k) << 2);
  searchBlock(foundScores, foundSlots, k, again, width, failed, keys, half, width, begin, older, newer, k, scratch);
  const bytes = <usize>min(k, older + newer) << 2;
  for (let i = 0, n = 0; i < count; i++) {
    if (contestAt(contests, i).patience >= 0) continue;
    memory.copy(scores + ((<usize>i * listStride) << 2), foundScores + ((<usize>n * k) << 2), bytes);
    memory.copy(slots + ((<usize>i * listStride) << 2), foundSlots + ((<usize>n * k) << 2), bytes);
    n++;
  }
}
