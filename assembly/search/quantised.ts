/**
 * Exact top-k by a quantised scan: all keys are scored as small integers, and those that may still belong to the k best
 * are scored again in f32 during the scan. The bounds of rounding.ts make this a proof, not a guess: the result is
 * bit-identical to that of exact.ts. A query that the bounds do not help (many keys that rounding cannot tell apart, or
 * a length of 0) is searched in f32 after all and counted as a fallback.
 */
import {
  bestBytes, copyBest, keysOf, leastOfBest, NO_KEY, openBlock, QUERY_BLOCK_BYTES, QueryBlock, queryAt, scoresAt, slotsAt,
} from "./lookup";
import {
  addContender, barOf, Contest, CONTEST_BYTES, MOST_BAR, openContest, settle, settleHalf, slotOfAge,
} from "./contenders";
import { storedBytes } from "../base/storage";
import {
  COMPONENT_BYTES, frame_floats, MARGIN_BYTES, PANEL_KEYS, PANEL_QUERIES, quantised_width, quantisedHeadBytes,
  quantiseQuery,
} from "./rounding";
import { LEAST_KEYS, open, openingBytes, openingOf } from "./opening";
import { reachingKeys, scanPanel, scanTile, sumOf, SUMS_BYTES } from "./quantised-scan";
import { BLOCK_SIZE, searchBlock, searchScratchBytes } from "./exact";

/** The largest k that is worthwhile: beyond it, nearly every key would be scored in f32. */
const MOST_TOPK: i32 = 192;
/** Keys scanned by all queries of a block before the next: small enough for L1, in whole panels. */
const KEY_BLOCK: i32 = 128;
/** The same for a single query, which reads each key once: long enough for the processor to read ahead. */
const LONE_BLOCK: i32 = 1024;
/** Bytes of the sums of one tile. */
const TILE_BYTES: i32 = PANEL_QUERIES * SUMS_BYTES;

/** The largest k that a quantised lookup is meant for. */
export function quantised_most_topk(): i32 {
  return MOST_TOPK;
}

// Scratch: a query block, a contest and a list for each query, the queries in tiles, a start and a bar for each, the sums of an
// opening, room for rounding a query or for the slots, scores and floats of eight keys. Then, for queries that are searched again: a query block, the queries,
// their scores and slots, the scratch of that search.

@inline
function contestsAt(scratch: usize): usize {
  return scratch + QUERY_BLOCK_BYTES;
}

@inline
function listsAt(scratch: usize): usize {
  return contestsAt(scratch) + BLOCK_SIZE * CONTEST_BYTES;
}

@inline
function tilesAt(scratch: usize, k: i32): usize {
  return listsAt(scratch) + BLOCK_SIZE * bestBytes(k);
}

@inline
function startsAt(scratch: usize, width: i32, k: i32): usize {
  return tilesAt(scratch, k) + BLOCK_SIZE * quantised_width(width) * COMPONENT_BYTES;
}

@inline
function barsAt(scratch: usize, width: i32, k: i32): usize {
  return startsAt(scratch, width, k) + (BLOCK_SIZE << 2);
}

@inline
function sumsAt(scratch: usize, width: i32, k: i32): usize {
  return barsAt(scratch, width, k) + (BLOCK_SIZE << 2);
}

@inline
function roomAt(scratch: usize, width: i32, k: i32): usize {
  return sumsAt(scratch, width, k) + openingBytes(PANEL_QUERIES);
}

@inline
function againAt(scratch: usize, width: i32, k: i32): usize {
  return roomAt(scratch, width, k) + (max(quantised_width(width), 16 + 8 * width) << 2);
}

@inline
function againQueriesAt(scratch: usize, width: i32, k: i32): usize {
  return againAt(scratch, width, k) + QUERY_BLOCK_BYTES;
}

@inline
function againScoresAt(scratch: usize, width: i32, k: i32): usize {
  return againQueriesAt(scratch, width, k) + ((<usize>BLOCK_SIZE * width) << 2);
}

@inline
function againSlotsAt(scratch: usize, width: i32, k: i32): usize {
  return againScoresAt(scratch, width, k) + ((<usize>BLOCK_SIZE * k) << 2);
}

@inline
function againScratchAt(scratch: usize, width: i32, k: i32): usize {
  return againSlotsAt(scratch, width, k) + ((<usize>BLOCK_SIZE * k) << 2);
}

