/**
 * Centroids of a ring's keys, by a few passes of spherical k-means: a key belongs to the centroid with which it has the largest
 * inner product, and a centroid is the direction of the sum of its keys.
 *
 * Assigning keys is the search for their one nearest centroid, so topk.ts does it with k = 1. Nothing is drawn at random: the
 * same keys give the same centroids, bit for bit, on any number of threads. The kernels take all heads of one row: their
 * indices (lists.ts), `stride` bytes apart, and keys [H, capacity, D], floats or halves. "Keys slot, step, count" are those in
 * the `count` slots slot, slot + step, … modulo the capacity. How often keys are assigned, and which, is the caller's matter.
 */
import { floatsAt } from "./half";
import { capacityOf, centroidsOf, listOf, listsOf, widthOf } from "./lists";
import { dot } from "./norm";
import { QUERY_BLOCK, searchBlock, topk_scratch_bytes } from "./topk";
import { addTo } from "./vectors";

/**
 * Starts with keys at even distances among the `count` keys from `slot` on; centroids must be 0 before. Heads [from, to) are
 * computed. `scratch`: D floats.
 */
export function kmeans_start(
  indices: usize, stride: usize, keys: usize, half: bool, slot: i32, count: i32, from: i32, to: i32, scratch: usize,
): void {
  const width = widthOf(indices), capacity = capacityOf(indices);
  for (let head = from; head < to; head++) {
    const index = indices + head * stride;
    const lists = listsOf(index);
    for (let list = 0; list < lists; list++) {
      const at = <i32>((<i64>list * count / lists + slot) % capacity);
      const key = floatsAt(keys, <usize>(head * capacity + at) * width, width, half, scratch);
      setDirection(centroidsOf(index) + ((<usize>list * width) << 2), key, width);
    }
  }
}

/** y = x / ‖x‖; y stays as it is where x has no direction. */
function setDirection(y: usize, x: usize, width: i32): void {
  const norm: f32 = sqrt<f32>(dot(x, x, width));
  if (!(norm > 0 && norm <= f32.MAX_VALUE)) return;
  for (let d = 0; d < width; d++) store<f32>(y + (d << 2), load<f32>(x + (d << 2)) / norm);
}

/** Units of work in assigning `count` keys of each head. */
export function kmeans_assign_units(heads: i32, count: i32): i32 {
  return heads * ((count + QUERY_BLOCK - 1) / QUERY_BLOCK);
}

/** Bytes of scratch for `kmeans_assign`. */
export function kmeans_assign_scratch_bytes(width: i32): i32 {
  return (QUERY_BLOCK * (width + 2) << 2) + topk_scratch_bytes(width);
}

/** Notes the nearest list of each of the keys slot, step, count. Units [from, to) of kmeans_assign_units are computed. */
export function kmeans_assign(
  indices: usize, stride: usize, keys: usize, half: bool, slot: i32, step: i32, count: i32, from: i32, to: i32, scratch: usize,
): void {
  const width = widthOf(indices), capacity = capacityOf(indices);
  const bytes = <usize>width << 2;
  const scores = scratch + QUERY_BLOCK * bytes;
  const nearest = scores + (QUERY_BLOCK << 2);
  const work = nearest + (QUERY_BLOCK << 2);
  const blocks = (count + QUERY_BLOCK - 1) / QUERY_BLOCK;
  for (let unit = from; unit < to; unit++) {
    const head = unit / blocks, first = unit % blocks * QUERY_BLOCK;
    const index = indices + head * stride;
    const n = min(QUERY_BLOCK, count - first);
    const start = <i32>((<i64>first * step + slot) % capacity);
    for (let i = 0, at = start; i < n; i++, at = (at + step) % capacity) {
      const room = scratch + i * bytes, key = floatsAt(keys, <usize>(head * capacity + at) * width, width, half, room);
      if (!half) memory.copy(room, key, bytes);
    }
    memory.fill(nearest, 0, QUERY_BLOCK << 2); // list 0 takes keys that are not numbers
    searchBlock(scores, nearest, 1, scratch, width, n, centroidsOf(index), false, width, 0, listsOf(index), 0, 1, work);
    for (let i = 0, at = start; i < n; i++, at = (at + step) % capacity) {
      store<u16>(listOf(index, at), <u16>load<i32>(nearest + (i << 2)));
    }
  }
}

/** Bytes of scratch for `kmeans_move` with up to `most` lists. */
export function kmeans_move_scratch_bytes(width: i32, most: i32): i32 {
  return (width + most * width) << 2;
}

/**
 * Moves each centroid to the direction of the sum of those keys slot, step, count that are assigned to it; without any it stays.
 * Heads [from, to) are computed.
 */
export function kmeans_move(
  indices: usize, stride: usize, keys: usize, half: bool, slot: i32, step: i32, count: i32, from: i32, to: i32, scratch: usize,
): void {
  const width = widthOf(indices), capacity = capacityOf(indices);
  const bytes = <usize>width << 2;
  const sums = scratch + bytes;
  for (let head = from; head < to; head++) {
    const index = indices + head * stride;
    const lists = listsOf(index), centroids = centroidsOf(index);
    memory.fill(sums, 0, <usize>lists * bytes);
    for (let i = 0, at = slot; i < count; i++, at = (at + step) % capacity) {
      const key = floatsAt(keys, <usize>(head * capacity + at) * width, width, half, scratch);
      addTo(sums + load<u16>(listOf(index, at)) * bytes, key, width);
    }
    for (let list = 0; list < lists; list++) setDirection(centroids + list * bytes, sums + list * bytes, width);
  }
}
