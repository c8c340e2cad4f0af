/**
 * The keys that a quantised scan could not rule out for one query. They wait until there are eight, are scored in f32, and
 * enter the list of the k best. The k-th best score, converted to the integers of the scan and lowered by the rounding error,
 * is the bar that later keys must reach.
 *
 * Keys come in the order of the scan and are scored in the same order of sums as everywhere, so the list is bit-identical to that
 * of exact.ts. If too many keys reach the bar, because rounding cannot tell them apart, the query is given up here: f32
 * scores of single keys cost more than a pass over all of them.
 */
import { clearBest, insertBest, leastOfBest } from "./lookup";
import { floatsAt } from "../base/storage";
import { scoreEight } from "./exact";

/** Keys that wait before they are scored: two groups of four. */
const WAITING: i32 = 8;
/** A query is given up after this many contenders and a sixteenth of all keys. */
const LEAST_PATIENCE: i32 = 1024;

/** A bar that every sum of the scan reaches, while a list is not full. */
export const NO_BAR: i32 = ASC_FEATURE_RELAXED_SIMD ? i16.MIN_VALUE : i32.MIN_VALUE;
/** The highest bar, which only sums that saturate still reach. */
export const MOST_BAR: i32 = ASC_FEATURE_RELAXED_SIMD ? i16.MAX_VALUE : i32.MAX_VALUE;

/** One query in a scan. */
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
  /** Address of its list (lookup.ts). */
  list: usize;
  /** How many contenders may still be scored; the query is given up below 0. */
  patience: i32;
  /** How many keys wait; their slots follow. */
  waiting: i32;
  waiting0: i64;
  waiting2: i64;
  waiting4: i64;
  waiting6: i64;
}

export const CONTEST_BYTES: usize = offsetof<Contest>();

/** Starts the contest of `keys` keys for a query. */
export function openContest(contest: Contest, query: usize, list: usize, k: i32, keys: i32): void {
  clearBest(list, k);
  contest.query = query;
  contest.list = list;
  contest.waiting = 0;
  contest.patience = LEAST_PATIENCE + (keys >> 4);
}

/** Adds the key in `slot` to those that wait; returns whether it is time to settle. */
@inline
export function addContender(contest: Contest, slot: i32): bool {
  store<i32>(changetype<usize>(contest) + (contest.waiting << 2), slot, offsetof<Contest>("waiting0"));
  return ++contest.waiting == WAITING;
}

/**
 * Scores the keys that wait and inserts them into the list. Returns the new bar. `keys` [capacity, D] as stored; `room`:
 * 8 + 8 · width floats.
 */
export function settle(contest: Contest, keys: usize, float16: bool, width: i32, k: i32, room: usize): i32 {
  const waiting = contest.waiting, list = contest.list;
  if (waiting > 0) scoreWaiting(contest, keys, float16, width, room);
  for (let i = 0; i < waiting; i++) {
    const score = load<f32>(room + (i << 2));
    if (score > leastOfBest(list, k)) insertBest(list, k, score, slotWaiting(contest, i));
  }
  contest.waiting = 0;
  contest.patience -= waiting;
  return contest.patience < 0 ? MOST_BAR : barOf(contest, leastOfBest(list, k));
}

@inline
function slotWaiting(contest: Contest, i: i32): i32 {
  return load<i32>(changetype<usize>(contest) + (i << 2), offsetof<Contest>("waiting0"));
}

/** Writes the scores of the waiting keys to `scores`. If fewer than eight wait, the last one is scored again. */
function scoreWaiting(contest: Contest, keys: usize, float16: bool, width: i32, scores: usize): void {
  const room = scores + (WAITING << 2);
  const k0 = keyWaiting(contest, 0, keys, float16, width, room), k1 = keyWaiting(contest, 1, keys, float16, width, room);
  const k2 = keyWaiting(contest, 2, keys, float16, width, room), k3 = keyWaiting(contest, 3, keys, float16, width, room);
  const k4 = keyWaiting(contest, 4, keys, float16, width, room), k5 = keyWaiting(contest, 5, keys, float16, width, room);
  const k6 = keyWaiting(contest, 6, keys, float16, width, room), k7 = keyWaiting(contest, 7, keys, float16, width, room);
  scoreEight(scores, contest.query, k0, k1, k2, k3, k4, k5, k6, k7, width);
}

@inline
function keyWaiting(contest: Contest, i: i32, keys: usize, float16: bool, width: i32, room: usize): usize {
  const slot = slotWaiting(contest, min(i, contest.waiting - 1));
  return floatsAt(keys, <usize>slot * width, width, float16, room + ((<usize>i * width) << 2));
}

/** The bar for `score`: a sum plus its key's margin must reach it if the true score exceeds `score`. */
@inline
function barOf(contest: Contest, score: f32): i32 {
  const bar = floor<f64>((<f64>score - contest.centre) * contest.scoreScale) - <f64>contest.margin;
  return <i32>min<f64>(max<f64>(bar, <f64>NO_BAR), <f64>MOST_BAR);
}
