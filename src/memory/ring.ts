/**
 * The storage of a memory: one FIFO ring of keys and one of values for each row and head, [B, H, capacity, D].
 *
 * A ring has room for one segment more than the M visible pairs. The extra segment takes the pairs that are appended after a
 * lookup, so the backward pass still reads the very pairs that the lookup returned. M can be any size. Numbers are kept as
 * floats or as half floats (`float16`), and readers must distinguish the two. This file stores and forgets; it does not search.
 */
import { asFloats, asHalves, type StoredNumbers } from "../wasm/half.ts";
import { type Address, ALIGNMENT } from "../wasm/heap.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import type { MemoryDtype, MemoryShape } from "./options.ts";

/** Pairs that can ever be appended to a row. */
export const MOST_APPENDED = 2 ** 48;

/** The visible slots of a row, oldest first: [begin, begin + older), then [0, newer). */
export interface Span {
  readonly begin: number;
  readonly older: number;
  readonly newer: number;
}

/** The number of the pair, counted from 0, in `slot` after `written` pairs; negative if the slot is empty. */
export function pairInSlot(slot: number, written: number, capacity: number): number {
  const age = (((written - 1 - slot) % capacity) + capacity) % capacity; // 0 is the newest
  return written - 1 - age;
}

/** Slots of a row and head: the visible pairs and one segment of slack. */
export function capacityOf({ size, segment }: Pick<MemoryShape, "size" | "segment">): number {
  return size + segment;
}

/** Bytes of all keys, or of all values. */
export function keyBytes(shape: MemoryShape, dtype: MemoryDtype = "float32"): number {
  return shape.rows * shape.heads * capacityOf(shape) * shape.width * (dtype === "float16" ? 2 : 4);
}

export class Ring {
  readonly rows: number;
  readonly heads: number;
  readonly width: number;
  readonly size: number;
  readonly capacity: number;
  /** Whether keys and values are kept as halves. */
  readonly float16: boolean;
  /** Bytes of the keys, and of the values if it has any. */
  readonly bytes: number;
  /** Bytes of the keys, or of the values, of one row. */
  readonly rowBytes: number;
  /** Keys, [B, H, capacity, D]. */
  readonly keys: Address;
  /** Values, [B, H, capacity, D]; 0 in a ring of keys alone. */
  readonly values: Address;
  /** Pairs ever appended to each row since its reset; pair n is in slot n mod capacity. */
  private readonly written: Float64Array;
  /** Number of the first pair that each row still knew then: 0, or more if the row was restored with fewer pairs. */
  private readonly first: Float64Array;

  constructor(shape: MemoryShape, dtype: MemoryDtype, { keysOnly = false } = {}) {
    const { rows, heads, width, size } = shape;
    this.rows = rows;
    this.heads = heads;
    this.width = width;
    this.size = size;
    this.capacity = capacityOf(shape);
    this.float16 = dtype === "float16";
    this.rowBytes = keyBytes(shape, dtype) / rows;
    this.bytes = keyBytes(shape, dtype) * (keysOnly ? 1 : 2);
    this.written = new Float64Array(rows);
    this.first = new Float64Array(rows);
    const apart = Math.ceil((this.rowBytes * rows) / ALIGNMENT) * ALIGNMENT;
    this.keys = heap.allocate(keysOnly ? apart : 2 * apart); // one block for both: the allocation succeeds or fails as a whole
    this.values = keysOnly ? 0 : this.keys + apart;
  }

  length(row: number): number {
    return Math.min(this.written[row] - this.first[row], this.size);
  }

  appended(row: number): number {
    return this.written[row];
  }

  reset(row: number): void {
    this.restart(row, 0);
  }

  /** Forgets everything in a row, as if `written` pairs had been appended and lost. */
  restart(row: number, written: number): void {
    this.written[row] = written;
    this.first[row] = written;
  }

