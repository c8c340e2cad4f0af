/**
 * Two lookups made one: pairs far away and pairs nearby are compared with different queries, and the k best of both count.
 */

/** Bytes of a row's description: three i32. */
const ROW_BYTES: usize = 12;

/**
 * scores, slots [B, T, H, k] (slots i32) = the k best of two such lists, in falling order; of equal scores the far one, which is
 * older, comes first. rows [B, 3] (i32): how many of a row's far and of its near entries are valid, and the pairs ever appended to either
 * ring. Near slots are those of a ring of `nearCapacity`; the results are slots of the far ring, of `capacity`. Where both have fewer than k entries the rest of a list is left alone. Queries [from, to) of the B·T are computed.
 */
export function merge_best(
  scores: usize, slots: usize, farScores: usize, farSlots: usize, nearScores: usize, nearSlots: usize, rows: usize,
  segment: i32, heads: i32, k: i32, nearCapacity: i32, capacity: i32, from: i32, to: i32,
): void {
  for (let query = from; query < to; query++) {
    const row = rows + <usize>(query / segment) * ROW_BYTES;
    const far = load<i32>(row), near = load<i32>(row, 4), written = load<i32>(row, 8);
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
          const age = (written - 1 - load<i32>(nearSlots + n) + nearCapacity) % nearCapacity;
          store<i32>(slots + at, (written - 1 - age) % capacity);
          n += 4;
        }
      }
    }
  }
}
