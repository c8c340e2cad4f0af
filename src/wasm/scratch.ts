/**
 * Scratch space for kernels: one buffer that only grows, good until the next kernel asks. Nothing may live in it between calls.
 */
import { heap } from "./runtime.ts";

let address = 0;
let bytes = 0;

/** Address of at least `least` bytes, contents undefined. If they cannot be had, the buffer stays as it is: OutOfMemoryError. */
export function scratch(least: number): number {
  if (least > bytes) {
    const larger = heap.allocate(least);
    if (bytes > 0) heap.release(address);
    address = larger;
    bytes = least;
  }
  return address;
}
