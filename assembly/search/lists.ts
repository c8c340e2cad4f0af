/**
 * Inverted lists over one head's ring of keys: which keys lie near which centroid, first in, first out.
 *
 * A list is a chain of chunks, oldest key first. A chunk holds copies of 32 keys in the layout that the tile of matmul.ts reads.
 * A ring forgets its oldest key first, which is therefore the first of its list. So a key enters at the end of one chain and
 * leaves at the beginning of another, and a chunk whose keys have all left is free for any list. The clustering (kmeans.ts)
 * decides which list a key belongs to. inverted.ts searches the lists.
 *
 * All of it is one block of bytes, the head's "index": a header, and the parts whose offsets the header gives.
 */
import { floatsAt } from "../base/storage";
import { listsOf, nearestTo } from "./kmeans";
import { TILE_COLUMNS } from "../ops/matmul";

/** Keys per chunk. Longer chunks are read faster, but waste more room: up to two chunks per list. */
export const CHUNK: i32 = 32;

/** Offsets of the header's fields (i32): D, slots of the ring, chunks, first free chunk, then byte offsets of the parts. */
const WIDTH: usize = 0;
const CAPACITY: usize = 4;
const ROOM: usize = 8;
const FREE: usize = 12;
const CLUSTERING: usize = 16;
const NEXT: usize = 20;
const SLOTS: usize = 24;
const CHUNKS: usize = 28;
const HEADER_BYTES: i32 = 64;

/** Offsets of an entry's fields (i32): first chunk, how many of that chunk's keys have left, last chunk, length. */
const FIRST: usize = 0;
const GONE: usize = 4;
const LAST: usize = 8;
const LENGTH: usize = 12;
const ENTRY_BYTES: i32 = 16;

/** Chunks that `size` keys in up to `most` lists can take: the first and last chunk of each list may hold a single key. */
function roomFor(size: i32, most: i32): i32 {
  return (size + (2 * CHUNK - 2) * min(size, most)) / CHUNK + 1;
}

/** Byte offset of the chunks, after all other parts. */
function chunksOffset(room: i32, most: i32): i64 {
  return (HEADER_BYTES + <i64>most * ENTRY_BYTES + (<i64>room * (1 + CHUNK) << 2) + 63) & ~63;
}

/** Bytes of one head's index over a ring with `size` visible slots, with up to `most` lists. */
export function lists_bytes(width: i32, size: i32, most: i32): f64 {
  const room = roomFor(size, most);
  return <f64>((chunksOffset(room, most) + (<i64>(room * CHUNK) * width << 2) + 63) & ~63);
}

/** Writes the header of a head's index. Clear the index before its first use. */
export function lists_layout(index: usize, width: i32, capacity: i32, size: i32, most: i32): void {
  const room = roomFor(size, most);
  const next = HEADER_BYTES + most * ENTRY_BYTES;
  store<i32>(index, width, WIDTH);
  store<i32>(index, capacity, CAPACITY);
  store<i32>(index, room, ROOM);
  store<i32>(index, next, NEXT);
  store<i32>(index, next + (room << 2), SLOTS);
  store<i32>(index, <i32>chunksOffset(room, most), CHUNKS);
}

/** Empties the lists of `heads` indices, `stride` bytes apart, and attaches the clustering `offset` bytes after each index. */
export function lists_clear(indices: usize, stride: usize, heads: i32, offset: i32): void {
  for (let head = 0, index = indices; head < heads; head++, index += stride) {
    const room = load<i32>(index, ROOM);
    for (let chunk = 0; chunk < room; chunk++) setNextChunk(index, chunk, chunk + 1);
    store<i32>(index, 0, FREE);
    store<i32>(index, offset, CLUSTERING);
    memory.fill(entryOf(index, 0), 0, <usize>(listsOf(clusteringOf(index)) * ENTRY_BYTES));
  }
}

@inline
export function widthOf(index: usize): i32 {
  return load<i32>(index, WIDTH);
}

@inline
export function capacityOf(index: usize): i32 {
  return load<i32>(index, CAPACITY);
}

/** Address of the clustering that assigns keys to the lists. */
@inline
export function clusteringOf(index: usize): usize {
  return index + load<i32>(index, CLUSTERING);
}

@inline
export function entryOf(index: usize, list: i32): usize {
  return index + HEADER_BYTES + list * ENTRY_BYTES;
}

