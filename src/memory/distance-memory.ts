/**
 * The memory of a layer in a model with rotary positions: a pair's distance counts, up to R.
 *
 * Pairs are kept as they were before the rotation. A query at position t compares those nearby with its rotated self, so that their
 * keys are also kept rotated by their own positions; those farther away with itself rotated by R, as if they all stood at that distance.
 * Both are ranges of the ring, since pairs come in order. Models without rotary positions need neither, and use memory.ts alone.
 */
import type { Neighbours } from "../autodiff/ops/retrieved.ts";
import { note } from "../autodiff/tape.ts";
import { stepIntegers, stepZeros, type Tensor } from "../autodiff/tensor.ts";
import { allOrNothing, Lifetime, type Releasable } from "../base/lifetime.ts";
import { floatTensor, type StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import type { Address } from "../wasm/heap.ts";
import { parallel } from "../wasm/parallel.ts";
import { KvMemory } from "./memory.ts";
import type { MemoryDtype, MemoryShape } from "./options.ts";
import { Ring } from "./ring.ts";
import { loadMemoryRow, saveMemoryRow } from "./saved-rows.ts";
import type { KeyIndex } from "./search/exact.ts";
import { quantisedIndex } from "./search/quantised.ts";

/** One lookup, in which a query and a pair meet at their distance. */
export interface DistanceLookup {
  /** Queries rotated by their own positions, [B, T, H·D]. */
  readonly near: Tensor;
  /** Queries rotated by R, [B, T, H·D]. */
  readonly far: Tensor;
  /** K, pairs for each query. */
  readonly topk: number;
  /** How many of a row's newest pairs are nearby, [B]. */
  readonly nearby: Int32Array;
  /** How many of its newest pairs each row may look up, [B]; default: all. */
  readonly reach?: ArrayLike<number>;
}

/** Pairs, and the rotated keys of the newest of them. */
export class DistanceMemory implements Releasable {
  /** The pairs, keys as they were before the rotation. */
  readonly pairs: KvMemory;
  private readonly rotated: Ring;
  private readonly index: KeyIndex;
  private readonly life = new Lifetime("this memory");

  /** Makes an empty memory that keeps the rotated keys of the `most` newest pairs, which is the most that are ever nearby. */
  constructor(shape: MemoryShape, dtype: MemoryDtype, most: number) {
    const size = Math.min(most, shape.size);
    [this.pairs, this.rotated, this.index] = allOrNothing((own) => {
      const pairs = own(new KvMemory(shape, { dtype, kind: "quantised" }));
      const rotated = own(new Ring({ ...shape, size }, dtype, { keysOnly: true }));
      return [pairs, rotated, own(quantisedIndex(rotated))];
    });
  }

  /** Remembers `count` pairs of one row: keys, rotated keys and values, [count, H, D] floats, oldest first. */
  append(row: number, keys: Address, rotated: Address, values: Address, count: number): void {
    if (this.rotated.appended(row) !== this.pairs.appended(row)) this.followRestored(row);
    this.pairs.append(row, keys, values, count);
    this.rotated.append(row, rotated, 0, count);
    this.index.appended(row, count);
  }

  /** Restarts after pairs were restored. All of them are far, so their rotated keys are neither known nor needed. */
  private followRestored(row: number): void {
    this.rotated.restart(row, this.pairs.appended(row));
    this.index.reset(row);
  }

  /** Forgets everything in one row. */
  reset(row: number): void {
    this.pairs.reset(row);
    this.rotated.reset(row);
    this.index.reset(row);
  }

  /**
   * The best pairs of both ranges, as `KvMemory.lookup` returns them. Those nearby come first: when there are K of them, few that are farther
   * away are as good as the K-th, so that most are passed over.
   */
  lookup({ near, far, topk, nearby, reach }: DistanceLookup): Neighbours {
    if (nearby.every((count) => count === 0)) return this.pairs.lookup(far, topk, reach, nearby);
    const [rowCount, segment] = near.shape;
    const scores = stepZeros([rowCount, segment, this.rotated.heads, topk]);
    const slots = stepIntegers(new Int32Array(scores.size));
    const within = nearby.map((count, row) => Math.min(count, reach?.[row] ?? count, this.rotated.length(row)));
    this.index.search({ scores: scores.ptr, slots, queries: near, topk, reach: within });
    const counts = within.map((count) => Math.min(count, topk));
    const areFull = counts.every((count) => count === topk);
    const farther = areFull
      ? this.pairs.lookupAbove(scores, far, topk, reach, nearby)
      : this.pairs.lookup(far, topk, reach, nearby);
    const merged = this.merged(farther, { scores, slots, counts });
    const { keys, capacity } = this.rotated;
    const rows = stepIntegers([...nearby].flatMap((count, row) => [count, ...this.newestSlots(row, farther.capacity)]));
    return { ...merged, near: { queries: near, keys, capacity, rows } };
  }

  /** The best of two lookups. */
  private merged(far: Neighbours, near: Pick<Neighbours, "scores" | "slots" | "counts">): Neighbours {
    const [rows, segment, heads, topk] = far.scores.shape;
    const scores = stepZeros(far.scores.shape);
    const slots = stepIntegers(new Int32Array(scores.size));
    const counts = Array.from(far.counts, (count, row) => [
      count,
      near.counts[row],
      ...this.newestSlots(row, far.capacity),
    ]);
    const from = [far.scores.ptr, far.slots, near.scores.ptr, near.slots, stepIntegers(counts.flat())] as const;
    const shape = [segment, heads, topk, this.rotated.capacity, far.capacity] as const;
    parallel("merge_best", rows * segment, scores.ptr, slots, ...from, ...shape);
    note("lookup", [scores]);
    return { ...far, scores, slots, counts: Int32Array.from(counts, ([a, b]) => Math.min(topk, a + b)) };
  }

  /** Slots of a row's newest pair in the ring of all pairs, of `capacity`, and in the ring of those nearby. */
  private newestSlots(row: number, capacity: number): [all: number, nearby: number] {
    const newest = Math.max(0, this.rotated.appended(row) - 1);
    return [newest % capacity, newest % this.rotated.capacity];
  }

  /** Copies a row for a checkpoint: its pairs as saved-rows.ts does, and `NAME.rotated [H, length, D]`. */
  save(saved: Map<string, StoredTensor>, name: string, row: number): void {
    const { rotated } = this;
    saveMemoryRow(saved, name, this.pairs, row);
    const shape = [rotated.heads, rotated.length(row), rotated.width];
    saved.set(`${name}.rotated`, floatTensor(shape, rotated.copyOut(row, rotated.keys)));
  }

  /** Restores a row that `save` copied. Throws an InputError for tensors that do not fit the memory. */
  load(reader: TensorReader, name: string, row: number): void {
    const { rotated } = this;
    loadMemoryRow(reader, name, this.pairs, row);
    const appended = this.pairs.appended(row);
    const shape = [rotated.heads, Math.min(this.pairs.length(row), rotated.size), rotated.width];
    rotated.copyIn(row, appended, reader.numbers(`${name}.rotated`, shape));
    this.index.reset(row);
    this.index.appended(row, rotated.length(row));
  }

  /** Frees the storage; the memory must not be used afterwards. */
  release(): void {
    this.life.end(() => {
      this.pairs.release();
      this.rotated.release();
      this.index.release();
    });
  }
}
