/**
 * Lists of positions for listed.ts. A list is made from what stood before its query, never from what follows, and names the
 * newest position first. A list that is shorter than K ends with −1.
 */
import { addScaled, dot } from "../base/simd";

/**
 * lists [B, T, K]: the query's own position and every `stride`-th before it, down to first(row). Where n = `every` is above 1, only every
 * n-th token of a document has a list; the others' are empty. Rows [from, to) of B. first, read [B] (i32): the first position of the
 * row's document, and the document's tokens before the segment.
 */
export function strided_lists(
  lists: usize, first: usize, read: usize, segment: i32, past: i32, stride: i32, most: i32, every: i32, from: i32, to: i32,
): void {
  for (let row = from; row < to; row++) {
    const least = load<i32>(first + (row << 2)), before = load<i32>(read + (row << 2));
    for (let i = 0; i < segment; i++) {
      const list = lists + ((<usize>(row * segment + i) * most) << 2);
      const end = (before + i + 1) % every == 0 ? least : i32.MAX_VALUE;
      for (let n = 0, j = past + i; n < most; n++, j -= stride) {
        if (j < end) {
          store<i32>(list + (n << 2), -1);
          break;
        }
        store<i32>(list + (n << 2), j);
      }
    }
  }
}

/** Bytes of scratch for contexts of `length` positions in `buckets` buckets. */
export function bucket_lists_scratch_bytes(length: i32, buckets: i32): i32 {
  return (length + buckets) << 2;
}

/**
 * lists [B, T, H, K]: the last K positions before the query whose key has the query's bucket, and behind them those that the bucket's store
 * keeps. With `own`, the query's position may be among them, and stands alone if there are none. queries [B, T, H] and keys
 * [B, capacity, H] have the buckets, whole numbers as f32; first [B] (i32). A store keeps `kept` pairs of each bucket, in the positions from
 * `stored` on; counts [B, H, buckets] is keep_in_buckets', or 0 where nothing is kept. Units [from, to) of B·H. `scratch`:
 * bucket_lists_scratch_bytes(past + T, buckets).
 */
export function bucket_lists(
  lists: usize, queries: usize, keys: usize, first: usize, counts: usize, stored: i32, kept: i32,
  heads: i32, buckets: i32, segment: i32, past: i32, capacity: i32, most: i32, own: bool,
  from: i32, to: i32, scratch: usize,
): void {
  const before = scratch + (buckets << 2); // the position before each in its bucket
  for (let unit = from; unit < to; unit++) {
    const row = unit / heads, head = unit % heads;
    memory.fill(scratch, 0xff, <usize>buckets << 2); // the newest position of each bucket, −1 for none
    for (let j = load<i32>(first + (row << 2)); j < past + segment; j++) {
      const bucket = <i32>load<f32>(keys + ((<usize>(row * capacity + j) * heads + head) << 2));
      const newest = scratch + (bucket << 2);
      store<i32>(before + (j << 2), load<i32>(newest));
      if (own) store<i32>(newest, j);
      if (j >= past) {
        const query = <usize>(row * segment + j - past) * heads + head;
        const wanted = <i32>load<f32>(queries + (query << 2));
        const list = lists + ((query * most) << 2);
        let n = followChain(list, load<i32>(scratch + (wanted << 2)), before, most);
        if (counts) {
          const count = <i32>load<f32>(counts + (<usize>(unit * buckets + wanted) << 2));
          n = appendStored(list, n, most, stored + wanted * kept, kept, count);
        }
        if (n == 0 && own) store<i32>(list + (n++ << 2), j);
        if (n < most) store<i32>(list + (n << 2), -1);
      }
      if (!own) store<i32>(newest, j);
    }
  }
}

/** Writes the chain of positions from `newest` back, at most `most`; returns how many. */
function followChain(list: usize, newest: i32, before: usize, most: i32): i32 {
  let n = 0;
  for (let j = newest; j >= 0 && n < most; j = load<i32>(before + (j << 2))) store<i32>(list + (n++ << 2), j);
  return n;
}

/** Appends the positions of a bucket's store to a list of n, the newest pair first; returns how long the list is. */
function appendStored(list: usize, n: i32, most: i32, stored: i32, kept: i32, count: i32): i32 {
  for (let i = 1; i <= min(count, kept) && n < most; i++) store<i32>(list + (n++ << 2), stored + (count - i) % kept);
  return n;
}

/**
 * Copies the pairs at positions [begin, end) of one row's context, keys and values [capacity, H, D], into the stores of their buckets [capacity, H],
 * which are in the positions from `stored` on and keep the newest `kept` pairs of each bucket. counts [H, count] (whole numbers as f32) says how
 * many a bucket has taken; from 2 · kept on it starts again at kept, so that it tells the place of the next. Heads [from, to).
 */
export function keep_in_buckets(
  keys: usize, values: usize, buckets: usize, counts: usize, heads: i32, width: i32, count: i32, stored: i32, kept: i32,
  begin: i32, end: i32, from: i32, to: i32,
): void {
  const bytes = <usize>width << 2, stride = <usize>heads * bytes;
  for (let head = from; head < to; head++) {
    for (let j = begin; j < end; j++) {
      const bucket = <i32>load<f32>(buckets + (<usize>(j * heads + head) << 2));
      const place = counts + (<usize>(head * count + bucket) << 2);
      const taken = <i32>load<f32>(place);
      const source = <usize>j * stride + <usize>head * bytes;
      const target = <usize>(stored + bucket * kept + taken % kept) * stride + <usize>head * bytes;
      memory.copy(keys + target, keys + source, bytes);
      memory.copy(values + target, values + source, bytes);
      store<f32>(place, <f32>(taken + 1 == 2 * kept ? kept : taken + 1));
    }
  }
}

/**
 * chosen [N, H] (whole numbers as f32) = argmax of x · direction over `count` directions, the first of equals; score [N, H] is that
 * product. With `signed` their negatives are directions too, numbered from `count` on. x [N, H, D]; directions [H, count, D], or
 * [count, D] for all heads if not `perHead`. Tokens [from, to) of N.
 */
export function nearest_directions(
  chosen: usize, score: usize, x: usize, directions: usize,
  heads: i32, width: i32, count: i32, signed: bool, perHead: bool, from: i32, to: i32,
): void {
  const bytes = <usize>width << 2;
  for (let at = <usize>from * heads; at < <usize>to * heads; at++) {
    let direction = directions + (perHead ? <usize>(<i32>at % heads) * count * bytes : 0);
    let best = 0, most: f32 = -f32.MAX_VALUE;
    for (let n = 0; n < count; n++, direction += bytes) {
      const product = dot(x + at * bytes, direction, width);
      const size = signed ? abs(product) : product;
      if (size <= most) continue;
      most = size;
      best = signed && product < 0 ? count + n : n;
    }
    store<f32>(chosen + (at << 2), <f32>best);
    store<f32>(score + (at << 2), most);
  }
}

/**
 * dcentroids [H, count, D] += factor · the sum of each head's vectors x [N, H, D] that are nearest to a centroid: chosen [N, H]. Heads
 * [from, to).
 */
export function add_to_nearest(
  dcentroids: usize, x: usize, chosen: usize, factor: f32, tokens: i32, heads: i32, width: i32, count: i32, from: i32, to: i32,
): void {
  for (let head = from; head < to; head++) {
    for (let at = head; at < tokens * heads; at += heads) {
      const nearest = head * count + <i32>load<f32>(chosen + (at << 2));
      addScaled(dcentroids + (<usize>(nearest * width) << 2), x + (<usize>(at * width) << 2), factor, width);
    }
  }
}
