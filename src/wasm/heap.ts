/**
 * The heap: an allocator of aligned blocks in WebAssembly's one memory, from the kernels' heap base up, with a free list.
 *
 * It is in TypeScript because allocators inside WebAssembly keep state per instance, and instances that share a memory
 * would collide. It hands out addresses, never views: `memory.grow` silently empties views. So `f32`, `i32`, `u16` and `u8` make
 * a view on demand, and callers do not keep it. The heap does not know tensors, steps or lifetimes.
 */

import { check, type Kind } from "../base/check.ts";

/** Every block starts on a cache line. */
export const ALIGNMENT = 64;
const PAGE_BYTES = 65536;
/** WebAssembly memories end at 4 GiB; the last page stays unused so that an end address fits 32 bits. */
export const MOST_BYTES = 65535 * PAGE_BYTES;

/** A place on the heap: bytes from the beginning of WebAssembly's memory. 0 stands for an absent tensor. */
export type Address = number;

/** Thrown when a block does not fit below the 4 GiB that one WebAssembly memory can have. */
export class OutOfMemoryError extends Error {
  /** The class of the error, so that its text names it. */
  override name = "OutOfMemoryError";
}

const someBytes: Kind = {
  what: "a whole number from 0 on",
  accepts: (value) => Number.isInteger(value) && (value as number) >= 0,
};

interface Block {
  address: Address;
  bytes: number;
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** An allocator of blocks in a WebAssembly memory. */
export class Heap {
  /** WebAssembly's memory. */
  readonly memory: WebAssembly.Memory;
  /** Bytes in allocated blocks. */
  bytesInUse = 0;
  /** First byte above every block ever made. */
  private top: Address;
  /** Free blocks below `top`, by rising address, never adjacent. */
  private free: Block[] = [];
  private readonly sizes = new Map<Address, number>();

  /** Hands out the bytes of `memory` from `base` up. */
  constructor(memory: WebAssembly.Memory, base: Address) {
    this.memory = memory;
    this.top = roundUp(base);
  }

  /** Returns the address of a block of at least `bytes` bytes, 64-byte aligned, contents undefined. Throws OutOfMemoryError. */
  allocate(bytes: number): Address {
    check("bytes", bytes, someBytes);
    const size = Math.max(ALIGNMENT, roundUp(bytes));
    const address = this.takeFree(size) ?? this.extend(size);
    this.sizes.set(address, size);
    this.bytesInUse += size;
    return address;
  }

  /** Frees a block. Throws if `address` is not the start of an allocated block. */
  release(address: Address): void {
    const bytes = this.sizes.get(address);
    if (bytes === undefined) throw new Error(`heap: ${address} is not the start of an allocated block`);
    this.sizes.delete(address);
    this.bytesInUse -= bytes;
    this.insertFree({ address, bytes });
  }

  /** Bytes of the largest block that `allocate` can return, with growth up to 4 GiB. */
  get bytesAvailable(): number {
    const holes = this.free.reduce((most, block) => Math.max(most, block.bytes), 0);
    return Math.max(holes, MOST_BYTES - this.top);
  }

  /** Returns a view of `length` floats at `address`, valid until the next allocation. */
  f32(address: Address, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  /** Returns a view of `length` doubles at `address`, valid until the next allocation. */
  f64(address: Address, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, length);
  }

  /** Returns a view of `length` 32-bit integers at `address`, valid until the next allocation. */
  i32(address: Address, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  /** Returns a view of `length` 16-bit integers at `address`, valid until the next allocation. */
  u16(address: Address, length: number): Uint16Array {
    return new Uint16Array(this.memory.buffer, address, length);
  }

  /** Returns a view of `length` bytes at `address`, valid until the next allocation. */
  u8(address: Address, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  /** Takes the first free block that fits. */
  private takeFree(size: number): Address | undefined {
    const i = this.free.findIndex((block) => block.bytes >= size);
    if (i < 0) return undefined;
    const block = this.free[i];
    const { address } = block;
    if (block.bytes === size) this.free.splice(i, 1);
    else this.free[i] = { address: address + size, bytes: block.bytes - size };
    return address;
  }

  /** Makes a new block at the top. */
  private extend(size: number): Address {
    const address = this.top;
    const end = address + size;
    if (end > MOST_BYTES) {
      throw new OutOfMemoryError(
        `a block of ${size} bytes was asked for, ${this.bytesAvailable} bytes are left of the 4 GiB that one WebAssembly memory can hold`,
      );
    }
    this.growTo(end);
    this.top = end;
    return address;
  }

  /** Grows the memory until it holds all bytes below `end`. */
  private growTo(end: Address): void {
    const missing = end - this.memory.buffer.byteLength;
    if (missing <= 0) return;
    try {
      this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    } catch {
      throw new OutOfMemoryError(`the system refused to grow the WebAssembly memory by ${missing} bytes to ${end}`);
    }
  }

  /** Keeps `free` sorted and merged; a block that touches `top` lowers it. */
  private insertFree(block: Block): void {
    const after = this.free.findIndex((other) => other.address > block.address);
    const i = after < 0 ? this.free.length : after;
    this.free.splice(i, 0, block);
    this.mergeWithNext(i);
    if (i > 0) this.mergeWithNext(i - 1);
    const last = this.free[this.free.length - 1];
    if (last.address + last.bytes === this.top) {
      this.top = last.address;
      this.free.pop();
    }
  }

  /** Merges block i with the one after it, if they touch. */
  private mergeWithNext(i: number): void {
    const block = this.free[i];
    const next = this.free[i + 1];
    if (next === undefined || block.address + block.bytes !== next.address) return;
    this.free.splice(i, 2, { address: block.address, bytes: block.bytes + next.bytes });
  }
}
