/** Fills memories in tests. */
import type { Random } from "../src/base/random.ts";
import type { Address } from "../src/wasm/heap.ts";
import { heap } from "../src/wasm/runtime.ts";

/** A KvMemory, or the ring of one. */
interface Memory {
  readonly heads: number;
  readonly width: number;
  append(row: number, keys: Address, values: Address, count: number): void;
}

/** Appends pairs, keys and values [count, H, D] each, to one row of `memory`. Default: the values are the keys. */
export function remember(memory: Memory, row: number, keys: ArrayLike<number>, values: ArrayLike<number> = keys): void {
  const [atKeys, atValues] = [addressOf(keys), addressOf(values)];
  memory.append(row, atKeys, atValues, keys.length / memory.heads / memory.width);
  heap.release(atKeys);
  heap.release(atValues);
}

/** Appends `count` pairs of keys of length 1 and normal values, segment by segment. */
export function rememberRandom(memory: Memory, row: number, count: number, random: Random, segment = count): void {
  const { heads, width } = memory;
  for (let done = 0; done < count; done += segment) {
    const vectors = Math.min(segment, count - done) * heads;
    remember(memory, row, unitVectors(vectors, width, random), normals(vectors * width, random));
  }
}

/** Returns `count` random vectors of length 1, [count, width]. */
export function unitVectors(count: number, width: number, random: Random): Float32Array {
  const vectors = normals(count * width, random);
  for (let i = 0; i < count; i++) {
    const vector = vectors.subarray(i * width, (i + 1) * width);
    const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    for (let d = 0; d < width; d++) vector[d] /= length;
  }
  return vectors;
}

/** Returns `count` normal numbers. */
export function normals(count: number, random: Random): Float32Array {
  return Float32Array.from({ length: count }, () => random.normal());
}

/** Returns the share of the slots in `truth` that are in `found`; both have lists of `topk`. */
export function recall(found: Int32Array, truth: Int32Array, topk: number): number {
  let hits = 0;
  for (let i = 0; i < truth.length; i += topk) {
    const wanted = new Set(truth.subarray(i, i + topk));
    for (const slot of found.subarray(i, i + topk)) if (wanted.has(slot)) hits++;
  }
  return hits / truth.length;
}

function addressOf(numbers: ArrayLike<number>): Address {
  const address = heap.allocate(Math.max(4, numbers.length * 4));
  heap.f32(address, numbers.length).set(numbers);
  return address;
}