/** Bytes of scratch for queries of `width` floats and `k` neighbours. */
export function quantised_scratch_bytes(width: i32, k: i32): i32 {
  return <i32>(againScratchAt(0, width, k) + searchScratchBytes(width, k));
}

/**
 * Like topk_exact, with `panels` as quantise_keys packed them, and its frames [B, H] or 0. floors [B, T, H, k], or 0: only keys whose score is at
 * least the last of a query's k floors are wanted; if there are fewer than k, a list ends in scores of −∞. failures [units] (i32) receives the
 * fallbacks of each unit.
 */
export function topk_quantised(
  scores: usize, slots: usize, queries: usize, keys: usize, spans: usize,
  segment: i32, heads: i32, width: i32, capacity: i32, float16: bool, k: i32, panels: usize, frames: usize, floors: usize, failures: usize,
  from: i32, to: i32, scratch: usize,
): void {
  const block = changetype<QueryBlock>(scratch);
  const ringBytes = storedBytes(<usize>capacity * width, float16), headBytes = quantisedHeadBytes(capacity, width);
  for (let unit = from; unit < to; unit++) {
    openBlock(block, unit, BLOCK_SIZE, scores, slots, queries, spans, segment, heads, width, k);
    const ring = keys + block.ring * ringBytes, packed = panels + block.ring * headBytes;
    const frame = frames ? frames + (<usize>(block.ring * frame_floats(width)) << 2) : 0;
    const floor = floors ? floors + (block.scores - scores) : 0;
    store<i32>(failures + (unit << 2), searchQuantised(block, ring, float16, packed, frame, floor, width, capacity, k, scratch));
  }
}

/** Searches for a block's queries; returns how many of them fell back to f32. */
function searchQuantised(
  block: QueryBlock, keys: usize, float16: bool, panels: usize, frame: usize, floors: usize, width: i32, capacity: i32, k: i32, scratch: usize,
): i32 {
  const contests = contestsAt(scratch), tiles = tilesAt(scratch, k), sums = sumsAt(scratch, width, k);
  const starts = startsAt(scratch, width, k), bars = barsAt(scratch, width, k), room = roomAt(scratch, width, k);
  const padded = quantised_width(width), count = block.count, older = block.begin + block.older;
  for (let i = 0; i < count; i++) {
    const floor: f32 = floors ? load<f32>(floors + ((i * block.listStride + k - 1) << 2)) : -Infinity;
    openContest(contestAt(contests, i), block, queryAt(block, i), listsAt(scratch) + i * bestBytes(k), k, floor);
  }
  prepareQueries(tiles, starts, bars, contests, count, frame, width, k, room);
  if (floors) { // the bars are high already
    scanSlots(tiles, starts, bars, contests, count, panels, padded, capacity, 0, block.newer, keys, float16, width, k, sums, room);
    scanSlots(tiles, starts, bars, contests, count, panels, padded, capacity, block.begin, older, keys, float16, width, k, sums, room);
  } else if (block.newer >= LEAST_KEYS) {
    scanFirst(tiles, starts, bars, contests, count, panels, padded, capacity, 0, block.newer, keys, float16, width, k, sums, room);
    scanSlots(tiles, starts, bars, contests, count, panels, padded, capacity, block.begin, older, keys, float16, width, k, sums, room);
  } else {
    scanFirst(tiles, starts, bars, contests, count, panels, padded, capacity, block.begin, older, keys, float16, width, k, sums, room);
    scanSlots(tiles, starts, bars, contests, count, panels, padded, capacity, 0, block.newer, keys, float16, width, k, sums, room);
  }
  let failed = 0;
  for (let i = 0; i < count; i++) {
    const contest = contestAt(contests, i);
    settle(contest, 0, keys, float16, width, k, room);
    if (contest.patience >= 0) {
      copyList(scoresAt(block, i), slotsAt(block, i), contest, k, min(k, keysOf(block)));
    } else {
      const query = againQueriesAt(scratch, width, k) + ((<usize>failed * width) << 2);
      memory.copy(query, contest.query, <usize>width << 2);
      failed++;
    }
  }
  if (failed > 0) searchAgain(block, failed, keys, float16, width, k, scratch);
  return failed;
}

