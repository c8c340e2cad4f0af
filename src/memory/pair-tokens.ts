/**
 * The token of each remembered pair: what a pair votes for where predictions copy. Those of the current segment wait until its pairs
 * enter the memories; then they are in a ring with the memories' slots.
 */
import { InputError } from "../base/errors.ts";
import type { Releasable } from "../base/lifetime.ts";
import { integerTensor, type StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import type { Address } from "../wasm/heap.ts";
import { heap } from "../wasm/runtime.ts";
import type { KvMemory } from "./memory.ts";
import type { MemoryShape } from "./options.ts";
import { capacityOf } from "./ring.ts";

/** Token ids of the pairs of each row. Pair n is in slot n mod capacity, as in the memories of the row. */
export class PairTokens implements Releasable {
  /** Address of slot 0 of the first row, i32 [B, capacity]. In front of each row's slots are the tokens of pairs that others serve. */
  readonly ptr: Address;
  /** Numbers from one row to the next. */
  readonly capacity: number;
  private readonly shape: MemoryShape;
  private readonly vocabulary: number;
  /** Address of the whole block, and slots of the memories. */
  private readonly block: Address;
  private readonly slotCount: number;
  /** Tokens of the current segment, [B, T]; the caller's `offset` says how many of each row are filled. */
  private readonly waiting: Int32Array;

  /**
   * Makes a ring of zeros for memories of this shape and tokens of a vocabulary of V. `before` has the tokens of older pairs, which have
   * slots below 0; −1 is unknown, and votes for nothing.
   */
  constructor(shape: MemoryShape, vocabulary: number, before: Int32Array = new Int32Array()) {
    this.shape = shape;
    this.vocabulary = vocabulary;
    this.requireTokens(before, -1);
    this.slotCount = capacityOf(shape);
    this.capacity = before.length + this.slotCount;
    this.waiting = new Int32Array(shape.rows * shape.segment);
    this.block = heap.allocate(shape.rows * this.capacity * 4);
    this.ptr = this.block + before.length * 4;
    const numbers = heap.i32(this.block, shape.rows * this.capacity).fill(0);
    const known = before.map((id) => (id < 0 ? vocabulary : id));
    for (let row = 0; row < shape.rows; row++) numbers.set(known, row * this.capacity);
  }

  /** Notes the next tokens [B, n] of the segment, of which `offset` were noted before. */
  read(ids: Int32Array, offset: number): void {
    const { rows, segment } = this.shape;
    const count = ids.length / rows;
    for (let row = 0; row < rows; row++) {
      this.waiting.set(ids.subarray(row * count, (row + 1) * count), row * segment + offset);
    }
  }

  /** Writes the tokens of the segment into the ring, just before the memories (by layer) get their pairs: lengths[b] of row b. */
  remember(memories: ReadonlyMap<number, KvMemory>, lengths: ArrayLike<number>): void {
    const { rows, segment } = this.shape;
    const memory = anyOf(memories);
    for (let row = 0; row < rows; row++) {
      const ids = this.waiting.subarray(row * segment, row * segment + lengths[row]);
      this.write(row, memory.appended(row), ids);
    }
  }

  /**
   * Restores the tokens of the newest pairs of a row, so that the last is that of pair `appended` − 1.
   * @throws InputError for a token outside the vocabulary; then nothing changes
   */
  restore(row: number, appended: number, ids: Int32Array): void {
    this.requireTokens(ids, 0);
    this.write(row, appended - ids.length, ids);
  }

  /**
   * Copies all tokens that are known, by names that begin with `prefix`: `segment_ids [B·offset]`, and `tokens.row.0 [length]`, oldest
   * first, of the remembered pairs.
   */
  save(
    saved: Map<string, StoredTensor>,
    prefix: string,
    memories: ReadonlyMap<number, KvMemory>,
    offset: number,
  ): void {
    const { rows, segment } = this.shape;
    const memory = anyOf(memories);
    const ids = Array.from({ length: rows }, (_, row) => [
      ...this.waiting.subarray(row * segment, row * segment + offset),
    ]);
    saved.set(`${prefix}segment_ids`, integerTensor(ids.flat()));
    for (let row = 0; row < rows; row++) {
      const length = memory.length(row);
      const [first, slots] = [memory.appended(row) - length, this.slots(row)];
      const tokens = Int32Array.from({ length }, (_, n) => slots[(first + n) % this.slotCount]);
      saved.set(`${prefix}tokens.row.${row}`, integerTensor(tokens));
    }
  }

  /** Restores what `save` copied, once the memories have their pairs. Throws an InputError for tensors that do not fit. */
  load(reader: TensorReader, prefix: string, memories: ReadonlyMap<number, KvMemory>, offset: number): void {
    const [{ rows }, { vocabulary }, memory] = [this.shape, this, anyOf(memories)];
    const ids = reader.integers(`${prefix}segment_ids`, [rows * offset], vocabulary - 1);
    this.read(Int32Array.from(ids), 0);
    for (let row = 0; row < rows; row++) {
      const tokens = reader.integers(`${prefix}tokens.row.${row}`, [memory.length(row)], vocabulary - 1);
      this.restore(row, memory.appended(row), Int32Array.from(tokens));
    }
  }

  /** Frees the ring. */
  release(): void {
    heap.release(this.block);
  }

  /** Refuses a token below `least` or outside the vocabulary. */
  private requireTokens(ids: Int32Array, least: number): void {
    const most = this.vocabulary - 1;
    const outside = ids.find((id) => id < least || id > most);
    if (outside === undefined) return;
    throw new InputError(`a remembered token is ${outside}; it must be from 0 to ${most}, the model's tokens`);
  }

  /** Writes the tokens of pairs from number `first` on; of more than fit, the last. */
  private write(row: number, first: number, ids: Int32Array): void {
    const { slotCount } = this;
    const slots = this.slots(row);
    for (let n = Math.max(0, ids.length - slotCount); n < ids.length; n++) slots[(first + n) % slotCount] = ids[n];
  }

  /** A view of one row; valid until the next allocation. */
  private slots(row: number): Int32Array {
    return heap.i32(this.ptr + row * this.capacity * 4, this.slotCount);
  }
}

function anyOf(memories: ReadonlyMap<number, KvMemory>): KvMemory {
  for (const memory of memories.values()) return memory;
  throw new InputError("tokens of pairs need a memory that has them");
}
