/**
 * How a quantised scan begins. Key by key, thousands of keys would be contenders before the bar of a query has risen, and hundreds of them
 * would be scored only to be pushed out of the list again. So the sums of the newest keys are written down first. Those with the highest
 * are scored at once; by the bar that they give, most of the others fall out without a score.
 *
 * Which keys are scored first changes nothing but time: a key is left out only if it misses a bar that is proven (contenders.ts).
 */
import { addContender, Contest, cutOf, PLACES, settle, settleHalf, SUMS } from "./contenders";
import { PANEL_KEYS } from "./rounding";
import { largerSums, reachingKeys, sumOf, SUMS_BYTES } from "./quantised-scan";

/** Keys of an opening: as many sums of four queries as a second-level cache holds. */
const MOST_KEYS: i32 = 8192;
/** With fewer keys, an opening saves nothing; and each group needs one. */
export const LEAST_KEYS: i32 = 128;
/** The largest k: the highest sums are found among the largest of PLACES groups. */
const MOST_TOPK: i32 = PLACES / 2;

/** Bytes of the sums of an opening for a tile of `queries` queries. */
export function openingBytes(queries: i32): i32 {
  return MOST_KEYS / PANEL_KEYS * queries * SUMS_BYTES;
}

/** The first slot of an opening that ends with the last whole panel of slots [low, high); that end if there is none. */
export function openingOf(low: i32, high: i32, k: i32): i32 {
  const end = high & ~(PANEL_KEYS - 1), keys = min(end - low, MOST_KEYS) & ~(PANEL_KEYS - 1);
  return keys < LEAST_KEYS || k > MOST_TOPK ? end : end - keys;
}

/**
 * Begins a query's contest with the keys of slots [from, to): scores those that may belong to the k best; a few may still wait when it ends. `sums`: those of each panel, `stride` bytes apart. Stores the query's bar.
 */
export function open(
  contest: Contest, bar: usize, sums: usize, stride: usize, from: i32, to: i32, keys: usize, float16: bool, width: i32, k: i32, room: usize,
): void {
  const cut = highestSums(contest, sums, stride, (to - from) / PANEL_KEYS, k);
  let least = cut;
  for (let slot = from, at = sums; slot < to; slot += PANEL_KEYS, at += stride) {
    for (let high = reachingKeys(at, least); high; high &= high - 1) {
      const place = ctz(high), sum = sumOf(at, place);
      if (addContender(contest, slot + place, sum)) least = max(cut, settle(contest, 0, keys, float16, width, k, room));
    }
  }
  least = settle(contest, 0, keys, float16, width, k, room);
  for (let slot = from, at = sums; slot < to && least < cut; slot += PANEL_KEYS, at += stride) {
    const reaching = reachingKeys(at, least);
    if (!reaching) continue;
    for (let rest = reaching & ~reachingKeys(at, cut); rest; rest &= rest - 1) {
      const place = ctz(rest), sum = sumOf(at, place);
      if (sum >= least && addContender(contest, slot + place, sum)) least = settleHalf(contest, keys, float16, width, k, room);
    }
  }
  store<i32>(bar, least);
}

/**
 * A sum that at least k keys have or exceed, but not many more. Each key belongs to one of PLACES groups; of the largest sum of each group, at
 * least k reach it. The groups' sums lie where those of waiting keys do, since none waits yet.
 */
function highestSums(contest: Contest, sums: usize, stride: usize, panels: i32, k: i32): i32 {
  const groups = changetype<usize>(contest) + SUMS, bytes: usize = ASC_FEATURE_RELAXED_SIMD ? PLACES * 2 : PLACES * 4;
  for (let panel = 0, at: usize = 0; panel < panels; panel++, sums += stride, at = (at + SUMS_BYTES) & (bytes - 1)) {
    const group = groups + at, isFirst = <usize>panel * SUMS_BYTES < bytes;
    v128.store(group, isFirst ? v128.load(sums) : largerSums(v128.load(group), v128.load(sums)));
    v128.store(group, isFirst ? v128.load(sums, 16) : largerSums(v128.load(group, 16), v128.load(sums, 16)), 16);
  }
  if (ASC_FEATURE_RELAXED_SIMD) widenSums(groups);
  contest.waiting = PLACES;
  const cut = cutOf(contest, k);
  contest.waiting = 0;
  return cut;
}

/** PLACES sums of 16 bits become sums of 32 bits, in place: the last first. */
@inline
function widenSums(sums: usize): void {
  for (let from = sums + 2 * PLACES - 16, to = sums + 4 * PLACES - 32; from >= sums; from -= 16, to -= 32) {
    const eight = v128.load(from);
    v128.store(to, i32x4.extend_low_i16x8_s(eight));
    v128.store(to, i32x4.extend_high_i16x8_s(eight), 16);
  }
}
