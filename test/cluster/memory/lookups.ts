/** Lookups in a memory in shards, and what they are compared with: for the tests of served memories. */
import * as assert from "uvu/assert";
import { retrievedAttention } from "../../../src/autodiff/ops/retrieved.ts";
import { noGrad, step } from "../../../src/autodiff/tape.ts";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { Random } from "../../../src/base/random.ts";
import { KvMemory } from "../../../src/memory/memory.ts";
import type { ServedMemory } from "../../../src/memory/served/served-memory.ts";
import { heap } from "../../../src/wasm/runtime.ts";
import { normals, unitVectors } from "../../memories.ts";
import { Fleet, snapshotOf } from "./fleet.ts";

export interface Lookup {
  /** Numbers of the retrieved pairs, with those of the reader's own memory last; [B, T, H, K] without what is not there. */
  readonly pairs: number[];
  readonly scores: number[];
  readonly counts: number[];
  readonly out: number[];
  readonly lse: number[];
  readonly weights: number[];
}

/** Looks up in `memory`, and before it in `served`, and attends. */
export function lookUp(
  memory: KvMemory,
  served: ServedMemory | undefined,
  queries: Float32Array,
  topk: number,
  scales: number[],
  fade = 0,
): Lookup {
  return step(() =>
    noGrad(() => {
      const q = tensor(queries, [1, queries.length / memory.heads / memory.width, memory.heads * memory.width]);
      const search = served?.besides(memory, 0) ?? memory;
      const neighbours = search.lookup(q, topk);
      const { out, lse, weights } = retrievedAttention(q, tensor(scales), neighbours, fade);
      const before = served?.end ?? 0;
      const [count] = neighbours.counts;
      const isThere = (_: unknown, i: number) => i % topk < count;
      const slots = Array.from(heap.i32(neighbours.slots, neighbours.scores.size)).filter(isThere);
      return {
        pairs: slots.map((slot) => before + (slot < 0 ? slot : memory.serial(0, slot))),
        scores: [...neighbours.scores.toArray()].filter(isThere),
        counts: [...neighbours.counts],
        out: [...out.toArray()],
        lse: [...lse.toArray()],
        weights: [...weights.toArray()].filter(isThere),
      };
    }),
  );
}

export function near(found: readonly number[], wanted: readonly number[], what: string): void {
  assert.is(found.length, wanted.length, what);
  for (const [i, number] of wanted.entries()) {
    assert.ok(
      Math.abs(found[i] - number) <= 1e-6 * Math.max(1, Math.abs(number)),
      `${what} ${i}: ${found[i]}, not ${number}`,
    );
  }
}

export function same(found: Lookup, wanted: Lookup, what: string): void {
  assert.equal(found.counts, wanted.counts, what);
  assert.equal(found.pairs, wanted.pairs, what);
  assert.equal(found.scores, wanted.scores, `${what}: scores to the bit`);
  near(found.out, wanted.out, `${what}: out`);
  near(found.lse, wanted.lse, `${what}: lse`);
  near(found.weights, wanted.weights, `${what}: weights`);
}

/** [H, n, D] → [n, H, D]. */
export function byPair(numbers: Float32Array, heads: number, width: number): Float32Array {
  const n = numbers.length / heads / width;
  return Float32Array.from(numbers, (_, i) => {
    const [pair, head, d] = [Math.floor(i / heads / width), Math.floor(i / width) % heads, i % width];
    return numbers[(head * n + pair) * width + d];
  });
}

export function memoryOf(
  heads: number,
  width: number,
  size: number,
  dtype: "float32" | "float16" = "float32",
): KvMemory {
  return new KvMemory({ rows: 1, heads, width, size, segment: 4 }, { dtype });
}

/** Five segments of two pairs in as many shards, a reader's empty memory and a query. */
export function fiveShards() {
  const random = new Random(11);
  const stored = { keys: unitVectors(10, 3, random), values: normals(30, random) };
  const snapshot = snapshotOf(1, 3, [stored]);
  const fleet = new Fleet(snapshot, 5).append(snapshot, 2);
  const own = memoryOf(1, 3, 4);
  const query = unitVectors(1, 3, random);
  return { fleet, own, snapshot, find: (served: ServedMemory, topk = 10) => lookUp(own, served, query, topk, [2]) };
}
