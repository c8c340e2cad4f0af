/**
 * The candidates of one query in a quantised scan: every key whose score might still belong to the k best.
 *
 * A list holds, for each candidate, an upper and a lower bound of its score (i32) and its slot, in the order of the scan. When
 * it is full, the k-th largest lower bound becomes the bar, and what cannot reach it is dropped; a list that stays full has
 * failed. Layout of a list: [size, room, …] and then three arrays of CAPACITY: uppers, lowers, slots.
 */

/** Candidates that a list can hold. */
export const CAPACITY: i32 = 768;
const HEADER_BYTES: usize = 16;
/** Bytes of one list. */
export const LIST_BYTES: usize = HEADER_BYTES + <usize>CAPACITY * 12;
/** No score is below this. */
export const NO_BAR: i32 = i32.MIN_VALUE;

@inline
export function sizeOf(list: usize): i32 {
  return load<i32>(list);
}

@inline
export function uppersOf(list: usize): usize {
  return list + HEADER_BYTES;
}

@inline
function lowersOf(list: usize): usize {
  return list + HEADER_BYTES + (CAPACITY << 2);
}

@inline
export function slotsOf(list: usize): usize {
  return list + HEADER_BYTES + (CAPACITY << 3);
}

/** Empties a list; it is thinned out for the first time at `room` candidates. */
export function clearCandidates(list: usize, room: i32): void {
  store<i32>(list, 0);
  store<i32>(list + 4, room);
}

/** Appends a candidate. Returns whether the list must be thinned out before the next one. */
@inline
export function addCandidate(list: usize, upper: i32, lower: i32, slot: i32): bool {
  const size = load<i32>(list);
  const at = size << 2;
  store<i32>(uppersOf(list) + at, upper);
  store<i32>(lowersOf(list) + at, lower);
  store<i32>(slotsOf(list) + at, slot);
  store<i32>(list, size + 1);
  return size + 1 >= load<i32>(list + 4);
}

/**
 * Drops every candidate whose upper bound is below the k-th largest lower bound, which is returned: the new bar. The list
 * then has room for twice as many as remain. `scratch`: CAPACITY i32.
 */
export function thinOut(list: usize, k: i32, scratch: usize): i32 {
  const size = load<i32>(list);
  if (size < k) return NO_BAR;
  memory.copy(scratch, lowersOf(list), <usize>size << 2);
  const bar = kthLargest(scratch, size, k);
  let kept = 0;
  for (let i = 0; i < size; i++) {
    const upper = load<i32>(uppersOf(list) + (i << 2));
    if (upper < bar) continue;
    store<i32>(uppersOf(list) + (kept << 2), upper);
    store<i32>(lowersOf(list) + (kept << 2), load<i32>(lowersOf(list) + (i << 2)));
    store<i32>(slotsOf(list) + (kept << 2), load<i32>(slotsOf(list) + (i << 2)));
    kept++;
  }
  store<i32>(list, kept);
  store<i32>(list + 4, min(CAPACITY, 2 * max(kept, k)));
  return bar;
}

/** Whether thinning out no longer makes room: the bounds cannot tell the candidates apart. */
export function isFull(list: usize): bool {
  return load<i32>(list) >= CAPACITY;
}

/** The k-th largest of n integers (quickselect; reorders them). */
function kthLargest(x: usize, n: i32, k: i32): i32 {
  let low = 0, high = n - 1;
  const target = k - 1;
  while (low < high) {
    const pivot = load<i32>(x + ((low + high) >> 1 << 2));
    let i = low, j = high;
    while (i <= j) {
      while (load<i32>(x + (i << 2)) > pivot) i++;
      while (load<i32>(x + (j << 2)) < pivot) j--;
      if (i > j) break;
      const swapped = load<i32>(x + (i << 2));
      store<i32>(x + (i << 2), load<i32>(x + (j << 2)));
      store<i32>(x + (j << 2), swapped);
      i++;
      j--;
    }
    if (target <= j) high = j;
    else if (target >= i) low = i;
    else break;
  }
  return load<i32>(x + (target << 2));
}
