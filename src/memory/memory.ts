/**
 * The external memory of one layer, as the model sees it: append, look up, reset, and how much it holds.
 *
 * It keeps, for each row of the batch and each head, the last M (key, value) pairs of that row's document. Gradients never
 * flow into it. ring.ts stores the pairs; the indexes in search/ find them.
 */
import type { Neighbours } from "../autodiff/ops/retrieved.ts";
import { note } from "../autodiff/tape.ts";
import { requireTensors, stepIntegers, stepZeros, type Tensor } from "../autodiff/tensor.ts";
import { check, type Kind, oneOf, whole, withDefaults } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing, Lifetime } from "../base/lifetime.ts";
import type { Address } from "../wasm/heap.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import { requireRoom } from "./bytes.ts";
import { requireContents } from "./contents-check.ts";
import {
  type MemoryContents,
  type MemoryOptions,
  type MemoryShape,
  memoryDefaults,
  type SearchOptions,
} from "./options.ts";
import { MOST_APPENDED, pairInSlot, Ring } from "./ring.ts";
import { bucketedIndex } from "./search/bucketed.ts";
import { exactIndex, type FallbackCount, type KeyIndex, type SearchJob } from "./search/exact.ts";
import { invertedIndex } from "./search/inverted.ts";
import { quantisedIndex } from "./search/quantised.ts";

const aCount = whole(0, 2 ** 31);

/** The check for a number of pairs for each row. */
function aCountForEach(rows: number): Kind {
  return {
    what: `an array of ${rows} numbers, each of them ${aCount.what}`,
    accepts(value) {
      const numbers = Array.isArray(value) || value instanceof Int32Array ? value : [];
      return numbers.length === rows && Array.from(numbers).every(aCount.accepts);
    },
  };
}

const aTopk = whole(1, 2 ** 16);

/** The check for an address of `floats` floats. */
function addressOf(floats: number): Kind {
  return {
    what: `an address of ${floats} floats in the heap`,
    accepts: (value) =>
      typeof value === "number" && value % 4 === 0 && value >= 0 && value + floats * 4 <= heap.memory.buffer.byteLength,
  };
}

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

/** The parts of a memory. */
interface Parts {
  readonly ring: Ring;
  readonly index: KeyIndex;
  readonly oracle: KeyIndex;
}

/** The memory of one layer: keys and values of each row and head, first in, first out, with a search over them. */
export class KvMemory {
  private readonly parts: Parts;
  private readonly life = new Lifetime("this memory");

  /**
   * Makes an empty memory.
   * @throws InputError if it does not fit into the rest of the heap; `memoryBytes` returns its size
   */
  constructor(shape: MemoryShape, options: Partial<MemoryOptions> = {}) {
    requireRoom(shape, options);
    const chosen = withDefaults(memoryDefaults, options);
    this.parts = allOrNothing((own) => {
      const ring = own(new Ring(shape, chosen.dtype));
      return { ring, index: own(makeIndex(ring, chosen)), oracle: exactIndex(ring) };
    });
  }

  /** The ring that stores the pairs. */
  private get ring(): Ring {
    this.life.require();
    return this.parts.ring;
  }

