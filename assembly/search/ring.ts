/**
 * Writes a segment's keys or values into the memory's rings: token-major in, one contiguous ring per head out.
 */
import { packHalf, storedBytes } from "../base/half";

/**
 * Copies `count` tokens, x [count, heads, width], into the rings of one row, `rings` [heads, capacity, width], at slots
 * slot, slot + 1, … modulo `capacity`. With `float16` the rings hold halves, to which the floats are rounded.
 */
export function ring_append(
  rings: usize, x: usize, count: i32, heads: i32, width: i32, capacity: i32, float16: bool, slot: i32,
): void {
  const bytes = storedBytes(width, float16);
  const ringBytes = <usize>capacity * bytes;
  for (let t = 0; t < count; t++) {
    for (let head = 0; head < heads; head++, x += <usize>width << 2) {
      const pair = rings + <usize>head * ringBytes + <usize>slot * bytes;
      if (float16) packHalf(pair, x, width);
      else memory.copy(pair, x, bytes);
    }
    if (++slot == capacity) slot = 0;
  }
}
