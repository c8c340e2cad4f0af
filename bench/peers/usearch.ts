/**
 * usearch: a graph index with its usual construction parameters, single precision, one thread.
 */
import type { Problem, Task } from "../family.ts";
import { serve } from "../serve.ts";
import { peerVersion, requirePeer } from "./load.ts";

interface UsearchIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void;
  remove(keys: BigUint64Array): number[];
  search(queries: Float32Array, neighbours: number, threads: number): { keys: BigUint64Array };
}

interface UsearchOptions {
  readonly dimensions: number;
  readonly metric: "ip";
  readonly quantization: "f32";
  /** Candidates that a search keeps: twice the number of neighbours. */
  readonly expansion_search: number;
}

const { Index } = requirePeer<{ Index: new (options: UsearchOptions) => UsearchIndex }>("usearch");

function labels(from: number, count: number): BigUint64Array {
  return BigUint64Array.from({ length: count }, (_, i) => BigInt(from + i));
}

function build({ sizes: { keys, depth }, inputs }: Problem): UsearchIndex {
  const index = new Index({ dimensions: depth, metric: "ip", quantization: "f32", expansion_search: 64 });
  index.add(labels(0, keys), inputs[0], 1);
  return index;
}

function search(problem: Problem): Task {
  const index = build(problem);
  let found: { keys: BigUint64Array };
  return {
    run() {
      found = index.search(problem.inputs[1], problem.sizes.neighbours, 1);
    },
    output: () => Float32Array.from(found.keys, Number),
  };
}

function update(problem: Problem): Task {
  const index = build(problem);
  const { keys, count } = problem.sizes;
  let oldest = 0;
  return {
    run() {
      index.remove(labels(oldest, count));
      index.add(labels(oldest + keys, count), problem.inputs[1], 1);
      oldest += count;
    },
    output: () => new Float32Array(0),
  };
}

await serve(peerVersion("usearch"), (problem) => (problem.op === "update" ? update(problem) : search(problem)));
