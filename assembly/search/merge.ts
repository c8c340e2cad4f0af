/**
 * Two lookups made one: pairs far away and pairs nearby are compared with different queries, and the k best of both count.
 */
import { behind } from "../base/storage";

/** Bytes of a row's description: four i32. */
const ROW_BYTES: usize = 16;

/**
 * scores, slots [B, T, H, k] (slots i32) = the k best of two such lists, in falling order; of equal scores the far one, which is
 * older, comes first. rows [B, 4] (i32): how many of a row's far and of its near entries are valid, and the slots of its newest pair in the
 * far and in the near ring. Near slots are those of a ring of `nearCapacity`; the results are slots of the far ring, of `capacity`. Where both have fewer than k entries the rest of a list is left alone. Queries [from, to) of the B·T are computed.
 */
export function merge_best(
  scores: usize, slots: usize, farScores: usize, farSlots: usize, nearScores: usize, nearSlots: usize, rows: usize,
  segment: i32, heads: i32, k: i32, nearCapacity: i32, capacity: i32, from: i32, to: i32,
): void {
  for (let query = from; query < to; query++) {
    const row = rows + <usize>(query / segment) * ROW_BYTES;
    const far = load<i32>(row), near = load<i32>(row, 4), newest = load<i32>(row, 8), nearNewest = load<i32>(row, 12);
    for (let list = <usize>query * heads * k << 2, end = list + (<usize>(heads * k) << 2); list < end; list += <usize>k << 2) {
      let f = list, n = list;
      const farEnd = list + (far << 2), nearEnd = list + (near << 2), room = min(k, far + near) << 2;
      for (let at = list; at < list + room; at += 4) {
        if (n >= nearEnd || (f < farEnd && load<f32>(farScores + f) >= load<f32>(nearScores + n))) {
          store<f32>(scores + at, load<f32>(farScores + f));
          store<i32>(slots + at, load<i32>(farSlots + f));
          f += 4;
        } else {
          store<f32>(scores + at, load<f32>(nearScores + n));
          const age = behind(nearNewest, load<i32>(nearSlots + n), nearCapacity);
          store<i32>(slots + at, behind(newest, age, capacity));
          n += 4;
        }
      }
    }
  }
}
