/**
 * Inputs of the benchmarks: identical numbers on every machine and in every run.
 */
import { Random } from "../src/base/random.ts";
import type { Input } from "./family.ts";

/** Makes `length` numbers, uniform in [-1, 1). */
export function uniform(length: number, seed: number): Input {
  return () => {
    const random = new Random(seed);
    return Float32Array.from({ length }, () => 2 * random.next() - 1);
  };
}

/** Makes `count` directions of `depth` numbers, uniform on the sphere: the case in which an index does not help. */
export function unitVectors(count: number, depth: number, seed: number): Input {
  return () => {
    const random = new Random(seed);
    const values = Float32Array.from({ length: count * depth }, () => random.normal());
    return normalised(values, depth);
  };
}

/** Makes `count` vectors as keys of models with rotary positions are: long, with much in common and a few huge components. */
export function trainedVectors(count: number, depth: number, seed: number): Input {
  return () => {
    const random = new Random(seed);
    return Float32Array.from({ length: count * depth }, (_, i) => {
      const d = i % depth;
      return (d % 29 === 3 ? 30 : 1) * (random.normal() + 3 * Math.cos(d * d));
    });
  };
}

/**
 * Makes `count` unit vectors scattered around `clusters` random directions, like the keys of a real model. `spread` is the length
 * of the scatter relative to the centre. Sets with the same `centreSeed` share their centres.
 */
export function clusteredVectors(
  count: number,
  depth: number,
  clusters: number,
  spread: number,
  centreSeed: number,
  seed: number,
): Input {
  return () => {
    const centres = unitVectors(clusters, depth, centreSeed)();
    const random = new Random(seed);
    const noise = spread / Math.sqrt(depth);
    const values = new Float32Array(count * depth);
    for (let i = 0; i < count; i++) {
      const centre = random.uint32() % clusters;
      for (let d = 0; d < depth; d++) {
        values[i * depth + d] = centres[centre * depth + d] + noise * random.normal();
      }
    }
    return normalised(values, depth);
  };
}

function normalised(values: Float32Array, depth: number): Float32Array {
  for (let start = 0; start < values.length; start += depth) {
    let squares = 0;
    for (let d = 0; d < depth; d++) squares += values[start + d] ** 2;
    const scale = 1 / Math.sqrt(squares);
    for (let d = 0; d < depth; d++) values[start + d] *= scale;
  }
  return values;
}

/** [rows, columns] → [columns, rows]. */
export function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}

/** Joins arrays, one after the other. */
export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
