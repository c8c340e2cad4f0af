/** The size of a memory in bytes, known before anything is allocated, and the refusal of a memory that cannot fit. */
import { InputError } from "../base/errors.ts";
import { heap } from "../wasm/runtime.ts";
import { type MemoryOptions, type MemoryShape, requireMemoryOptions } from "./options.ts";
import { keyBytes } from "./ring.ts";
import { invertedIndexBytes } from "./search/inverted.ts";
import { quantisedIndexBytes } from "./search/quantised.ts";

/** Bytes of the heap that a KvMemory of this shape takes: its `bytes`. */
export function memoryBytes(shape: MemoryShape, options: Partial<MemoryOptions> = {}): number {
  requireMemoryOptions(shape, options);
  return 2 * keyBytes(shape, options.dtype) + indexBytes(shape, options);
}

function indexBytes(shape: MemoryShape, { kind, lists }: Partial<MemoryOptions>): number {
  switch (kind) {
    case "quantised":
      return quantisedIndexBytes(shape);
    case "inverted":
      return invertedIndexBytes(shape, lists);
    default:
      return 0;
  }
}

/** @throws InputError if `count` memories of this shape do not fit into the rest of the heap */
export function requireRoom(shape: MemoryShape, options: Partial<MemoryOptions>, count = 1): void {
  const needed = count * memoryBytes(shape, options);
  const available = heap.bytesAvailable;
  if (needed <= available) return;
  const halved = count * memoryBytes(shape, { ...options, dtype: "float16" });
  const advice =
    needed > halved ? `make it smaller, or keep it as float16, which takes ${halved} bytes` : "make it smaller";
  const limit = "the 4 GiB that one WebAssembly memory can hold";
  throw new InputError(
    `a memory of ${shape.size} pairs needs ${needed} bytes, but ${available} are left of ${limit}; ${advice}`,
  );
}
