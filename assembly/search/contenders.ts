/**
 * The keys that a quantised scan could not rule out for one query. They wait until there are many; then those with the highest sums are
 * scored in f32 and enter the list of the k best. The k-th best score, converted to the integers of the scan and lowered by the
 * rounding error, is the bar that all other keys must reach, those that wait too: most of them fall out without a score.
 *
 * So keys are not scored in the order of their age, and the list breaks ties by age. Each score has the same order of sums as
 * everywhere, so the list is bit-identical to that of exact.ts. If too many keys reach the bar, because rounding cannot tell them
 * apart, the query is given up here: f32 scores of single keys cost more than a pass over all of them.
 */
import { clearByAge, insertByAge, leastOfBest, QueryBlock, keysOf } from "./lookup";
import { finiteFloatsAt } from "../base/storage";
import { scoreEight } from "./exact";

/** Keys that may wait. When all places are taken, keys are scored until half of them are free. */
export const PLACES: i32 = 64;
/** Keys that are scored together: two groups of four. */
const TOGETHER: i32 = 8;
/** A query is given up after this many contenders and a sixteenth of all keys. */
const LEAST_PATIENCE: i32 = 1024;

/** A bar that every sum of the scan reaches, while a list is not full. */
export const NO_BAR: i32 = ASC_FEATURE_RELAXED_SIMD ? i16.MIN_VALUE : i32.MIN_VALUE;
/** The highest bar, which only sums that saturate still reach. */
export const MOST_BAR: i32 = ASC_FEATURE_RELAXED_SIMD ? i16.MAX_VALUE : i32.MAX_VALUE;

/** One query in a scan. The slots of the keys that wait follow, then their sums, [PLACES] (i32) each. */
@unmanaged
export class Contest {
  /** Factor from a true score to a rounded one. */
  scoreScale: f64;
  /** The part of every true score that is the query's product with the keys' centre, which the scan leaves out. */
  centre: f64;
  /** The most that rounding the query may have changed a sum. */
  margin: i32;
  /** Address of the query, [D]. */
  query: usize;
  /** Address of its list, by age (lookup.ts). */
  list: usize;
  /** The oldest keys lie in slots [begin, begin + older). */
  begin: i32;
  older: i32;
  /** How many contenders may still be scored; the query is given up below 0. */
  patience: i32;
  /** How many keys wait. */
  waiting: i32;
}

const SLOTS: usize = (offsetof<Contest>() + 15) & ~15;
export const SUMS: usize = SLOTS + PLACES * 4;
export const CONTEST_BYTES: usize = SUMS + PLACES * 4;

/** Starts the contest of those of a block's keys for a query whose score is at least `floor`. */
export function openContest(contest: Contest, block: QueryBlock, query: usize, list: usize, k: i32, floor: f32): void {
  clearByAge(list, k, floor);
  contest.query = query;
  contest.list = list;
  contest.begin = block.begin;
  contest.older = block.older;
  contest.waiting = 0;
  contest.patience = LEAST_PATIENCE + (keysOf(block) >> 4);
}

/** The place of the key in `slot` in the order of age: of the list's numbers. */
@inline
function ageOf(contest: Contest, slot: i32): i32 {
  return slot >= contest.begin ? slot - contest.begin : slot + contest.older;
}

/** The slot of the key of this age. */
@inline
export function slotOfAge(contest: Contest, age: i32): i32 {
  return age < contest.older ? contest.begin + age : age - contest.older;
}

/** Has the key in `slot` wait; returns whether it is time to settle. */
@inline
export function addContender(contest: Contest, slot: i32, sum: i32): bool {
  put(contest, contest.waiting, slot, sum);
  return ++contest.waiting == PLACES;
}

@inline
function put(contest: Contest, place: i32, slot: i32, sum: i32): void {
  const at = changetype<usize>(contest) + (place << 2);
  store<i32>(at, slot, SLOTS);
  store<i32>(at, sum, SUMS);
}

@inline
function slotAt(contest: Contest, place: i32): i32 {
  return load<i32>(changetype<usize>(contest) + (place << 2), SLOTS);
}

@inline
function sumAt(contest: Contest, place: i32): i32 {
  return load<i32>(changetype<usize>(contest) + (place << 2), SUMS);
}

