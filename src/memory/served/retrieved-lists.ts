/** What queries retrieved, as lists of different lengths: one for each query and head, and in each its pairs, in falling order of score. */
import type { BestLists } from "./best-lists.ts";

export interface Retrieved {
  /** Pairs of each list, [n, H]. */
  readonly counts: Int32Array;
  /** Numbers of the pairs, list after list. */
  readonly pairs: Float64Array;
  /** q̂·k̃ of those. */
  readonly scores: Float32Array;
}

/** The same as lists of equal room, with the slots of the pairs in one store. */
export interface ChosenPairs {
  readonly most: number;
  /** [n, H] */
  readonly counts: Int32Array;
  /** [n, H, most] */
  readonly slots: Int32Array;
  /** [n, H, most] */
  readonly scores: Float32Array;
}

export function retrievedOf({ length, pairs, scores }: BestLists, lists: number): Retrieved {
  return { counts: new Int32Array(lists).fill(length), pairs, scores };
}

/** Only the pairs that `keep` accepts, in lists that may be empty. */
export function pick({ counts, pairs, scores }: Retrieved, keep: (pair: number) => boolean): Retrieved {
  const kept = Uint8Array.from(pairs, (pair) => Number(keep(pair)));
  const picked = new Int32Array(counts.length);
  let at = 0;
  for (const [list, count] of counts.entries()) for (const end = at + count; at < end; at++) picked[list] += kept[at];
  const isKept = (_: number, place: number) => kept[place] === 1;
  return { counts: picked, pairs: pairs.filter(isKept), scores: scores.filter(isKept) };
}

/** The pairs with their slots in a store that has all of them. `rank`: the place of a pair in its list. */
export function chosenIn(
  { counts, pairs, scores }: Retrieved,
  slotOf: (pair: number, list: number, rank: number) => number,
): ChosenPairs {
  const most = longestOf(counts);
  const chosen = {
    most,
    counts,
    slots: new Int32Array(counts.length * most),
    scores: new Float32Array(counts.length * most),
  };
  let at = 0;
  for (const [list, count] of counts.entries()) {
    for (let rank = 0; rank < count; rank++, at++) {
      chosen.slots[list * most + rank] = slotOf(pairs[at], list, rank);
      chosen.scores[list * most + rank] = scores[at];
    }
  }
  return chosen;
}

/** The place of the largest of `count` scores from place `from` on; `from` itself if there are none. */
export function placeOfLargest(scores: Float32Array, from: number, count: number): number {
  let largest = from;
  for (let at = from + 1; at < from + count; at++) if (scores[at] > scores[largest]) largest = at;
  return largest;
}

/** The largest score of each list, [n, H]; of an empty one, 0. */
export function peaksOf({ counts, scores }: Retrieved): Float32Array {
  let at = 0;
  return Float32Array.from(counts, (count) => {
    const peak = count === 0 ? 0 : scores[placeOfLargest(scores, at, count)];
    at += count;
    return peak;
  });
}

export function longestOf(counts: Int32Array): number {
  return counts.reduce((longest, count) => Math.max(longest, count), 0);
}
