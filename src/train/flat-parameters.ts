/** All weights of a model, or all gradients, as one vector, block by block: what workers send to each other. */
import type { Parameters } from "../nn/parameters.ts";
import { heap } from "../wasm/runtime.ts";

type Side = "values" | "gradients";

/** P: how many numbers that are, the padding between parameters included. */
export function flatLength({ blocks }: Parameters): number {
  return blocks.reduce((sum, { size }) => sum + size, 0);
}

/** A copy of all of them, [P]. */
export function flatCopy(parameters: Parameters, side: Side): Float32Array {
  const all = new Float32Array(flatLength(parameters));
  let from = 0;
  for (const block of parameters.blocks) {
    all.set(heap.f32(block[side].ptr, block.size), from);
    from += block.size;
  }
  return all;
}

/** Replaces all by those of such a copy. */
export function setFlat({ blocks }: Parameters, side: Side, all: Float32Array): void {
  let from = 0;
  for (const block of blocks) {
    heap.f32(block[side].ptr, block.size).set(all.subarray(from, from + block.size));
    from += block.size;
  }
}
