/**
 * The step arena: a bump pointer for everything that one step makes, freed by one reset when the step ends.
 *
 * Tensors need neither reference counts nor `dispose`: each remembers its epoch, and a reset starts the next epoch.
 * The first step may take several chunks. The reset merges them into one, so from the second step on the arena keeps its size.
 * Parameters, moments, caches and memories live on the heap itself.
 */
import { type Address, ALIGNMENT, OutOfMemoryError } from "../wasm/heap.ts";
import { heap } from "../wasm/runtime.ts";

const LEAST_CHUNK = 1 << 20;

interface Chunk {
  address: Address;
  bytes: number;
}

class Arena {
  /** Grows by one at every reset. */
  epoch = 0;
  private chunks: Chunk[] = [];
  private offset = 0;
  private usedBefore = 0;

  /** Returns the address of `bytes` bytes, 64-byte aligned, contents undefined, valid until the reset. */
  allocate(bytes: number): Address {
    const size = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    let chunk = this.chunks[this.chunks.length - 1];
    if (chunk === undefined || this.offset + size > chunk.bytes) chunk = this.addChunk(size);
    const address = chunk.address + this.offset;
    this.offset += size;
    return address;
  }

  /** Bytes handed out since the last reset. */
  get bytesUsed(): number {
    return this.usedBefore + this.offset;
  }

  /** Bytes taken from the heap. */
  get bytesReserved(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
  }

  /** Frees everything; all tensors of the ended epoch are stale. */
  reset(): void {
    this.epoch++;
    if (this.chunks.length > 1) this.melt();
    this.offset = 0;
    this.usedBefore = 0;
  }

  /** Merges all chunks into one. If the heap lacks a block of that size, the next step starts without a chunk. */
  private melt(): void {
    const bytes = this.bytesReserved;
    for (const chunk of this.chunks.splice(0)) heap.release(chunk.address);
    try {
      this.chunks.push({ address: heap.allocate(bytes), bytes });
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }

  /** Adds a chunk. Chunks double the arena, so a step of any size takes few of them. */
  private addChunk(least: number): Chunk {
    const bytes = Math.max(LEAST_CHUNK, least, this.bytesReserved);
    const chunk = { address: heap.allocate(bytes), bytes };
    this.usedBefore += this.offset;
    this.offset = 0;
    this.chunks.push(chunk);
    return chunk;
  }
}

export const arena = new Arena();
