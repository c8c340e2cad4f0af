/**
 * Writes a segment's keys or values into the memory's rings: token-major in, one contiguous ring per head out.
 */
import { packHalf, storedBytes } from "../base/half";

/**
 * Copies `count` tokens of `from` [count, heads, width] into the rings of one row, `to` [heads, capacity, width], at slots
 * slot, slot + 1, … modulo `capacity`. `half`: the rings hold halves, which the floats are rounded to.
 */
export function ring_append(
  to: usize, from: usize, count: i32, heads: i32, width: i32, capacity: i32, half: bool, slot: i32,
): void {
  const bytes = storedBytes(width, half);
  const ringBytes = <usize>capacity * bytes;
  for (let t = 0; t < count; t++) {
    for (let head = 0; head < heads; head++, from += <usize>width << 2) {
      const pair = to + <usize>head * ringBytes + <usize>slot * bytes;
      if (half) packHalf(pair, from, width);
      else memory.copy(pair, from, bytes);
    }
    if (++slot == capacity) slot = 0;
  }
}
