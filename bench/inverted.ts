/**
 * Inverted lists: how much time do they save at which recall? Keys lie in clusters, like those of a real model, since keys
 * in random directions defeat every index. Exact search is the reference and the price of doing without.
 */
import { clusteredVectors } from "./data.ts";
import type { Case, Family } from "./family.ts";
import { memoryWith } from "./topk.ts";

const [DEPTH, QUERIES, NEIGHBOURS] = [64, 512, 32];
/** Keys of a cluster, and how far they scatter around its centre, which has length 1. */
const [CLUSTER_SIZE, SPREAD] = [64, 0.9];

function search(keys: number, lists: number, probes: number): Case {
  const clusters = keys / CLUSTER_SIZE;
  return {
    op: "search",
    shape: `${keys.toLocaleString("en")} keys, ${probes} of ${lists} lists`,
    sizes: { keys, depth: DEPTH, queries: QUERIES, neighbours: NEIGHBOURS, lists, probes },
    inputs: [
      clusteredVectors(keys, DEPTH, clusters, SPREAD, 22, 23),
      clusteredVectors(QUERIES, DEPTH, clusters, SPREAD, 22, 24),
    ],
    amount: QUERIES,
    unit: "queries/s",
    neighbours: NEIGHBOURS,
    slow: keys > 16384,
  };
}

export const inverted: Family = {
  name: "inverted",
  question: "How much time do inverted lists save, at which recall?",
  cases: [search(16384, 256, 32), search(262144, 1024, 64)],
  ours: { ours: memoryWith("exact") },
  peers: ["faiss-ivf"],
};
