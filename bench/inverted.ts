/**
 * Inverted lists: how much time do they save at which recall, and what does it cost to keep them current? Keys lie in clusters,
 * like those of a real model, since keys in random directions defeat every index. Exact search is the reference and the
 * cost without an index. Faiss builds its lists offline from all keys, so it needs fewer probes for the same recall, and it
 * gets fewer.
 */
import { clusteredVectors } from "./data.ts";
import type { Case, Family } from "./family.ts";
import { memoryWith, SEGMENT } from "./topk.ts";

const [DEPTH, QUERIES, NEIGHBOURS] = [64, 512, 32];
/** Distance of keys from the centre of their cluster, which has length 1. */
const SPREAD = 0.9;
const CENTRES_SEED = 22;

interface Shape {
  readonly keys: number;
  readonly clusters: number;
  readonly lists: number;
  readonly probes: number;
  readonly faissProbes: number;
}

const small: Shape = { keys: 16384, clusters: 512, lists: 256, probes: 10, faissProbes: 5 };
const large: Shape = { keys: 262144, clusters: 4096, lists: 1024, probes: 64, faissProbes: 48 };

function search({ clusters, ...sizes }: Shape, only: readonly string[]): Case {
  const { keys, lists, probes } = sizes;
  return {
    op: "search",
    shape: `${keys.toLocaleString("en")} keys, ${probes} of ${lists} lists`,
    sizes: { ...sizes, depth: DEPTH, queries: QUERIES, neighbours: NEIGHBOURS },
    inputs: [
      clusteredVectors(keys, DEPTH, clusters, SPREAD, CENTRES_SEED, 23),
      clusteredVectors(QUERIES, DEPTH, clusters, SPREAD, CENTRES_SEED, 24),
    ],
    amount: QUERIES,
    unit: "queries/s",
    neighbours: NEIGHBOURS,
    slow: keys > 16384,
    only,
  };
}

/** Appends a segment of keys, which replaces the oldest ones. */
function update({ clusters, ...sizes }: Shape): Case {
  const { keys } = sizes;
  return {
    op: "update",
    shape: `${SEGMENT} in, ${SEGMENT} out, ${keys.toLocaleString("en")} keys`,
    sizes: { ...sizes, depth: DEPTH, count: SEGMENT },
    inputs: [
      clusteredVectors(keys, DEPTH, clusters, SPREAD, CENTRES_SEED, 23),
      clusteredVectors(SEGMENT, DEPTH, clusters, SPREAD, CENTRES_SEED, 25),
    ],
    amount: SEGMENT,
    unit: "keys/s",
    slow: keys > 16384,
    only: ["ours-inverted", "faiss-ivf"],
  };
}

const LISTS = ["ours", "ours-inverted", "faiss-ivf"];
/** Building a graph of many keys takes minutes. */
const GRAPHS = ["hnswlib-node", "usearch"];

export const inverted: Family = {
  name: "inverted",
  question: "How much time do inverted lists save, at which recall, and what does keeping them current cost?",
  cases: [search(small, [...LISTS, ...GRAPHS]), search(large, LISTS), update(small), update(large)],
  ours: { ours: memoryWith("exact"), "ours-inverted": memoryWith("inverted") },
  peers: ["faiss-ivf", ...GRAPHS],
};
