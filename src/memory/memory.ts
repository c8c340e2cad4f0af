/**
 * The external memory of one layer, as the model sees it: append, look up, reset, and how much it holds.
 *
 * It keeps, for each row of the batch and each head, the last M (key, value) pairs of that row's document. No gradient ever
 * flows into it. How pairs are stored is ring.ts's matter, how they are found that of search.ts and its kinds.
 */
import type { Neighbours } from "../autodiff/ops/retrieval.ts";
import { note } from "../autodiff/tape.ts";
import { stepIntegers, stepTensor, type Tensor } from "../autodiff/tensor.ts";
import { bucketedSearch } from "./bucketed.ts";
import { searchExact } from "./exact.ts";
import { Ring } from "./ring.ts";
import type { KeySearch } from "./search.ts";

/** B rows of H heads that remember M pairs of D floats; `segment`: T, the most pairs that one step appends. */
export interface MemoryShape {
  readonly rows: number;
  readonly heads: number;
  readonly width: number;
  readonly size: number;
  readonly segment: number;
}

/** The ways to search a memory, by their name in `config.json`. */
export const keySearches = {
  exact: () => searchExact,
  bucketed: (perNeighbour) => bucketedSearch(perNeighbour),
} satisfies Record<string, (bucketsPerNeighbour: number) => KeySearch>;

export interface SearchOptions {
  readonly kind: keyof typeof keySearches;
  /** Of `bucketed`: buckets for each of the K neighbours. */
  readonly bucketsPerNeighbour?: number;
}

const DEFAULT_BUCKETS = 4;

export class KvMemory {
  private readonly ring: Ring;
  private readonly search: KeySearch;

  constructor(shape: MemoryShape, { kind, bucketsPerNeighbour = DEFAULT_BUCKETS }: SearchOptions = { kind: "exact" }) {
    this.ring = new Ring(shape);
    this.search = keySearches[kind](bucketsPerNeighbour);
  }

  /** M, pairs that a head remembers; older ones fall out first. */
  get size(): number {
    return this.ring.size;
  }

  /** Bytes of WebAssembly memory that the pairs take. */
  get bytes(): number {
    return this.ring.bytes;
  }

  /** Pairs that each head of row `row` remembers now, 0 to M. */
  length(row: number): number {
    return this.ring.length(row);
  }

  /** Forgets everything in one row: its next document begins. */
  reset(row: number): void {
    this.ring.reset(row);
  }

  /** Remembers `count` pairs of one row; keys and values are addresses of [count, H, D] floats, oldest first. */
  append(row: number, keys: number, values: number, count: number): void {
    this.ring.append(row, keys, values, count);
  }

  /**
   * For every query [B, T, H·D] and head, the `topk` stored keys of the same row and head with the largest inner product, or
   * all of them where fewer are stored; of equal ones the older first. Good until the step ends.
   */
  lookup(queries: Tensor, topk: number): Neighbours {
    const { rows, heads, capacity, keys, values } = this.ring;
    const [batch, segment] = queries.shape;
    if (batch !== rows) throw new Error(`memory lookup: queries of ${batch} rows, but the memory has ${rows}`);
    const scores = stepTensor([rows, segment, heads, topk]);
    const slots = stepIntegers(new Int32Array(scores.size));
    this.search(this.ring, { scores: scores.ptr, slots, queries, topk });
    note("memory lookup", [scores]);
    const counts = Int32Array.from({ length: rows }, (_, row) => Math.min(topk, this.length(row)));
    return { scores, slots, counts, topk, keys, values, capacity };
  }

  /** A copy of what one row remembers, [H, length, D] each, oldest first. */
  contents(row: number): { keys: Float32Array; values: Float32Array } {
    return { keys: this.ring.copyOut(row, this.ring.keys), values: this.ring.copyOut(row, this.ring.values) };
  }

  /** Gives the storage back; the memory must not be used afterwards. */
  release(): void {
    this.ring.release();
  }
}
