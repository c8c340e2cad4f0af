/** A binary heap of numbers, the smallest first; without an object for each, since a long word proposes a million merges. */
export class NumberHeap {
  private readonly heap: number[] = [];

  push(value: number): void {
    const { heap } = this;
    let place = heap.length;
    heap.push(value);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent] <= value) break;
      heap[place] = heap[parent];
      place = parent;
    }
    heap[place] = value;
  }

  /** Takes the smallest out; undefined if there is none. */
  pop(): number | undefined {
    const { heap } = this;
    if (heap.length === 0) return undefined;
    const first = heap[0];
    const last = heap.pop()!;
    if (heap.length > 0) this.sink(last);
    return first;
  }

  /** Puts `value` in at the free root and lets the smaller of the children rise until it fits. */
  private sink(value: number): void {
    const { heap } = this;
    const { length } = heap;
    let place = 0;
    for (let child = 1; child < length; child = 2 * place + 1) {
      if (child + 1 < length && heap[child + 1] < heap[child]) child++;
      if (heap[child] >= value) break;
      heap[place] = heap[child];
      place = child;
    }
    heap[place] = value;
  }
}
