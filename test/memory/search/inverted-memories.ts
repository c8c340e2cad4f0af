/** For tests of inverted lists: memories to compare, and keys of several kinds. */
import { step } from "../../../src/autodiff/tape.ts";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { Random } from "../../../src/base/random.ts";
import { KvMemory } from "../../../src/memory/memory.ts";
import type { MemoryOptions, MemoryShape } from "../../../src/memory/options.ts";
import { heap } from "../../../src/wasm/runtime.ts";

export interface Found {
  readonly scores: Float32Array;
  readonly slots: Int32Array;
}

/** Looks up queries [T, H, D] in a memory of one row: [T, H, min(k, length)]. */
export function lookup(memory: KvMemory, queries: Float32Array, topk: number): Found {
  const width = memory.heads * memory.width;
  return step(() => {
    const found = memory.lookup(tensor(queries, [1, queries.length / width, width]), topk);
    const isValid = (_: number, i: number) => i % topk < found.counts[0];
    return {
      scores: found.scores.toArray().filter(isValid),
      slots: heap.i32(found.slots, found.scores.size).slice().filter(isValid),
    };
  });
}

export type Vectors = (random: Random, count: number, width: number) => Float32Array;

export const normals: Vectors = (random, count, width) =>
  Float32Array.from({ length: count * width }, () => random.normal());

/** Unit vectors around `clusters` directions with seeds from `first`; `spread` is the length of their scatter. */
export function mixture(clusters: number, spread: number, first = 0): Vectors {
  return (random, count, width) => {
    const centres = Array.from({ length: clusters }, (_, i) => unit(normals(new Random(first + i), 1, width)));
    const vectors = normals(random, count, width);
    for (let at = 0; at < vectors.length; at += width) {
      const centre = centres[random.uint32() % clusters];
      const vector = vectors.subarray(at, at + width);
      vector.set(unit(vector.map((x, d) => centre[d] + (x * spread) / Math.sqrt(width))));
    }
    return vectors;
  };
}

export function unit(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return vector.map((x) => x / norm);
}

export const kinds: Record<string, Vectors> = {
  random: normals,
  clustered: mixture(9, 0.5),
  equal: (_, count, width) => new Float32Array(count * width).fill(0.25),
  zero: (_, count, width) => new Float32Array(count * width),
  "few distinct": (random, count, width) =>
    Float32Array.from({ length: count * width }, (_, i) => (i % width === 0 ? random.uint32() % 3 : 0.5)),
};

/** Returns an exact memory and an inverted memory of the same shape. */
export function pair(
  shape: Partial<MemoryShape>,
  options: Partial<MemoryOptions>,
): [exact: KvMemory, inverted: KvMemory] {
  const whole = { rows: 1, heads: 1, width: 4, size: 100, segment: 7, ...shape };
  return [new KvMemory(whole, { ...options, kind: "exact" }), new KvMemory(whole, { ...options, kind: "inverted" })];
}

export function release(...memories: KvMemory[]): void {
  for (const memory of memories) memory.release();
}
