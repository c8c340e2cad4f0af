/**
 * Writes a segment's keys or values into the memory's rings: token-major in, one contiguous ring a head out.
 */

/**
 * Copies `count` tokens of `from` [count, heads, width] into the rings of one row, `to` [heads, capacity, width], at slots
 * slot, slot + 1, … modulo `capacity`.
 */
export function ring_append(
  to: usize, from: usize, count: i32, heads: i32, width: i32, capacity: i32, slot: i32,
): void {
  const bytes = <usize>width << 2;
  const ringBytes = <usize>capacity * bytes;
  for (let t = 0; t < count; t++) {
    for (let head = 0; head < heads; head++, from += bytes) {
      memory.copy(to + <usize>head * ringBytes + <usize>slot * bytes, from, bytes);
    }
    if (++slot == capacity) slot = 0;
  }
}
