/**
 * Chooses the lists that each query searches, and groups the queries by list.
 *
 * A query probes the lists whose centroids have the largest inner products with it, in any order; empty lists come
 * last. They are found by bisection over the bits of the scores: counting how many reach a bar takes no branches, while keeping a
 * sorted list of the best takes thousands. Keys are not read here (see inverted.ts).
 */
import { centroidsOf, listsOf } from "./kmeans";
import { clusteringOf, entryOf, lengthOf, widthOf } from "./lists";
import { multiplyPanels, packPanels, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "../ops/matmul";
import { scoreFour } from "./exact";
import { hiddenInteger } from "../base/simd";

/** Queries whose scores are held at a time: whole panels. */
const BLOCK: i32 = 60;

// Scratch: scores [BLOCK, columns], −1 for each empty list, centroids in panels, queries in panels, a tile.

/** `lists` in whole panels. */
@inline
function columnsOf(lists: i32): i32 {
  return (lists + TILE_COLUMNS - 1) & ~(TILE_COLUMNS - 1);
}

@inline
function emptyAt(scratch: usize, lists: i32): usize {
  return scratch + ((<usize>columnsOf(lists) * BLOCK) << 2);
}

@inline
function panelsAt(scratch: usize, lists: i32): usize {
  return emptyAt(scratch, lists) + (<usize>columnsOf(lists) << 2);
}

@inline
function packedAt(scratch: usize, lists: i32, width: i32): usize {
  return panelsAt(scratch, lists) + ((<usize>columnsOf(lists) * width) << 2);
}

@inline
function tileAt(scratch: usize, lists: i32, width: i32): usize {
  return packedAt(scratch, lists, width) + ((<usize>BLOCK * width) << 2);
}

/** Bytes of scratch for `findProbes`, with up to `most` lists. */
export function probesScratchBytes(width: i32, most: i32): usize {
  return tileAt(0, most, width) + TILE_BYTES;
}

/** probed [count, probes] (i32): the lists whose centroids are nearest to each query; among equally near ones, the first. */
export function findProbes(
  probed: usize, queries: usize, queryStride: i32, count: i32, index: usize, probes: i32, scratch: usize,
): void {
  const lists = listsOf(clusteringOf(index)), centroids = centroidsOf(clusteringOf(index)), width = widthOf(index);
  const columns = columnsOf(lists), empty = emptyAt(scratch, lists), panels = panelsAt(scratch, lists);
  const packed = packedAt(scratch, lists, width), tile = tileAt(scratch, lists, width);
  const packs = count >= TILE_ROWS;
  for (let list = 0; list < columns; list++) {
    store<i32>(empty + (list << 2), list < lists && lengthOf(entryOf(index, list)) > 0 ? 0 : -1);
  }
  if (packs) packPanels(panels, centroids, lists, width, width, 1, TILE_COLUMNS);
  for (let i = 0; i < count; i += BLOCK) {
    const n = min(BLOCK, count - i), block = queries + ((<usize>i * queryStride) << 2);
    if (packs) {
      packPanels(packed, block, n, width, queryStride, 1, TILE_ROWS);
      multiplyPanels(scratch, columns, packed, width, panels, width, n, lists, width, false, tile);
    }
    for (let j = 0; j < n; j++) {
      const row = scratch + ((<usize>j * columns) << 2);
      if (!packs) scoreDirectly(row, block + ((<usize>j * queryStride) << 2), centroids, lists, width);
      toOrderedIntegers(row, empty, lists);
      chooseBest(probed + (<usize>((i + j) * probes) << 2), probes, row, lists);
    }
  }
}

/** Scores one query against all centroids, unpacked; sums run in the same order as in a tile. */
function scoreDirectly(row: usize, query: usize, centroids: usize, lists: i32, width: i32): void {
  const bytes = <usize>width << 2;
  for (let list = 0; list < lists; list += 4, centroids += bytes << 2) {
    const last = min(3, lists - 1 - list);
    const four = scoreFour(
      query, centroids, centroids + min(1, last) * bytes, centroids + min(2, last) * bytes, centroids + last * bytes, width,
    );
    v128.store(row + (list << 2), four);
  }
}

/** Replaces `n` floats, rounded up to fours, by integers of the same order; where `without` (i32) is −1, by the least integer. */
function toOrderedIntegers(x: usize, without: usize, n: i32): void {
  const least = hiddenInteger(i32.MIN_VALUE, n >> 31); // n is never negative
  for (const end = x + (<usize>n << 2); x < end; x += 16, without += 16) {
    const bits = v128.load(x);
    const ordered = v128.xor(bits, i32x4.shr_u(i32x4.shr_s(bits, 31), 1));
    v128.store(x, v128.bitselect(least, ordered, v128.load(without)));
  }
}

/** Finds the places of the `wanted` largest of `n` ≥ `wanted` integers; among equal ones, the first. */
function chooseBest(chosen: usize, wanted: i32, scores: usize, n: i32): void {
  const bar = barFor(wanted, scores, n);
  let equals = wanted - countAbove(scores, n, bar);
  for (let j = 0; j < n; j += 4) {
    const four = v128.load(scores + (j << 2));
    for (let reaching = i32x4.bitmask(i32x4.ge_s(four, i32x4.splat(bar))); reaching; reaching &= reaching - 1) {
      const at = j + ctz(reaching);
      if (load<i32>(scores + (at << 2)) == bar && equals-- <= 0) continue;
      store<i32>(chosen, at);
      chosen += 4;
    }
  }
}

/** The largest integer that at least `wanted` of the n reach, or a smaller one that exactly `wanted` reach. `n` ≥ `wanted`. */
function barFor(wanted: i32, x: usize, n: i32): i32 {
  let low = i32.MIN_VALUE, high = i32.MAX_VALUE;
  while (low < high) {
    const middle = high - <i32>((<u32>high - <u32>low) >> 1);
    const reaching = countAbove(x, n, middle - 1);
    if (reaching >= wanted) low = middle;
    else high = middle - 1;
    if (reaching == wanted) break;
  }
  return low;
}

/** Counts the integers, among `n`, that are larger than `bar`. */
function countAbove(x: usize, n: i32, bar: i32): i32 {
  const bars = i32x4.splat(bar);
  let counts = i32x4.splat(0);
  for (const end = x + (<usize>n << 2); x < end; x += 16) counts = i32x4.sub(counts, i32x4.gt_s(v128.load(x), bars));
  return i32x4.extract_lane(counts, 0) + i32x4.extract_lane(counts, 1) + i32x4.extract_lane(counts, 2) + i32x4.extract_lane(counts, 3);
}

/** Sorts the queries by the lists they probe: those of list l are members [starts[l], starts[l + 1]), in rising order. */
export function groupByList(members: usize, starts: usize, probed: usize, count: i32, probes: i32, lists: i32): void {
  memory.fill(starts, 0, <usize>(lists + 1) << 2);
  for (let i = 0; i < count * probes; i++) {
    const start = starts + (load<i32>(probed + (i << 2)) << 2);
    store<i32>(start, load<i32>(start) + 1);
  }
  for (let list = 1; list <= lists; list++) {
    const start = starts + (list << 2);
    store<i32>(start, load<i32>(start) + load<i32>(start - 4));
  }
  for (let i = count * probes - 1; i >= 0; i--) {
    const start = starts + (load<i32>(probed + (i << 2)) << 2);
    const at = load<i32>(start) - 1;
    store<i32>(start, at);
    store<i32>(members + (<usize>at << 2), i / probes);
  }
}
