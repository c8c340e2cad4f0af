/** Lists of the best pairs, one for each query and head, and merging those of several stores into the lists that one store would have. */

import { InputError } from "../../base/errors.ts";

export interface BestLists {
  /** Pairs in each list. */
  readonly length: number;
  /** q̂·k̃ in falling order, [lists, length]. */
  readonly scores: Float32Array;
  /** Numbers of the pairs, [lists, length]. */
  readonly pairs: Float64Array;
  /** Values of the pairs, [lists, length, D], where they were asked for. */
  readonly values?: Float32Array;
}

/**
 * The best `length` pairs of each of `lists` lists; all stores together must have so many. Among equal scores the older pair, with the lower number, comes
 * first, as in exact search. A pair that several stores have counts once. Values are merged if all stores that have pairs give them.
 */
export function mergeBest(stores: readonly BestLists[], lists: number, length: number): BestLists {
  const width = widthOf(stores, lists);
  const values = width === undefined ? undefined : new Float32Array(lists * length * width);
  const merged = { length, scores: new Float32Array(lists * length), pairs: new Float64Array(lists * length), values };
  const places = new Int32Array(stores.length);
  for (let list = 0; list < lists; list++) {
    places.fill(0);
    for (let at = list * length; at < (list + 1) * length; at++) {
      const best = firstOf(stores, places, list);
      if (best < 0) throw new InputError("a shard of the memory answered with fewer pairs than it holds");
      const place = list * stores[best].length + places[best];
      merged.scores[at] = stores[best].scores[place];
      merged.pairs[at] = stores[best].pairs[place];
      if (width !== undefined) values?.set(valueAt(stores[best], place, width), at * width);
      passOver(merged.pairs[at], stores, places, list);
    }
  }
  return merged;
}

/** D, the width of the values; undefined if somebody has pairs and gives no values, or nobody has pairs. */
function widthOf(stores: readonly BestLists[], lists: number): number | undefined {
  const filled = stores.filter(({ length }) => lists * length > 0);
  const widths = filled.map(({ values, length }) => values && values.length / lists / length);
  return widths.every((width) => width === widths[0]) ? widths[0] : undefined;
}

function valueAt({ values = new Float32Array() }: BestLists, place: number, width: number): Float32Array {
  return values.subarray(place * width, (place + 1) * width);
}

/** The store whose next pair comes first. */
function firstOf(stores: readonly BestLists[], places: Int32Array, list: number): number {
  let [best, score, pair] = [-1, Number.NEGATIVE_INFINITY, 0];
  for (let store = 0; store < stores.length; store++) {
    const { length, scores, pairs } = stores[store];
    if (places[store] === length) continue;
    const at = list * length + places[store];
    if (best >= 0 && (scores[at] < score || (scores[at] === score && pairs[at] > pair))) continue;
    [best, score, pair] = [store, scores[at], pairs[at]];
  }
  return best;
}

/** Moves all stores that have `pair` next behind it. */
function passOver(pair: number, stores: readonly BestLists[], places: Int32Array, list: number): void {
  for (let store = 0; store < stores.length; store++) {
    const { length, pairs } = stores[store];
    if (places[store] < length && pairs[list * length + places[store]] === pair) places[store]++;
  }
}