/** Copies a list as scores and slots, [count] each. An entry that no key has taken has a score of −∞ in slot 0. */
function copyList(scores: usize, slots: usize, contest: Contest, k: i32, count: i32): void {
  copyBest(scores, slots, contest.list, k, count);
  for (const end = slots + (count << 2); slots < end; slots += 4, scores += 4) {
    const age = load<i32>(slots);
    store<i32>(slots, age == NO_KEY ? 0 : slotOfAge(contest, age));
    if (age == NO_KEY) store<f32>(scores, -Infinity);
  }
}

@inline
function contestAt(contests: usize, i: i32): Contest {
  return changetype<Contest>(contests + <usize>i * CONTEST_BYTES);
}

/** Rounds all queries of a block into tiles. Lanes without a query, or whose query cannot be rounded, get the highest bar. */
function prepareQueries(
  tiles: usize, starts: usize, bars: usize, contests: usize, count: i32, frame: usize, width: i32, k: i32, room: usize,
): void {
  const tileBytes = PANEL_QUERIES * quantised_width(width) * COMPONENT_BYTES;
  memory.fill(tiles, 0, <usize>(tileBytes * ((count + PANEL_QUERIES - 1) / PANEL_QUERIES)));
  for (let i = 0; i < BLOCK_SIZE; i++) {
    const contest = contestAt(contests, i);
    const tile = tiles + <usize>(i / PANEL_QUERIES * tileBytes);
    const usable = i < count && quantiseQuery(tile, i % PANEL_QUERIES, starts + (i << 2), contest, frame, width, room);
    if (!usable) contest.patience = -1;
    store<i32>(bars + (i << 2), usable ? barOf(contest, leastOfBest(contest.list, k)) : MOST_BAR);
  }
}

/** Like scanSlots, for bars that nothing has raised yet: begins with an opening if there are enough keys. */
function scanFirst(
  tiles: usize, starts: usize, bars: usize, contests: usize, count: i32, panels: usize, padded: i32, capacity: i32,
  low: i32, high: i32, keys: usize, float16: bool, width: i32, k: i32, sums: usize, room: usize,
): void {
  const end = high & ~(PANEL_KEYS - 1), first = openingOf(low, high, k);
  openSlots(tiles, starts, bars, contests, count, panels, padded, capacity, first, end, keys, float16, width, k, sums, room);
  scanSlots(tiles, starts, bars, contests, count, panels, padded, capacity, max(low, end), high, keys, float16, width, k, sums, room);
  scanSlots(tiles, starts, bars, contests, count, panels, padded, capacity, low, first, keys, float16, width, k, sums, room);
}

/** Opens the contests of a block's queries with the keys of slots [first, end), whole panels. No bar is raised yet, so all sums are stored. */
function openSlots(
  tiles: usize, starts: usize, bars: usize, contests: usize, count: i32, panels: usize, padded: i32, capacity: i32,
  first: i32, end: i32, keys: usize, float16: bool, width: i32, k: i32, sums: usize, room: usize,
): void {
  if (first >= end) return;
  const tileBytes = PANEL_QUERIES * padded * COMPONENT_BYTES, panelBytes = PANEL_KEYS * padded * COMPONENT_BYTES;
  const margins = panels + <usize>((capacity + PANEL_KEYS - 1) / PANEL_KEYS) * panelBytes;
  const stride = count == 1 ? SUMS_BYTES : TILE_BYTES;
  for (let i = 0; i < count; i += PANEL_QUERIES) {
    const tile = tiles + <usize>(i / PANEL_QUERIES * tileBytes), start = starts + (i << 2), bar = bars + (i << 2);
    for (let slot = first, at = sums; slot < end; slot += PANEL_KEYS, at += stride) {
      const panel = panels + <usize>(slot / PANEL_KEYS) * panelBytes, keyMargins = margins + slot * MARGIN_BYTES;
      if (count == 1) scanPanel(at, tile, panel, keyMargins, padded, start, bar);
      else scanTile(at, tile, panel, keyMargins, padded, start, bar);
    }
    for (let r = 0; r < min(PANEL_QUERIES, count - i); r++) {
      const contest = contestAt(contests, i + r);
      if (contest.patience < 0) continue;
      open(contest, bar + (r << 2), sums + r * SUMS_BYTES, stride, first, end, keys, float16, width, k, room);
    }
  }
}

/**
 * Scans the keys of slots [low, high), which need not be whole panels, for all queries of a block. Newer keys come first: in a document they
 * are more often what is looked for, so the bars rise sooner.
 */