  /** The index that finds them. */
  private get index(): KeyIndex {
    this.life.require();
    return this.parts.index;
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

  /** Slots of a row: M plus one segment that is never visible. Pair n is in slot n mod capacity. */
  get capacity(): number {
    return this.ring.capacity;
  }

  /** Bytes of the heap that the pairs and their index take. */
  get bytes(): number {
    return this.ring.bytes + this.index.bytes;
  }

  /** Pairs that each head of row `row` remembers now, 0 to M. */
  length(row: number): number {
    this.requireRow(row);
    return this.ring.length(row);
  }

  /** Queries searched, and those that the bounds could not decide. Only quantised search counts them. */
  get fallbackCount(): FallbackCount | undefined {
    return this.index.fallbackCount;
  }

  /** Pairs ever appended to row `row` in its document, including those that fell out. */
  appended(row: number): number {
    this.requireRow(row);
    return this.ring.appended(row);
  }

  /** The number of the pair in `slot`, counted from 0 over all pairs ever appended to the row. */
  serial(row: number, slot: number): number {
    this.requireSlot(slot);
    return pairInSlot(slot, this.appended(row), this.capacity);
  }

  /** A copy of the value [D] of one head in `slot`. */
  value(row: number, head: number, slot: number): Float32Array {
    this.requireRow(row);
    check("head", head, whole(0, this.heads - 1));
    this.requireSlot(slot);
    return this.ring.value(row, head, slot);
  }

  /** Forgets everything in one row, for its next document. */
  reset(row: number): void {
    this.requireRow(row);
    this.ring.reset(row);
    this.index.reset(row);
  }

  /**
   * Remembers `count` pairs of one row. Keys and values are [count, H, D] floats, oldest first.
   * @throws InputError if a number is not finite, because a file could not keep it; then nothing is remembered
   */
  append(row: number, keys: Address, values: Address, count: number): void {
    this.requireRow(row);
    check("count", count, aCount);
    this.requireFinite("keys", keys, count);
    this.requireFinite("values", values, count);
    this.ring.append(row, keys, values, count);
    this.index.appended(row, count);
  }

  /**
   * Finds the `topk` stored keys with the largest inner products, for every query [B, T, H·D] and head, in the same row and
   * head. If fewer keys are stored, finds all. Among equal scores the older key comes first, except in bucketed search. Row b
   * looks only at its reach[b] newest pairs; default: all. Of those it passes over the skipped[b] newest; default: none. Valid
   * until the step ends.
   */
  lookup(queries: Tensor, topk: number, reach?: ArrayLike<number>, skipped?: ArrayLike<number>): Neighbours {
    return this.search(this.index, queries, topk, { reach, skipped });
  }

  /**
   * `lookup` of keys that reach the last of `floors`, the `topk` best scores [B, T, H, K] of another lookup with as many queries. A list may
   * end in scores of −∞; the best of both lookups are the same as with all keys.
   * @throws InputError if the floors have another size
   */
  lookupAbove(
    floors: Tensor,
    queries: Tensor,
    topk: number,
    reach?: ArrayLike<number>,
    skipped?: ArrayLike<number>,
  ): Neighbours {
    requireTensors({ queries, floors });
    check("floors.size", floors.size, oneOf((queries.size / this.width) * topk));
    return this.search(this.index, queries, topk, { reach, skipped, floors: floors.ptr });
  }

  /** `lookup` by exact search. */
  lookupExactly(queries: Tensor, topk: number, reach?: ArrayLike<number>): Neighbours {
    return this.search(this.parts.oracle, queries, topk, { reach });
  }

  /** Looks `queries` up in an index. */
  private search(
    index: KeyIndex,
    queries: Tensor,
    topk: number,
    { reach, skipped, floors }: Pick<SearchJob, "reach" | "skipped" | "floors">,
  ): Neighbours {
    const { rows, heads, width, capacity, float16, keys, values } = this.ring;
    requireTensors({ queries });
    check("topk", topk, aTopk);
    if (reach !== undefined) check("reach", reach, aCountForEach(rows));
    if (skipped !== undefined) check("skipped", skipped, aCountForEach(rows));
    const [batch, segment] = queries.shape;
    if (queries.shape.length !== 3 || batch !== rows || queries.shape[2] !== heads * width) {
      throw new InputError(`queries: got the shape [${queries.shape}]; it must be [${rows}, T, ${heads * width}]`);
    }
    const scores = stepZeros([rows, segment, heads, topk]); // beyond what is stored they stay 0
    const slots = stepIntegers(new Int32Array(scores.size));
    index.search({ scores: scores.ptr, slots, queries, topk, reach, skipped, floors });
    note("lookup", floors === undefined ? [scores] : []); // scores of −∞ are no fault of a computation
    const { ring } = this;
    const counts = Int32Array.from({ length: rows }, (_, row) => {
      const { older, newer } = ring.span(row, reach?.[row], skipped?.[row]);
      return Math.min(topk, older + newer);
    });
    const newest = Int32Array.from({ length: rows }, (_, row) => Math.max(0, ring.appended(row) - 1) % capacity);
    return { scores, slots, counts, topk, keys, values, capacity, newest, float16 };
  }

  /** A copy of what one row remembers. */
  contents(row: number): MemoryContents {
    this.requireRow(row);
    return { keys: this.ring.copyOut(row, this.ring.keys), values: this.ring.copyOut(row, this.ring.values) };
  }

  /**
   * Restores a row to `contents`, after `appended` pairs in all; lookups are then bit-identical. Contents of a smaller memory
   * leave room for more. A larger memory's contents lose their oldest pairs. Another dtype is converted.
   * @throws InputError if the contents do not fit `heads` heads of width `width`, or are not finite
   */
  restore(row: number, appended: number, contents: MemoryContents): void {
    this.requireRow(row);
    requireContents(contents, this.heads, this.width);
    const { keys, values } = contents;
    check("appended", appended, whole(keys.length / this.heads / this.width, MOST_APPENDED));
    this.ring.copyIn(row, appended, keys, values);
    this.index.reset(row);
    this.index.appended(row, this.length(row));
  }

  /** Refuses a row that does not exist. */
  private requireRow(row: number): void {
    const { rows } = this.ring;
    if (!(Number.isInteger(row) && row >= 0 && row < rows)) check("row", row, whole(0, rows - 1));
  }

  /** Refuses a slot that does not exist. */
  private requireSlot(slot: number): void {
    const { capacity } = this.ring;
    if (!(Number.isInteger(slot) && slot >= 0 && slot < capacity)) check("slot", slot, whole(0, capacity - 1));
  }

  /**
   * Refuses numbers that a file could not hold.
   * @throws InputError if `address` is not the address of finite [count, H, D] floats
   */
  private requireFinite(name: string, address: Address, count: number): void {
    const floats = count * this.heads * this.width;
    check(name, address, addressOf(floats));
    if (kernels.all_finite(address, floats)) return;
    const place = heap.f32(address, floats).findIndex((number) => !Number.isFinite(number));
    throw new InputError(`${name}: number ${place} is ${heap.f32(address, floats)[place]}; it must be finite`);
  }

  /** Frees the storage; the memory must not be used afterwards. */
  release(): void {
    this.life.end(() => {
      this.parts.ring.release();
      this.parts.index.release();
    });
  }

  /** Releases it, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}
