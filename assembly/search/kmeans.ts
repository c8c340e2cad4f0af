/**
 * Clusterings of a ring's keys, by spherical k-means. A key belongs to the centroid with which it has the largest inner product. A
 * centroid is the direction of the sum of its keys, where keys seen earlier may count less.
 *
 * Assigning keys is a search for their one nearest centroid, so exact.ts does it with k = 1. Nothing is drawn at random: the same
 * keys give bit-identical centroids on any number of threads, however the work is cut into calls. The caller
 * (src/memory/search/row-lists.ts) decides which keys are assigned, and when. lists.ts makes lists of them.
 *
 * A clustering is a block of bytes: a header, the centroids, the sums whose directions they are, and the nearest centroid of each
 * slot of the ring. The kernels take the clusterings of all heads of one row, `stride` bytes apart, and keys [H, capacity, D],
 * floats or halves. "Keys slot, step, count" are those in the `count` slots slot, slot + step, … modulo the capacity.
 */
import { floatsAt } from "../base/storage";
import { addTo, dot } from "../base/simd";
import { BLOCK_SIZE, searchBlock, searchScratchBytes } from "./exact";
import { blocksOf, QUERY_BLOCK_BYTES, queryAt, QueryBlock, scoresAt, slotsAt } from "./lookup";

/** Offsets of the header's fields (i32): D, slots of the ring, lists in use, then byte offsets of the sums and nearest lists. */
const WIDTH: usize = 0;
const CAPACITY: usize = 4;
const LISTS: usize = 8;
const SUMS: usize = 12;
const NEAREST: usize = 16;
const HEADER_BYTES: i32 = 64;

/** Byte offset of the sums, after the centroids. */
@inline
function sumsOffset(width: i32, most: i32): i64 {
  return HEADER_BYTES + (<i64>most * width << 2);
}

/** Byte offset of the nearest lists, after the sums. */
@inline
function nearestOffset(width: i32, most: i32): i64 {
  return sumsOffset(width, most) + (<i64>most * width << 2);
}

/** Bytes of a clustering of a ring of `capacity` slots into up to `most` lists. */
export function kmeans_bytes(width: i32, capacity: i32, most: i32): f64 {
  return <f64>((nearestOffset(width, most) + (<i64>capacity << 1) + 63) & ~63);
}

/** Writes the header of a clustering; it has no lists yet. */
export function kmeans_layout(clustering: usize, width: i32, capacity: i32, most: i32): void {
  store<i32>(clustering, width, WIDTH);
  store<i32>(clustering, capacity, CAPACITY);
  store<i32>(clustering, 0, LISTS);
  store<i32>(clustering, <i32>sumsOffset(width, most), SUMS);
  store<i32>(clustering, <i32>nearestOffset(width, most), NEAREST);
}

/** Number of lists in use. */
@inline
export function listsOf(clustering: usize): i32 {
  return load<i32>(clustering, LISTS);
}

/** The centroids, [lists, D]. */
@inline
export function centroidsOf(clustering: usize): usize {
  return clustering + HEADER_BYTES;
}

/** Sums of keys, [lists, D]; the centroids are their directions. */
@inline
function sumsOf(clustering: usize): usize {
  return clustering + load<i32>(clustering, SUMS);
}

/** Address of the number (u16) of the list nearest to the key in `slot`. */
@inline
export function nearestTo(clustering: usize, slot: i32): usize {
  return clustering + load<i32>(clustering, NEAREST) + (slot << 1);
}

/**
 * Starts over with `lists` centroids: evenly spaced keys among the `count` keys from `slot` on, or zeros without keys. Heads
 * [from, to) are computed. `scratch`: D floats.
 */
export function kmeans_start(
  clusterings: usize, stride: usize, keys: usize, float16: bool, lists: i32, slot: i32, count: i32, from: i32, to: i32, scratch: usize,
): void {
  const width = load<i32>(clusterings, WIDTH), capacity = load<i32>(clusterings, CAPACITY);
  for (let head = from; head < to; head++) {
    const clustering = clusterings + head * stride, centroids = centroidsOf(clustering);
    store<i32>(clustering, lists, LISTS);
    memory.fill(centroids, 0, <usize>(lists * width) << 2);
    memory.fill(sumsOf(clustering), 0, <usize>(lists * width) << 2);
    for (let list = 0; count > 0 && list < lists; list++) {
      const at = <i32>((<i64>list * count / lists + slot) % capacity);
      const key = floatsAt(keys, <usize>(head * capacity + at) * width, width, float16, scratch);
      setDirection(centroids + ((<usize>list * width) << 2), key, width);
    }
  }
}

