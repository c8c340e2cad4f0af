/**
 * Scratch space for kernels: one buffer that only grows. Its contents are valid only during a kernel call.
 */
import type { Address } from "./heap.ts";
import { heap } from "./runtime.ts";

let address: Address = 0;
let bytes = 0;

/** Returns the address of at least `least` bytes, contents undefined. Throws OutOfMemoryError and then keeps the old buffer. */
export function scratch(least: number): Address {
  if (least > bytes) {
    const larger = heap.allocate(least);
    if (bytes > 0) heap.release(address);
    address = larger;
    bytes = least;
  }
  return address;
}
