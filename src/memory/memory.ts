/**
 * The external memory of one layer, as the model sees it: append, look up, reset, and how much it holds.
 *
 * It keeps, for each row of the batch and each head, the last M (key, value) pairs of that row's document. No gradient ever
 * flows into it. How pairs are stored is ring.ts's matter, how they are found that of key-index.ts and its kinds.
 */
import type { Neighbours } from "../autodiff/ops/retrieved.ts";
import { note } from "../autodiff/tape.ts";
import { stepIntegers, stepZeros, type Tensor } from "../autodiff/tensor.ts";
import { requireRoom } from "./bytes.ts";
import { pairInSlot, Ring } from "./ring.ts";
import { bucketedIndex } from "./search/bucketed.ts";
import { exactIndex } from "./search/exact.ts";
import { invertedIndex } from "./search/inverted.ts";
import type { FallbackCount, KeyIndex } from "./search/key-index.ts";
import { quantisedIndex } from "./search/quantised.ts";
import type { MemoryContents, MemoryOptions, MemoryShape, SearchOptions } from "./shape.ts";

const defaults: MemoryOptions = { kind: "exact", bucketsPerNeighbour: 4, lists: 0, probes: 32, dtype: "float32" };

function makeIndex(ring: Ring, { kind, bucketsPerNeighbour, lists, probes }: SearchOptions): KeyIndex {
  switch (kind) {
    case "exact":
      return exactIndex(ring);
    case "quantised":
      return quantisedIndex(ring);
    case "bucketed":
      return bucketedIndex(ring, bucketsPerNeighbour);
    case "inverted":
      return invertedIndex(ring, lists, probes);
  }
}

/** The memory of one layer: keys and values of each row and head, first in, first out, and a search among them. */
export class KvMemory {
  private readonly ring: Ring;
  private readonly index: KeyIndex;
  private readonly oracle: KeyIndex;

  /**
   * Makes an empty memory.
   * @throws InputError if it cannot fit into what is left of the WebAssembly memory; `memoryBytes` tells what it takes
   */
  constructor(shape: MemoryShape, options: Partial<MemoryOptions> = {}) {
    requireRoom(shape, options);
    const chosen = { ...defaults, ...options };
    this.ring = new Ring(shape, chosen.dtype);
    this.index = makeIndex(this.ring, chosen);
    this.oracle = exactIndex(this.ring);
  }

  /** M, pairs that a head remembers; older ones fall out first. */
  get size(): number {
    return this.ring.size;
  }

  /** H */
  get heads(): number {
    return this.ring.heads;
  }

  /** D */
  get width(): number {
    return this.ring.width;
  }

  /** Slots of a row: M, and one segment more that is never visible. Pair n lies in slot n mod capacity. */
  get capacity(): number {
    return this.ring.capacity;
  }

  /** Bytes of WebAssembly memory that the pairs and their index take. */
  get bytes(): number {
    return this.ring.bytes + this.index.bytes;
  }

  /** Pairs that each head of row `row` remembers now, 0 to M. */
  length(row: number): number {
    return this.ring.length(row);
  }

  /** How many queries were searched, and how many of them its bounds could not decide; of a quantised search only. */
  get fallbackCount(): FallbackCount | undefined {
    return this.index.fallbackCount;
  }

  /** Pairs that row `row` was ever given in its document, those that fell out included. */
  appended(row: number): number {
    return this.ring.appended(row);
  }

  /** Which pair of those ever appended to the row, counted from 0, lies in `slot`. */
  serial(row: number, slot: number): number {
    return pairInSlot(slot, this.appended(row), this.capacity);
  }

  /** A copy of the value [D] of one head in `slot`. */
  value(row: number, head: number, slot: number): Float32Array {
    return this.ring.value(row, head, slot);
  }

  /** Forgets everything in one row: its next document begins. */
  reset(row: number): void {
    this.ring.reset(row);
    this.index.reset(row);
  }

  /** Remembers `count` pairs of one row; keys and values are addresses of [count, H, D] floats, oldest first. */
  append(row: number, keys: number, values: number, count: number): void {
    this.ring.append(row, keys, values, count);
    this.index.appended(row, count);
  }

  /**
   * For every query [B, T, H·D] and head, the `topk` stored keys of the same row and head with the largest inner product, or
   * all of them where fewer are stored; of equal ones the older first. Row b looks only at its reach[b] newest pairs, at all
   * of them by default. Good until the step ends.
   */
  lookup(queries: Tensor, topk: number, reach?: ArrayLike<number>): Neighbours {
    return this.search(this.index, queries, topk, reach);
  }

  /** What `lookup` would return if the search were exact. */
  lookupExactly(queries: Tensor, topk: number, reach?: ArrayLike<number>): Neighbours {
    return this.search(this.oracle, queries, topk, reach);
  }

  /** Looks `queries` up in an index. */
  private search(index: KeyIndex, queries: Tensor, topk: number, reach?: ArrayLike<number>): Neighbours {
    const { rows, heads, capacity, half, keys, values } = this.ring;
    const [batch, segment] = queries.shape;
    if (batch !== rows) throw new Error(`memory lookup: queries of ${batch} rows, but the memory has ${rows}`);
    const scores = stepZeros([rows, segment, heads, topk]); // beyond what is stored they stay 0
    const slots = stepIntegers(new Int32Array(scores.size));
    index.search({ scores: scores.ptr, slots, queries, topk, reach });
    note("memory lookup", [scores]);
    const visible = (row: number) => Math.min(this.length(row), reach?.[row] ?? this.size);
    const counts = Int32Array.from({ length: rows }, (_, row) => Math.min(topk, visible(row)));
    return { scores, slots, counts, topk, keys, values, capacity, half };
  }

  /** A copy of what one row remembers. */
  contents(row: number): MemoryContents {
    return { keys: this.ring.copyOut(row, this.ring.keys), values: this.ring.copyOut(row, this.ring.values) };
  }

  /**
   * Puts a row back to where it had `contents` and had been given `appended` pairs; lookups are then the same to the bit.
   * Contents of a smaller memory leave room for more, of those of a larger one the newest stay; those of another dtype are
   * converted.
   */
  restore(row: number, appended: number, { keys, values }: MemoryContents): void {
    this.ring.copyIn(row, appended, keys, values);
    this.index.reset(row);
    this.index.appended(row, this.length(row));
  }

  /** Gives the storage back; the memory must not be used afterwards. */
  release(): void {
    this.ring.release();
    this.index.release();
  }
}
