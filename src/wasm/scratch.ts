/**
 * Scratch space for kernels: one buffer that only grows, good until the next kernel asks. Nothing may live in it between calls.
 */
import { heap } from "./runtime.ts";

let address = 0;
let bytes = 0;

/** Address of at least `least` bytes, contents undefined. */
export function scratch(least: number): number {
  if (least > bytes) {
    if (address !== 0) heap.release(address);
    address = heap.allocate(least);
    bytes = least;
  }
  return address;
}