@inline
export function firstChunkOf(entry: usize): i32 {
  return load<i32>(entry, FIRST);
}

/** Number of keys that have left a list's first chunk. */
@inline
export function goneOf(entry: usize): i32 {
  return load<i32>(entry, GONE);
}

@inline
export function lengthOf(entry: usize): i32 {
  return load<i32>(entry, LENGTH);
}

@inline
export function nextChunk(index: usize, chunk: i32): i32 {
  return load<i32>(index + load<i32>(index, NEXT) + (chunk << 2));
}

@inline
function setNextChunk(index: usize, chunk: i32, next: i32): void {
  store<i32>(index + load<i32>(index, NEXT) + (chunk << 2), next);
}

/** Address of a chunk's keys, [CHUNK / 8][D][8]. */
@inline
export function panelsOf(index: usize, chunk: i32): usize {
  return index + load<i32>(index, CHUNKS) + ((<usize>(chunk * CHUNK) * widthOf(index)) << 2);
}

/** Address of the ring slots of a chunk's keys, i32 [CHUNK]. */
@inline
export function slotsOf(index: usize, chunk: i32): usize {
  return index + load<i32>(index, SLOTS) + ((chunk * CHUNK) << 2);
}

/**
 * Copies the keys in slots slot, slot + 1, … modulo the capacity to the ends of their lists. keys [H, capacity, D], floats or
 * halves; indices [H], `stride` bytes apart. Heads [from, to) are computed. `scratch`: D floats.
 */
export function lists_append(
  indices: usize, stride: usize, keys: usize, float16: bool, slot: i32, count: i32, from: i32, to: i32, scratch: usize,
): void {
  const width = widthOf(indices), capacity = capacityOf(indices);
  for (let head = from; head < to; head++) {
    const index = indices + head * stride, clustering = clusteringOf(index);
    for (let i = 0, at = slot; i < count; i++) {
      const key = floatsAt(keys, <usize>(head * capacity + at) * width, width, float16, scratch);
      append(index, entryOf(index, load<u16>(nearestTo(clustering, at))), at, key, width);
      if (++at == capacity) at = 0;
    }
  }
}

function append(index: usize, entry: usize, slot: i32, key: usize, width: i32): void {
  const length = lengthOf(entry);
  const column = (goneOf(entry) + length) % CHUNK;
  if (column == 0) startChunk(index, entry);
  store<i32>(entry, length + 1, LENGTH);
  const chunk = load<i32>(entry, LAST);
  store<i32>(slotsOf(index, chunk) + (column << 2), slot);
  const panel = panelsOf(index, chunk) + ((column / TILE_COLUMNS * TILE_COLUMNS * width) << 2);
  const y = panel + (column % TILE_COLUMNS << 2);
  for (let d = 0; d < width; d++) store<f32>(y + ((d * TILE_COLUMNS) << 2), load<f32>(key + (d << 2)));
}

/** Takes a free chunk and makes it the last of a list. */
function startChunk(index: usize, entry: usize): void {
  const chunk = load<i32>(index, FREE);
  store<i32>(index, nextChunk(index, chunk), FREE);
  if (lengthOf(entry) == 0) store<i32>(entry, chunk, FIRST);
  else setNextChunk(index, load<i32>(entry, LAST), chunk);
  store<i32>(entry, chunk, LAST);
}

/** Removes the keys in slots slot, slot + 1, …, which must be the oldest ones, from the lists of `heads` indices. */
export function lists_drop(indices: usize, stride: usize, heads: i32, slot: i32, count: i32): void {
  for (let head = 0, index = indices; head < heads; head++, index += stride) {
    const capacity = capacityOf(index), clustering = clusteringOf(index);
    for (let i = 0, at = slot; i < count; i++) {
      dropFirst(index, entryOf(index, load<u16>(nearestTo(clustering, at))));
      if (++at == capacity) at = 0;
    }
  }
}

function dropFirst(index: usize, entry: usize): void {
  const length = lengthOf(entry) - 1, gone = goneOf(entry) + 1;
  store<i32>(entry, length, LENGTH);
  store<i32>(entry, gone, GONE);
  if (length > 0 && gone < CHUNK) return;
  const chunk = firstChunkOf(entry);
  store<i32>(entry, nextChunk(index, chunk), FIRST);
  store<i32>(entry, 0, GONE);
  setNextChunk(index, chunk, load<i32>(index, FREE));
  store<i32>(index, chunk, FREE);
}