/**
 * Scores keys that wait, the highest sums first, until at most `rest` of those that reach the bar are left. Returns the new bar. `keys`
 * [capacity, D] as stored; `room`: 16 + 8 · width floats.
 */
export function settle(contest: Contest, rest: i32, keys: usize, float16: bool, width: i32, k: i32, room: usize): i32 {
  const list = contest.list;
  while (contest.waiting > rest && contest.patience >= 0) {
    scoreFrom(cutOf(contest, leastOfBest(list, k) > -Infinity ? 2 * TOGETHER : k), contest, keys, float16, width, k, room);
    dropBelow(barOf(contest, leastOfBest(list, k)), contest);
  }
  if (contest.patience >= 0) return barOf(contest, leastOfBest(list, k));
  contest.waiting = 0; // so that keys whose sums reach even the highest bar find room
  return MOST_BAR;
}

/** As `settle`, when all places are taken. */
@inline
export function settleHalf(contest: Contest, keys: usize, float16: bool, width: i32, k: i32, room: usize): i32 {
  return settle(contest, PLACES / 2, keys, float16, width, k, room);
}

/** A sum that at least `wanted` of the keys that wait have or exceed, but not many more if possible. */
export function cutOf(contest: Contest, wanted: i32): i32 {
  const waiting = contest.waiting, sums = changetype<usize>(contest) + SUMS;
  for (let place = waiting; place & 3; place++) store<i32>(sums + (place << 2), sumAt(contest, 0));
  let least = v128.load(sums), most = least;
  for (let at = sums + 16, end = sums + (<usize>waiting << 2); at < end; at += 16) {
    least = i32x4.min_s(least, v128.load(at));
    most = i32x4.max_s(most, v128.load(at));
  }
  const low = extreme(least, false);
  let above = extreme(most, true) - low;
  do above >>= 1;
  while (above > 0 && countFrom(sums, waiting, low + above) < wanted);
  return low + above;
}

/** The largest lane, or the smallest. */
@inline
function extreme(x: v128, largest: bool): i32 {
  const y = v128.shuffle<i32>(x, x, 2, 3, 0, 1), pairs = largest ? i32x4.max_s(x, y) : i32x4.min_s(x, y);
  const a = i32x4.extract_lane(pairs, 0), b = i32x4.extract_lane(pairs, 1);
  return largest ? max(a, b) : min(a, b);
}

/** How many of `waiting` sums, rounded up to whole vectors, are at least `cut`. */
@inline
function countFrom(sums: usize, waiting: i32, cut: i32): i32 {
  const c = i32x4.splat(cut);
  let count = i32x4.splat(0);
  for (const end = sums + (<usize>waiting << 2); sums < end; sums += 16) {
    count = i32x4.sub(count, i32x4.ge_s(v128.load(sums), c));
  }
  const pairs = i32x4.add(count, v128.shuffle<i32>(count, count, 2, 3, 0, 1));
  return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
}

/** For each set of lanes, the bytes of those lanes moved to the front. */
const FRONT: usize = memory.data<u8>([
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  0, 1, 2, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  4, 5, 6, 7, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  0, 1, 2, 3, 4, 5, 6, 7, 255, 255, 255, 255, 255, 255, 255, 255,
  8, 9, 10, 11, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  0, 1, 2, 3, 8, 9, 10, 11, 255, 255, 255, 255, 255, 255, 255, 255,
  4, 5, 6, 7, 8, 9, 10, 11, 255, 255, 255, 255, 255, 255, 255, 255,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255, 255, 255, 255,
  12, 13, 14, 15, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  0, 1, 2, 3, 12, 13, 14, 15, 255, 255, 255, 255, 255, 255, 255, 255,
  4, 5, 6, 7, 12, 13, 14, 15, 255, 255, 255, 255, 255, 255, 255, 255,
  0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 255, 255, 255, 255,
  8, 9, 10, 11, 12, 13, 14, 15, 255, 255, 255, 255, 255, 255, 255, 255,
  0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 255, 255, 255, 255,
  4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255, 255, 255, 255,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
], 16);