  /** Appends keys and values, [count, H, D] floats each. If they do not all fit, only the last ones stay. A ring of keys ignores values. */
  append(row: number, keys: Address, values: Address, count: number): void {
    const pairBytes = this.heads * this.width * 4;
    const skipped = Math.max(0, count - this.capacity);
    const kept = count - skipped;
    const slot = (this.written[row] + skipped) % this.capacity;
    const ring = row * this.rowBytes;
    const shape = [kept, this.heads, this.width, this.capacity, this.float16, slot] as const;
    kernels.ring_append(this.keys + ring, keys + skipped * pairBytes, ...shape);
    if (this.values > 0) kernels.ring_append(this.values + ring, values + skipped * pairBytes, ...shape);
    this.written[row] += count;
  }

  /** The slot of the oldest of the `count` newest pairs of `row`. */
  slotOfNewest(row: number, count: number): number {
    return (this.written[row] - count) % this.capacity;
  }

  /** The slots of the `most` newest pairs of `row`, without the `skipped` newest of them; default: all visible pairs. */
  span(row: number, most = this.size, skipped = 0): Span {
    const length = Math.max(0, Math.min(this.length(row), most) - skipped);
    const begin = (this.written[row] - skipped - length) % this.capacity;
    const older = Math.min(length, this.capacity - begin);
    return { begin, older, newer: length - older };
  }

  /** A copy of the value [D] in a slot, as floats. */
  value(row: number, head: number, slot: number): Float32Array {
    return asFloats(this.slots(this.values, row, head, slot, 1).slice());
  }

  /** A copy of the visible pairs of `keys` or `values`, [H, length, D], oldest first, as they are stored. */
  copyOut(row: number, stored: Address): StoredNumbers {
    const numbers = this.heads * this.length(row) * this.width;
    const copy = this.float16 ? new Uint16Array(numbers) : new Float32Array(numbers);
    let at = 0;
    for (const run of this.runs(row, stored).flat()) {
      copy.set(run, at);
      at += run.length;
    }
    return copy;
  }

  /**
   * Restores a row from `copyOut`'s arrays [H, n, D], so that the last pair becomes pair `written` − 1. If there are more
   * than fit, the oldest are dropped. In a ring of the same size, every pair returns to its old slot. A ring of keys needs no values.
   */
  copyIn(row: number, written: number, keys: StoredNumbers, values?: StoredNumbers): void {
    const headNumbers = keys.length / this.heads; // n·D
    const asStored = this.float16 ? asHalves : asFloats;
    const stored = [keys, values].map((given) => given && asStored(given)); // which may run out of memory
    this.written[row] = written;
    this.first[row] = written - headNumbers / this.width;
    for (const [target, pairs] of [[this.keys, stored[0]] as const, [this.values, stored[1]] as const]) {
      if (pairs === undefined) continue;
      for (const [head, [older, newer]] of this.runs(row, target).entries()) {
        const end = (head + 1) * headNumbers;
        older.set(pairs.subarray(end - newer.length - older.length, end - newer.length));
        newer.set(pairs.subarray(end - newer.length, end));
      }
    }
  }

  /** Views of the visible slots of `keys` or `values`: each head's older and newer run. Valid until the next allocation. */
  private runs(row: number, of: Address): [older: StoredNumbers, newer: StoredNumbers][] {
    const { begin, older, newer } = this.span(row);
    return Array.from({ length: this.heads }, (_, head) => [
      this.slots(of, row, head, begin, older),
      this.slots(of, row, head, 0, newer),
    ]);
  }

  /** A view of `count` slots starting at `begin`, [count, D]. Valid until the next allocation. */
  private slots(of: Address, row: number, head: number, begin: number, count: number): StoredNumbers {
    const first = ((row * this.heads + head) * this.capacity + begin) * this.width;
    const numbers = count * this.width;
    return this.float16 ? heap.u16(of + first * 2, numbers) : heap.f32(of + first * 4, numbers);
  }

  release(): void {
    heap.release(this.keys);
  }
}
