/**
 * A memory by itself, without a model: keys and values go in, and the values of the nearest keys come out. Exact and quantised
 * search find exactly the nearest; bucketed and inverted search find most of them. Inputs and outputs are plain arrays. A
 * snapshot keeps a store in a file.
 */
import { step } from "../autodiff/tape.ts";
import { tensor } from "../autodiff/tensor.ts";
import { check, checkOptions, isArrayOf, type Kind, type Kinds, optional, whole, withDefaults } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { Lifetime } from "../base/lifetime.ts";
import { heap } from "../wasm/runtime.ts";
import { KvMemory } from "./memory.ts";
import { aDtype, aHeadCount, aSearch, aSize, aWidth, type MemoryDtype, type SearchOptions } from "./options.ts";
import { type MemorySnapshot, restoreSnapshot, takeSnapshot } from "./snapshot.ts";
import { requireSnapshot } from "./snapshot-check.ts";

/** The size, search and number format of a store. */
export interface VectorStoreOptions {
  /** D, floats of a key, and of a value. */
  readonly width: number;
  /** M, the most pairs that are kept; older ones fall out first. */
  readonly size: number;
  /** H, independent keys and values of each pair. Default: 1. */
  readonly heads?: number;
  /** The kind of search. Default: exact. Quantised search is fast while all keys have a length of at most 1. */
  readonly search?: SearchOptions["kind"];
  /** The format of keys and values. Default: float32. float16 takes half the bytes. */
  readonly dtype?: MemoryDtype;
}

/** Vectors, one after the other. Numbers of double precision are rounded to floats. */
export type Vectors = Float32Array | Float64Array | readonly number[];

/** The result of a lookup: a list of k pairs for each query and head, [n, H, k]. */
export interface Found {
  /** Pairs found for each query and head: `topk`, or all pairs if there are fewer. */
  readonly k: number;
  /** Inner products of query and key, largest first, [n, H, k]. */
  readonly scores: Float32Array;
  /** Numbers of the pairs, counted from 0 as they were appended, [n, H, k]. */
  readonly serials: Float64Array;
  /** Their values [n, H, k, D]. */
  readonly values: Float32Array;
}

/** The largest number in keys and queries. It keeps inner products of any width within the range of floats. */
const LARGEST_COMPONENT = 1e16;
/** Numbers that one lookup can return. */
const MOST_FOUND = 2 ** 31;

const optionKinds: Kinds<VectorStoreOptions> = {
  width: aWidth,
  size: aSize,
  heads: optional(aHeadCount),
  search: optional(aSearch),
  dtype: optional(aDtype),
};
const aTopk = whole(1, 2 ** 16);
const vectors: Kind = {
  what: "a Float32Array, or an array of numbers",
  accepts: (value) =>
    value instanceof Float32Array ||
    value instanceof Float64Array ||
    isArrayOf(value, (number) => typeof number === "number"),
};

/** A memory by itself: vectors by their keys, first in, first out, found by inner product. */
export class VectorStore {
  /** H, independent keys and values of each pair. */
  readonly heads: number;
  /** D, floats of a key, and of a value. */
  readonly width: number;
  /** M, the most pairs that are kept. */
  readonly size: number;
  private readonly kept: KvMemory;
  private readonly life = new Lifetime("this VectorStore");

  /**
   * Makes an empty store.
   * @throws InputError for an impossible option, or a size that does not fit into the rest of the heap
   */
  constructor(options: VectorStoreOptions) {
    checkOptions("a vector store's options", options, optionKinds);
    const { width, size, heads = 1, search = "exact", dtype = "float32" } = options;
    this.heads = heads;
    this.width = width;
    this.size = size;
    this.kept = new KvMemory({ rows: 1, heads, width, size, segment: 0 }, { kind: search, dtype });
  }

  /** Returns a store with the pairs of `snapshot` and room for `size` pairs. Default: the size of the snapshot's memory. */
  static from(snapshot: MemorySnapshot, options: Partial<VectorStoreOptions> = {}): VectorStore {
    requireSnapshot(snapshot);
    const { heads, width, size } = snapshot;
    const store = new VectorStore(withDefaults<VectorStoreOptions>({ heads, width, size }, options));
    try {
      restoreSnapshot({ memories: new Map([[0, store.memory]]), sources: [] }, 0, snapshot);
    } catch (error) {
      store.release();
      throw error;
    }
    return store;
  }

