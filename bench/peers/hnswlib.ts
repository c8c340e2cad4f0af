/**
 * hnswlib-node: a graph index with its usual construction parameters. New keys take the places of deleted ones.
 */
import type { Problem, Task } from "../family.ts";
import { serve } from "../serve.ts";
import { peerVersion, requirePeer } from "./load.ts";

interface HierarchicalNsw {
  initIndex(options: { maxElements: number; allowReplaceDeleted: boolean }): void;
  setEf(ef: number): void;
  addPoint(point: number[], label: number, replaceDeleted: boolean): void;
  markDelete(label: number): void;
  searchKnn(query: number[], neighbours: number): { neighbors: number[] };
}

const { HierarchicalNSW } = requirePeer<{ HierarchicalNSW: new (space: "ip", depth: number) => HierarchicalNsw }>(
  "hnswlib-node",
);

/** Candidates that a search keeps: twice the number of neighbours. */
const EF = 64;

function vectors(values: Float32Array, depth: number): number[][] {
  return Array.from({ length: values.length / depth }, (_, i) => [...values.subarray(i * depth, (i + 1) * depth)]);
}

function build({ sizes: { keys, depth }, inputs }: Problem): HierarchicalNsw {
  const index = new HierarchicalNSW("ip", depth);
  index.initIndex({ maxElements: keys, allowReplaceDeleted: true });
  index.setEf(EF);
  for (const [label, vector] of vectors(inputs[0], depth).entries()) index.addPoint(vector, label, false);
  return index;
}

function search(problem: Problem): Task {
  const index = build(problem);
  const queries = vectors(problem.inputs[1], problem.sizes.depth);
  let found: number[] = [];
  return {
    run() {
      found = queries.flatMap((query) => index.searchKnn(query, problem.sizes.neighbours).neighbors);
    },
    output: () => Float32Array.from(found),
  };
}

function update(problem: Problem): Task {
  const index = build(problem);
  const incoming = vectors(problem.inputs[1], problem.sizes.depth);
  let oldest = 0;
  let next = problem.sizes.keys;
  return {
    run() {
      for (const vector of incoming) {
        index.markDelete(oldest++);
        index.addPoint(vector, next++, true);
      }
    },
    output: () => new Float32Array(0),
  };
}

await serve(peerVersion("hnswlib-node"), (problem) => (problem.op === "update" ? update(problem) : search(problem)));
