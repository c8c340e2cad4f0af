/**
 * Search in a memory: 512 queries or one query, 32 neighbours, inner products of unit vectors of 64 numbers. What does
 * exactness cost, what does selection add to the bare products, and what does forgetting the oldest keys cost an index?
 */
import { step } from "../src/autodiff/tape.ts";
import { KvMemory } from "../src/memory/memory.ts";
import type { SearchOptions } from "../src/memory/options.ts";
import { heap } from "../src/wasm/runtime.ts";
import { trainedVectors, unitVectors } from "./data.ts";
import type { Case, Family, Implementation, Problem, Task } from "./family.ts";
import { Buffers, constantTensor } from "./workspace.ts";

const [DEPTH, NEIGHBOURS] = [64, 32];
/** Keys that are appended and forgotten together. */
export const SEGMENT = 512;

/** Peers that build a graph: inserting 65,536 keys takes a minute. */
const GRAPHS = ["hnswlib-node", "usearch"];
const OURS = ["ours", "ours-quantised"];
const SCANS = ["ours", "ours-quantised", "ours-bucketed", "faiss-flat", "torch"];

function search(keys: number, queries: number): Case {
  return {
    op: "search",
    shape: `${queries === 1 ? "1 query" : `${queries} queries`}, ${keys.toLocaleString("en")} keys`,
    sizes: { keys, depth: DEPTH, queries, neighbours: NEIGHBOURS },
    inputs: [unitVectors(keys, DEPTH, 16), unitVectors(queries, DEPTH, 17)],
    amount: queries,
    unit: "queries/s",
    neighbours: NEIGHBOURS,
    slow: keys > 8192,
    only: keys > 65536 ? SCANS : [...SCANS, ...GRAPHS],
  };
}

/** The same among keys that are far longer than 1. */
function longSearch(keys: number, queries: number): Case {
  const { shape, ...unit } = search(keys, queries);
  const inputs = [trainedVectors(keys, DEPTH, 16), trainedVectors(queries, DEPTH, 17)];
  return { ...unit, shape: `${shape}, long`, inputs, only: OURS };
}

/** Appends a segment of keys, which replaces the oldest ones. */
function update(keys: number): Case {
  return {
    op: "update",
    shape: `${SEGMENT} in, ${SEGMENT} out, ${keys.toLocaleString("en")} keys`,
    sizes: { keys, depth: DEPTH, count: SEGMENT },
    inputs: [unitVectors(keys, DEPTH, 16), unitVectors(SEGMENT, DEPTH, 18)],
    amount: SEGMENT,
    unit: "keys/s",
    slow: keys > 8192,
    only: ["ours", "ours-quantised", ...GRAPHS, "faiss-ivf"],
  };
}

export const topk: Family = {
  name: "topk",
  question: "What does an exact search cost, and what does forgetting cost the other searches?",
  cases: [
    search(8192, 512),
    search(65536, 512),
    search(262144, 512),
    longSearch(8192, 512),
    search(8192, 1),
    search(65536, 1),
    search(262144, 1),
    update(8192),
    update(65536),
  ],
  ours: {
    ours: memoryWith("exact"),
    "ours-quantised": memoryWith("quantised"),
    "ours-bucketed": memoryWith("bucketed"),
  },
  peers: ["faiss-flat", "torch", "hnswlib-node", "usearch", "faiss-ivf"],
};

/** The library's memory: one row, one head. It also stores values. Cases may set `lists` and `probes`. */
export function memoryWith(kind: SearchOptions["kind"]): Implementation {
  return (problem) => {
    const { keys, depth, lists, probes } = problem.sizes;
    const buffers = new Buffers();
    const shape = { rows: 1, heads: 1, width: depth, size: keys, segment: SEGMENT };
    const memory = new KvMemory(shape, { kind, ...(lists && { lists, probes }) });
    const address = buffers.copyOf(problem.inputs[0]);
    for (let at = 0; at < keys; at += SEGMENT) append(memory, address + 4 * at * depth, Math.min(SEGMENT, keys - at));
    buffers.release();
    return problem.op === "search" ? searchTask(memory, problem) : updateTask(memory, problem);
  };
}

function append(memory: KvMemory, address: number, count: number): void {
  memory.append(0, address, address, count);
}

function searchTask(memory: KvMemory, { sizes: { depth, queries, neighbours }, inputs }: Problem): Task {
  const tensor = constantTensor(inputs[1], [1, queries, depth]);
  return {
    run: () => step(() => void memory.lookup(tensor, neighbours)),
    output: () =>
      step(() => {
        const { slots } = memory.lookup(tensor, neighbours);
        return Float32Array.from(heap.i32(slots, queries * neighbours));
      }),
    fallbacks() {
      const { queries: searched = 0, fallbacks = 0 } = memory.fallbackCount ?? {};
      return searched > 0 ? fallbacks / searched : undefined;
    },
    release() {
      tensor.release();
      memory.release();
    },
  };
}

function updateTask(memory: KvMemory, { sizes: { count }, inputs }: Problem): Task {
  const buffers = new Buffers();
  const address = buffers.copyOf(inputs[1]);
  return {
    run: () => append(memory, address, count),
    output: () => new Float32Array(0),
    release() {
      buffers.release();
      memory.release();
    },
  };
}