/** y = x / ‖x‖; y is unchanged if x does not have a direction. */
function setDirection(y: usize, x: usize, width: i32): void {
  const norm: f32 = sqrt<f32>(dot(x, x, width));
  if (!(norm > 0 && norm <= f32.MAX_VALUE)) return;
  for (let d = 0; d < width; d++) store<f32>(y + (d << 2), load<f32>(x + (d << 2)) / norm);
}

/** Units of work in assigning `count` keys of each head. */
export function kmeans_assign_units(heads: i32, count: i32): i32 {
  return heads * blocksOf(count, BLOCK_SIZE);
}

// Scratch of kmeans_assign: a query block, its queries, which are keys, their scores and nearest lists, the scratch of the search.

@inline
function queriesAt(scratch: usize): usize {
  return scratch + QUERY_BLOCK_BYTES;
}

@inline
function nearestScoresAt(scratch: usize, width: i32): usize {
  return queriesAt(scratch) + ((<usize>BLOCK_SIZE * width) << 2);
}

@inline
function nearestListsAt(scratch: usize, width: i32): usize {
  return nearestScoresAt(scratch, width) + (BLOCK_SIZE << 2);
}

@inline
function searchScratchAt(scratch: usize, width: i32): usize {
  return nearestListsAt(scratch, width) + (BLOCK_SIZE << 2);
}

/** Bytes of scratch for `kmeans_assign`. */
export function kmeans_assign_scratch_bytes(width: i32): i32 {
  return <i32>(searchScratchAt(0, width) + searchScratchBytes(width, 1));
}

/** Records the nearest list of each of the keys slot, step, count. Units [from, to) of kmeans_assign_units are computed. */
export function kmeans_assign(
  clusterings: usize, stride: usize, keys: usize, float16: bool, slot: i32, step: i32, count: i32, from: i32, to: i32, scratch: usize,
): void {
  const width = load<i32>(clusterings, WIDTH), capacity = load<i32>(clusterings, CAPACITY);
  const bytes = <usize>width << 2;
  const block = openAssignment(scratch, width);
  const blocks = blocksOf(count, BLOCK_SIZE);
  for (let unit = from; unit < to; unit++) {
    const head = unit / blocks, first = unit % blocks * BLOCK_SIZE;
    const clustering = clusterings + head * stride;
    const start = <i32>((<i64>first * step + slot) % capacity);
    block.count = min(BLOCK_SIZE, count - first);
    block.older = listsOf(clustering);
    for (let i = 0, at = start; i < block.count; i++, at = (at + step) % capacity) {
      const room = queryAt(block, i), key = floatsAt(keys, <usize>(head * capacity + at) * width, width, float16, room);
      if (!float16) memory.copy(room, key, bytes);
    }
    searchBlock(block, centroidsOf(clustering), false, width, 1, searchScratchAt(scratch, width));
    for (let i = 0, at = start; i < block.count; i++, at = (at + step) % capacity) {
      const isFound = load<f32>(scoresAt(block, i)) > -Infinity; // list 0 takes keys of NaNs
      store<u16>(nearestTo(clustering, at), isFound ? <u16>load<i32>(slotsAt(block, i)) : 0);
    }
  }
}

/** Opens a query block for keys that search centroids; their numbers follow. */
function openAssignment(scratch: usize, width: i32): QueryBlock {
  const block = changetype<QueryBlock>(scratch);
  block.queries = queriesAt(scratch);
  block.queryStride = width;
  block.scores = nearestScoresAt(scratch, width);
  block.slots = nearestListsAt(scratch, width);
  block.listStride = 1;
  block.begin = 0;
  block.newer = 0;
  return block;
}

/**
 * Moves each centroid. Its sum is decayed by `kept`, then the keys slot, step, count that are assigned to it are added. The centroid
 * becomes the direction of the sum, or stays if that has none. Heads [from, to) are computed. `scratch`: D floats.
 */
export function kmeans_move(
  clusterings: usize, stride: usize, keys: usize, float16: bool, slot: i32, step: i32, count: i32, kept: f32,
  from: i32, to: i32, scratch: usize,
): void {
  const width = load<i32>(clusterings, WIDTH), capacity = load<i32>(clusterings, CAPACITY);
  const bytes = <usize>width << 2;
  for (let head = from; head < to; head++) {
    const clustering = clusterings + head * stride;
    const lists = listsOf(clustering), centroids = centroidsOf(clustering), sums = sumsOf(clustering);
    for (let at = sums, end = sums + <usize>lists * bytes; at < end; at += 4) store<f32>(at, load<f32>(at) * kept);
    for (let i = 0, at = slot; i < count; i++, at = (at + step) % capacity) {
      const key = floatsAt(keys, <usize>(head * capacity + at) * width, width, float16, scratch);
      addTo(sums + load<u16>(nearestTo(clustering, at)) * bytes, key, width);
    }
    for (let list = 0; list < lists; list++) setDirection(centroids + list * bytes, sums + list * bytes, width);
  }
}
