/**
 * The priority queue of the BPE trainer: pairs by their counts, the most frequent first. A binary heap. It does not know
 * when a count changes; the trainer puts pairs back.
 */

export interface CountedPair {
  /** Unique for a pair; smaller keys go first among equal counts. */
  key: number;
  count: number;
}

export class PairQueue {
  private readonly heap: CountedPair[] = [];

  push(pair: CountedPair): void {
    const { heap } = this;
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!precedes(pair, heap[parent])) break;
      heap[place] = heap[parent];
      place = parent;
    }
    heap[place] = pair;
  }

  /** Takes the first pair out; undefined if there is none. */
  pop(): CountedPair | undefined {
    const first = this.heap[0];
    const last = this.heap.pop();
    if (last !== undefined && this.heap.length > 0) this.sink(last);
    return first;
  }

  /** Puts `pair` in at the free root and lets the better of the children rise until it fits. */
  private sink(pair: CountedPair): void {
    const { heap } = this;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child + 1 < heap.length && precedes(heap[child + 1], heap[child])) child++;
      if (child >= heap.length || !precedes(heap[child], pair)) break;
      heap[place] = heap[child];
      place = child;
    }
    heap[place] = pair;
  }
}

function precedes(a: CountedPair, b: CountedPair): boolean {
  return a.count > b.count || (a.count === b.count && a.key < b.key);
}
