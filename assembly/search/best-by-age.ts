/**
 * Lists as in best.ts, for keys that do not arrive in order of age. Among equal scores, the lower number, which is the older key,
 * comes first.
 */
import { bestBytes, clearBest } from "./best";

/** The number of an entry that is still empty: younger than any key. */
const NO_KEY: i32 = i32.MAX_VALUE;

/** Address of the numbers of a list's entries, after their guard. */
@inline
function numbersOf(list: usize, k: i32): usize {
  return list + (bestBytes(k) >> 1) + 16;
}

/** Empties a list. */
export function clearByAge(list: usize, k: i32): void {
  clearBest(list, k);
  const numbers = numbersOf(list, k);
  v128.store(numbers - 16, i32x4.splat(-1));
  for (let at = numbers, end = list + bestBytes(k); at < end; at += 16) v128.store(at, i32x4.splat(NO_KEY));
}

/** Whether a list has `count` entries. */
@inline
export function holds(list: usize, k: i32, count: i32): bool {
  return load<i32>(numbersOf(list, k) + ((count - 1) << 2)) != NO_KEY;
}

/** Inserts an entry in order. The last entry drops out, or the new one if it comes after all others. */
export function insertByAge(list: usize, k: i32, score: f32, number: i32): void {
  const x = f32x4.splat(score), n = i32x4.splat(number);
  const first = list + 16, offset = bestBytes(k) >> 1;
  for (let at = list + offset - 16; at >= first; at -= 16) {
    const here = v128.load(at), hereNumbers = v128.load(at + offset);
    const before = v128.load(at - 4), beforeNumbers = v128.load(at + offset - 4);
    const stays = isAhead(here, hereNumbers, x, n), follows = isAhead(before, beforeNumbers, x, n);
    v128.store(at, v128.bitselect(here, v128.bitselect(x, before, follows), stays));
    v128.store(at + offset, v128.bitselect(hereNumbers, v128.bitselect(n, beforeNumbers, follows), stays));
  }
}

/** A mask of the four entries (a, m) that come before (x, n). */
@inline
function isAhead(a: v128, m: v128, x: v128, n: v128): v128 {
  return v128.or(f32x4.gt(a, x), v128.and(f32x4.eq(a, x), i32x4.lt_s(m, n)));
}
