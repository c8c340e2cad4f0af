/**
 * The k best of a stream of (score, slot), in falling order of score. Among equal scores, the earlier one comes first.
 *
 * Insertion has no branch to mispredict: every entry after the new score moves one place, four entries at a time, from the
 * end to the beginning. So a list has room for k rounded up to a multiple of four, after a guard that no score beats. Lists live
 * in scratch; when a search is over, `copyBest` copies the entries to where the caller wants them.
 */

@inline
function padded(k: i32): i32 {
  return (k + 3) & ~3;
}

/** Bytes of a list: guard and scores, guard and slots. */
@inline
export function bestBytes(k: i32): i32 {
  return (2 * padded(k) + 8) << 2;
}

/** Empties a list: scores of −∞ in slot 0. They stay where no score compares, as with a query of NaNs. */
export function clearBest(list: usize, k: i32): void {
  const bytes = <usize>padded(k) << 2;
  v128.store(list, f32x4.splat(Infinity));
  for (let at = list + 16, end = at + bytes; at < end; at += 16) v128.store(at, f32x4.splat(-Infinity));
  memory.fill(list + 32 + bytes, 0, bytes);
}

/** The k-th best score, or −∞ while there are fewer: a new entry must exceed it. */
@inline
export function leastOfBest(list: usize, k: i32): f32 {
  return load<f32>(list + (k << 2), 12);
}

/** Inserts an entry in order; the last entry drops out. */
export function insertBest(list: usize, k: i32, score: f32, slot: i32): void {
  const scores = list + 16, slots = scores + ((padded(k) + 4) << 2);
  const x = f32x4.splat(score), number = i32x4.splat(slot);
  for (let at = (padded(k) - 4) << 2; at >= 0; at -= 16) {
    const here = v128.load(scores + at), before = v128.load(scores + at - 4);
    const stays = f32x4.ge(here, x), follows = f32x4.ge(before, x);
    v128.store(scores + at, v128.bitselect(here, v128.bitselect(x, before, follows), stays));
    const moved = v128.bitselect(number, v128.load(slots + at - 4), follows);
    v128.store(slots + at, v128.bitselect(v128.load(slots + at), moved, stays));
  }
}

/** Copies the first `count` entries as [count] scores and [count] slots (i32). */
export function copyBest(scores: usize, slots: usize, list: usize, k: i32, count: i32): void {
  memory.copy(scores, list + 16, <usize>count << 2);
  memory.copy(slots, list + 32 + (padded(k) << 2), <usize>count << 2);
}