  /** Pairs that are kept now. */
  get length(): number {
    return this.memory.length(0);
  }

  /** Pairs that were ever appended, which is the serial of the next one. */
  get appended(): number {
    return this.memory.appended(0);
  }

  /** Bytes of the heap that the pairs and their index take. */
  get bytes(): number {
    return this.memory.bytes;
  }

  /**
   * Adds pairs, keys and values [n, H, D] each.
   * @throws InputError if their lengths differ or are not a multiple of H·D, or a number is not finite; then nothing is added
   */
  append(keys: Vectors, values: Vectors): void {
    const [someKeys, someValues] = [floatsOf("keys", keys), floatsOf("values", values)];
    const count = this.countOf(someKeys, "keys");
    if (values.length !== keys.length) {
      throw new InputError(
        `${keys.length} numbers of keys need ${keys.length} numbers of values; got ${values.length}`,
      );
    }
    requireComponents("keys", someKeys);
    const { memory } = this;
    const address = heap.allocate(2 * someKeys.byteLength); // [2, n, H, D]
    try {
      heap.f32(address, keys.length).set(someKeys);
      heap.f32(address + someKeys.byteLength, keys.length).set(someValues);
      memory.append(0, address, address + someKeys.byteLength, count);
    } finally {
      heap.release(address);
    }
  }

  /**
   * Finds, for queries [n, H, D] and head by head, the `topk` pairs whose keys have the largest inner products with each
   * query. Among equal scores the older pair comes first, except in bucketed search. Must not be called within `step()`.
   * @throws InputError if the length of `queries` is not a multiple of H·D, or a number is not finite
   */
  lookup(queries: Vectors, topk: number): Found {
    const { heads, width, memory } = this;
    const someQueries = floatsOf("queries", queries);
    check("topk", topk, aTopk);
    const count = this.countOf(someQueries, "queries");
    requireComponents("queries", someQueries);
    const k = Math.min(topk, this.length);
    const lists = count * heads;
    if (lists * k * width > MOST_FOUND) {
      const most = Math.floor(MOST_FOUND / (lists * width));
      throw new InputError(`topk: got ${topk}; ${count} queries of ${heads} heads may have ${most} pairs each at most`);
    }
    const values = new Float32Array(lists * k * width);
    if (lists * k === 0) return { k, scores: new Float32Array(), serials: new Float64Array(), values };
    return step(() => {
      const found = memory.lookup(tensor(someQueries, [1, count, heads * width]), k);
      const slots = heap.i32(found.slots, lists * k).slice();
      for (const [i, slot] of slots.entries()) {
        values.set(memory.value(0, Math.floor(i / k) % heads, slot), i * width);
      }
      const serials = Float64Array.from(slots, (slot) => memory.serial(0, slot));
      return { k, scores: found.scores.toArray(), serials, values };
    });
  }

  /** Copies all pairs, for a file or another store. */
  snapshot(): MemorySnapshot {
    return takeSnapshot({ memories: new Map([[0, this.memory]]), sources: [] }, 0);
  }

  /** Frees the storage; the store must not be used afterwards. */
  release(): void {
    this.life.end(() => this.kept.release());
  }

  /** Releases it, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** The memory; refused after its release. */
  private get memory(): KvMemory {
    this.life.require();
    return this.kept;
  }

  /** The number of pairs or queries [n, H, D] in `numbers`. */
  private countOf(numbers: Float32Array, what: string): number {
    const count = numbers.length / (this.heads * this.width);
    if (Number.isInteger(count)) return count;
    throw new InputError(
      `${numbers.length} numbers do not make whole ${what}: each has ${this.heads} heads × ${this.width} = ${this.heads * this.width} numbers`,
    );
  }
}

/** Returns the vectors as floats; a Float32Array is not copied. */
function floatsOf(name: string, numbers: Vectors): Float32Array {
  check(name, numbers, vectors);
  return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
}

/** @throws InputError that names the first number that is NaN or too large */
function requireComponents(name: string, numbers: Float32Array): void {
  for (let i = 0; i < numbers.length; i++) {
    if (Math.abs(numbers[i]) <= LARGEST_COMPONENT) continue;
    throw new InputError(`${name}: number ${i} is ${numbers[i]}; it must be from -1e16 to 1e16`);
  }
}