/** Moves the entries of four places whose lanes are in `lanes` to place `to` and after; returns how many there are. */
@inline
function moveLanes(contest: Contest, from: i32, lanes: i32, to: i32): i32 {
  const source = changetype<usize>(contest) + (from << 2), target = changetype<usize>(contest) + (to << 2);
  const front = v128.load(FRONT + (lanes << 4));
  v128.store(target, i8x16.swizzle(v128.load(source, SLOTS), front), SLOTS);
  v128.store(target, i8x16.swizzle(v128.load(source, SUMS), front), SUMS);
  return popcnt(lanes);
}

/** The lanes of four places that are taken. */
@inline
function lanesTaken(contest: Contest, place: i32): i32 {
  return (1 << min(4, contest.waiting - place)) - 1;
}

@inline
function lanesFrom(contest: Contest, place: i32, least: i32): i32 {
  return i32x4.bitmask(i32x4.ge_s(v128.load(changetype<usize>(contest) + (place << 2), SUMS), i32x4.splat(least)));
}

/** Scores the keys that wait with a sum of at least `cut`; the others go on waiting. */
function scoreFrom(cut: i32, contest: Contest, keys: usize, float16: bool, width: i32, k: i32, room: usize): void {
  let left = 0, chosen = 0;
  for (let place = 0; place < contest.waiting; place += 4) {
    const lanes = lanesFrom(contest, place, cut) & lanesTaken(contest, place);
    for (let rest = lanes; rest; rest &= rest - 1) {
      store<i32>(room + (chosen++ << 2), slotAt(contest, place + ctz(rest)));
      if (chosen < TOGETHER) continue;
      scoreTogether(contest, chosen, keys, float16, width, k, room);
      chosen = 0;
    }
    left += moveLanes(contest, place, lanes ^ lanesTaken(contest, place), left);
  }
  contest.waiting = left;
  if (chosen > 0) scoreTogether(contest, chosen, keys, float16, width, k, room);
}

/** Leaves only those keys waiting whose sums reach the bar. */
function dropBelow(bar: i32, contest: Contest): void {
  let left = 0;
  for (let place = 0; place < contest.waiting; place += 4) {
    left += moveLanes(contest, place, lanesFrom(contest, place, bar) & lanesTaken(contest, place), left);
  }
  contest.waiting = left;
}

/** Scores the first `count` of the slots in `room`, and enters them into the list. If there are fewer than eight, the last is scored again. */
function scoreTogether(contest: Contest, count: i32, keys: usize, float16: bool, width: i32, k: i32, room: usize): void {
  const list = contest.list, scores = room + (TOGETHER << 2), floats = scores + (TOGETHER << 2), last = count - 1;
  const k0 = keyAt(0, last, keys, float16, width, room, floats), k1 = keyAt(1, last, keys, float16, width, room, floats);
  const k2 = keyAt(2, last, keys, float16, width, room, floats), k3 = keyAt(3, last, keys, float16, width, room, floats);
  const k4 = keyAt(4, last, keys, float16, width, room, floats), k5 = keyAt(5, last, keys, float16, width, room, floats);
  const k6 = keyAt(6, last, keys, float16, width, room, floats), k7 = keyAt(7, last, keys, float16, width, room, floats);
  scoreEight(scores, contest.query, k0, k1, k2, k3, k4, k5, k6, k7, width);
  for (let i = 0; i < count; i++) {
    const score = load<f32>(scores + (i << 2));
    if (score >= leastOfBest(list, k)) insertByAge(list, k, score, ageOf(contest, load<i32>(room + (i << 2))));
  }
  contest.patience -= count;
}

/** The key of the slot of number i in `slots`, or of the last, as floats: in place, or widened to `floats`. Keys in a scan are bounded. */
@inline
function keyAt(i: i32, last: i32, keys: usize, float16: bool, width: i32, slots: usize, floats: usize): usize {
  const slot = load<i32>(slots + (min(i, last) << 2));
  return finiteFloatsAt(keys, <usize>slot * width, width, float16, floats + ((<usize>i * width) << 2));
}

/** The bar for `score`: a sum plus its key's margin must reach it if the true score is at least `score`. */
@inline
export function barOf(contest: Contest, score: f32): i32 {
  const bar = floor<f64>((<f64>score - contest.centre) * contest.scoreScale) - <f64>contest.margin;
  return <i32>min<f64>(max<f64>(bar, <f64>NO_BAR), <f64>MOST_BAR);
}