function scanSlots(
  tiles: usize, starts: usize, bars: usize, contests: usize, count: i32, panels: usize, padded: i32, capacity: i32,
  low: i32, high: i32, keys: usize, float16: bool, width: i32, k: i32, sums: usize, room: usize,
): void {
  const tileBytes = PANEL_QUERIES * padded * COMPONENT_BYTES;
  const panelBytes = PANEL_KEYS * padded * COMPONENT_BYTES;
  const margins = panels + <usize>((capacity + PANEL_KEYS - 1) / PANEL_KEYS) * panelBytes;
  const first = low & ~(PANEL_KEYS - 1), size = count == 1 ? LONE_BLOCK : KEY_BLOCK;
  for (let end = high, block = high; end > low; end = block) {
    block = max(first, (end - 1) & ~(size - 1));
    if (count == 1) {
      scanOnce(tiles, starts, bars, contestAt(contests, 0), panels, margins, padded, block, low, end, keys, float16, width, k, sums, room);
      continue;
    }
    for (let i = 0; i < count; i += PANEL_QUERIES) {
      const tile = tiles + <usize>(i / PANEL_QUERIES * tileBytes), start = starts + (i << 2), bar = bars + (i << 2);
      for (let slot = block; slot < end; slot += PANEL_KEYS) {
        const panel = panels + <usize>(slot / PANEL_KEYS) * panelBytes;
        let rows = scanTile(sums, tile, panel, margins + slot * MARGIN_BYTES, padded, start, bar);
        for (; rows; rows &= rows - 1) {
          const r = ctz(rows);
          collect(sums + r * SUMS_BYTES, contestAt(contests, i + r), bar + (r << 2), slot, low, end, keys, float16, width, k, room);
        }
      }
    }
  }
}

/** Scans the panels from slot `block` on, as far as they lie in slots [low, high), for one query. */
function scanOnce(
  tile: usize, starts: usize, bars: usize, contest: Contest, panels: usize, margins: usize, padded: i32,
  block: i32, low: i32, high: i32, keys: usize, float16: bool, width: i32, k: i32, sums: usize, room: usize,
): void {
  const panelBytes = PANEL_KEYS * padded * COMPONENT_BYTES;
  for (let slot = block; slot < high; slot += PANEL_KEYS) {
    const panel = panels + <usize>(slot / PANEL_KEYS) * panelBytes;
    const reaches = scanPanel(sums, tile, panel, margins + slot * MARGIN_BYTES, padded, starts, bars);
    if (reaches) collect(sums, contest, bars, slot, low, high, keys, float16, width, k, room);
  }
}

/** Adds to a contest the keys of a panel that reach the bar and lie in slots [low, high). */
function collect(
  sums: usize, contest: Contest, bar: usize, slot: i32, low: i32, high: i32, keys: usize, float16: bool, width: i32, k: i32, room: usize,
): void {
  if (contest.patience < 0) return;
  let reaching = reachingKeys(sums, load<i32>(bar));
  if (slot < low) reaching &= -1 << (low - slot);
  if (high - slot < PANEL_KEYS) reaching &= (1 << (high - slot)) - 1;
  while (reaching) {
    const place = ctz(reaching), settles = addContender(contest, slot + place, sumOf(sums, place));
    reaching &= reaching - 1;
    if (!settles) continue;
    store<i32>(bar, settleHalf(contest, keys, float16, width, k, room));
    reaching &= reachingKeys(sums, load<i32>(bar));
  }
}

/** Searches in f32 for the `failed` queries that were given up, and copies their lists into place. */
function searchAgain(block: QueryBlock, failed: i32, keys: usize, float16: bool, width: i32, k: i32, scratch: usize): void {
  const again = changetype<QueryBlock>(againAt(scratch, width, k));
  again.count = failed;
  again.queries = againQueriesAt(scratch, width, k);
  again.queryStride = width;
  again.scores = againScoresAt(scratch, width, k);
  again.slots = againSlotsAt(scratch, width, k);
  again.listStride = k;
  again.begin = block.begin;
  again.older = block.older;
  again.newer = block.newer;
  searchBlock(again, keys, float16, width, k, againScratchAt(scratch, width, k));
  const bytes = <usize>min(k, keysOf(block)) << 2;
  for (let i = 0, n = 0; i < block.count; i++) {
    if (contestAt(contestsAt(scratch), i).patience >= 0) continue;
    memory.copy(scoresAt(block, i), scoresAt(again, n), bytes);
    memory.copy(slotsAt(block, i), slotsAt(again, n), bytes);
    n++;
  }
}
