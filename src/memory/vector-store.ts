/**
 * A memory by itself, without a model: keys and values go in, the nearest keys' values come out. Any of the searches finds
 * them; all but the bucketed one find exactly the nearest. Plain arrays at both ends; kept in files by its snapshot.
 */
import { step } from "../autodiff/tape.ts";
import { tensor } from "../autodiff/tensor.ts";
import { InputError } from "../base/errors.ts";
import { heap } from "../wasm/runtime.ts";
import { KvMemory } from "./memory.ts";
import type { MemoryDtype, SearchOptions } from "./shape.ts";
import { type MemorySnapshot, restoreSnapshot, takeSnapshot } from "./snapshot.ts";

/** How large a store is, how it searches and how it keeps numbers. */
export interface VectorStoreOptions {
  /** D, floats of a key, and of a value. */
  readonly width: number;
  /** M, the most pairs that are kept; older ones fall out first. */
  readonly size: number;
  /** H, independent keys and values of each pair; 1 unless given. */
  readonly heads?: number;
  /** How the nearest are found; exact unless given. Quantised search is fast for keys no longer than 1. */
  readonly search?: SearchOptions["kind"];
  /** How numbers are kept; float32 unless given. float16 takes half the bytes. */
  readonly dtype?: MemoryDtype;
}

/** What a lookup found: lists of k pairs, or as many as there are, for each query and head [n, H, k]. */
export interface Found {
  /** Pairs that were found for each query and head. */
  readonly k: number;
  /** Inner products of query and key in falling order, [n, H, k]. */
  readonly scores: Float32Array;
  /** Which pairs those are, counted from 0 as they were appended, [n, H, k]. */
  readonly serials: Float64Array;
  /** Their values [n, H, k, D]. */
  readonly values: Float32Array;
}

/** A memory by itself: vectors by their keys, first in, first out, found by inner product. */
export class VectorStore {
  /** H, independent keys and values of each pair. */
  readonly heads: number;
  /** D, floats of a key, and of a value. */
  readonly width: number;
  /** M, the most pairs that are kept. */
  readonly size: number;
  private readonly memory: KvMemory;

  /** Makes an empty store. */
  constructor({ width, size, heads = 1, search = "exact", dtype = "float32" }: VectorStoreOptions) {
    for (const [name, count] of Object.entries({ width, size, heads })) {
      if (!Number.isSafeInteger(count) || count < 1) {
        throw new InputError(`a vector store's ${name} must be a whole number from 1 on, not ${count}`);
      }
    }
    this.heads = heads;
    this.width = width;
    this.size = size;
    this.memory = new KvMemory({ rows: 1, heads, width, size, segment: 0 }, { kind: search, dtype });
  }

  /** A store that holds what `snapshot` does, with room for `size` pairs, as many as it had unless given. */
  static from(snapshot: MemorySnapshot, options: Partial<VectorStoreOptions> = {}): VectorStore {
    const { heads, width, size } = snapshot;
    const store = new VectorStore({ heads, width, size, ...options });
    restoreSnapshot({ memories: new Map([[0, store.memory]]), sources: [] }, 0, snapshot);
    return store;
  }

  /** Pairs that are kept now. */
  get length(): number {
    return this.memory.length(0);
  }

  /** Pairs that were ever appended: the serial of the next one. */
  get appended(): number {
    return this.memory.appended(0);
  }

  /** Bytes of WebAssembly memory that the pairs and their index take. */
  get bytes(): number {
    return this.memory.bytes;
  }

  /**
   * Adds pairs, keys and values [n, H, D] each.
   * @throws InputError if their lengths differ or are no multiple of H·D
   */
  append(keys: Float32Array, values: Float32Array): void {
    const count = this.countOf(keys, "keys");
    if (values.length !== keys.length) {
      throw new InputError(`keys of ${keys.length} numbers need values of as many, not of ${values.length}`);
    }
    const [atKeys, atValues] = [keys, values].map(({ byteLength }) => heap.allocate(byteLength));
    heap.f32(atKeys, keys.length).set(keys);
    heap.f32(atValues, values.length).set(values);
    this.memory.append(0, atKeys, atValues, count);
    heap.release(atKeys);
    heap.release(atValues);
  }

  /**
   * The `topk` pairs whose keys have the largest inner products with each query, for queries [n, H, D] and head by head; of
   * equal ones the older first. Not to be called within `step()`.
   * @throws InputError if the length of `queries` is no multiple of H·D
   */
  lookup(queries: Float32Array, topk: number): Found {
    const { heads, width } = this;
    const count = this.countOf(queries, "queries");
    const k = Math.min(topk, this.length);
    const lists = count * heads;
    const values = new Float32Array(lists * k * width);
    if (lists * k === 0) return { k, scores: new Float32Array(), serials: new Float64Array(), values };
    return step(() => {
      const found = this.memory.lookup(tensor(queries, [1, count, heads * width]), k);
      const slots = heap.i32(found.slots, lists * k).slice();
      for (const [i, slot] of slots.entries()) {
        values.set(this.memory.value(0, Math.floor(i / k) % heads, slot), i * width);
      }
      const serials = Float64Array.from(slots, (slot) => this.memory.serial(0, slot));
      return { k, scores: found.scores.toArray(), serials, values };
    });
  }

  /** A copy of all pairs, for a file or another store. */
  snapshot(): MemorySnapshot {
    return takeSnapshot({ memories: new Map([[0, this.memory]]), sources: [] }, 0);
  }

  /** Gives the memory back; the store must not be used afterwards. */
  release(): void {
    this.memory.release();
  }

  /** How many pairs or queries [n, H, D] these are. */
  private countOf(numbers: Float32Array, what: string): number {
    const count = numbers.length / (this.heads * this.width);
    if (Number.isInteger(count)) return count;
    throw new InputError(
      `${numbers.length} numbers are no whole ${what} of ${this.heads} heads of width ${this.width}`,
    );
  }
}
