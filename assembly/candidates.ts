/**
 * The candidates of one query in a quantised scan: every key whose score might still belong to the k best.
 *
 * Each key comes with an upper and a lower bound of its score, as integers. A histogram of the lower bounds yields the bar: a
 * value that at least k keys are sure to reach. A key whose upper bound is below it is out. The bar rises with each candidate
 * for the price of a few instructions, so lists stay short; one that fills up all the same has failed. Candidates stay in
 * the order of the scan. Layout of a list: size, edge, reached (i32 each), histogram (u8), then upper bound and slot of each
 * candidate side by side (i32), so that adding one touches as few cache lines as can be.
 */

/** Candidates that a list can hold. */
const CAPACITY: i32 = 512;
/** No k beyond this: a count of the histogram is a byte. */
export const MOST_TOPK: i32 = 192;
const BINS: i32 = 256;
const HISTOGRAM: usize = 16;
const PAIRS: usize = HISTOGRAM + BINS;
/** Bytes of one list. */
export const LIST_BYTES: usize = PAIRS + (<usize>CAPACITY << 3);

/** The bar of an empty list: everything reaches it. */
export const NO_BAR: i32 = i32.MIN_VALUE;
/** The bar of a list that has failed: nothing reaches it. */
export const FAILED: i32 = i32.MAX_VALUE;

/** Scores lie within ±2^SCORE_BITS; a bin is that range over BINS wide. */
const SCORE_BITS: i32 = ASC_FEATURE_RELAXED_SIMD ? 15 : 30;
const BIN_BITS: i32 = SCORE_BITS + 1 - 8;

@inline
export function sizeOf(list: usize): i32 {
  return load<i32>(list);
}

/** The slot of candidate `i`. */
@inline
export function slotOf(list: usize, i: i32): i32 {
  return load<i32>(list + PAIRS + (i << 3), 4);
}

export function clearCandidates(list: usize): void {
  memory.fill(list, 0, PAIRS);
}

/** Adds a candidate. Returns the new bar, or FAILED when the bounds leave more candidates than a list holds. */
@inline
export function addCandidate(list: usize, upper: i32, lower: i32, slot: i32, k: i32): i32 {
  const size = load<i32>(list);
  const pair = list + PAIRS + (size << 3);
  store<i32>(pair, upper);
  store<i32>(pair, slot, 4);
  store<i32>(list, size + 1);
  const bar = raiseBar(list, lower, k);
  if (size + 1 < CAPACITY) return bar;
  dropBelow(list, bar);
  return load<i32>(list) < CAPACITY ? bar : FAILED;
}

/** Counts a lower bound; moves the edge up as long as k keys are sure to reach the bin above it. Returns the edge's value. */
@inline
function raiseBar(list: usize, lower: i32, k: i32): i32 {
  const histogram = list + HISTOGRAM;
  const bin = min(max((lower + (1 << SCORE_BITS)) >> BIN_BITS, 0), BINS - 1);
  let edge = load<i32>(list, 4);
  if (bin >= edge) {
    // More than k in one bin say nothing new: the edge is there already.
    const count = <i32>load<u8>(histogram + bin);
    if (count < k) {
      store<u8>(histogram + bin, <u8>(count + 1));
      let reached = load<i32>(list, 8) + 1;
      let atEdge = <i32>load<u8>(histogram + edge);
      while (reached - atEdge >= k) {
        reached -= atEdge;
        edge++;
        atEdge = <i32>load<u8>(histogram + edge);
      }
      store<i32>(list, edge, 4);
      store<i32>(list, reached, 8);
    }
  }
  return edge == 0 ? NO_BAR : (edge << BIN_BITS) - (1 << SCORE_BITS);
}

/** Keeps, in order, the candidates whose upper bound reaches `bar`. */
function dropBelow(list: usize, bar: i32): void {
  const size = load<i32>(list);
  let kept = 0;
  for (let i = 0; i < size; i++) {
    const pair = list + PAIRS + (i << 3);
    if (load<i32>(pair) < bar) continue;
    store<i64>(list + PAIRS + (kept << 3), load<i64>(pair));
    kept++;
  }
  store<i32>(list, kept);
}

/** Leaves only the candidates that the last bar did not rule out. */
export function finishCandidates(list: usize): void {
  const edge = load<i32>(list, 4);
  if (edge > 0) dropBelow(list, (edge << BIN_BITS) - (1 << SCORE_BITS));
}
