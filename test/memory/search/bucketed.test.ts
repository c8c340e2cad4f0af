/** The paper's bucketed search: its recall against the formula, and its results on small memories. */
import * as assert from "uvu/assert";
import { step } from "../../../src/autodiff/tape.ts";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { Random } from "../../../src/base/random.ts";
import { KvMemory } from "../../../src/memory/memory.ts";
import type { SearchOptions } from "../../../src/memory/options.ts";
import { bucketsFor, expectedRecall } from "../../../src/memory/search/bucketed.ts";
import { heap } from "../../../src/wasm/runtime.ts";
import { suite } from "../../harness.ts";
import { normals, recall, remember } from "../../memories.ts";

const test = suite("bucketed search");

test("a small example, written out: two neighbours in two buckets collide half of the time, so recall is 3/4", () => {
  assert.is(expectedRecall(2, 2), 0.75);
  assert.is(bucketsFor(2, 4), 8);
  assert.is(bucketsFor(3, 4), 16); // 12, in whole tiles of 8
});

/** Returns the slots [queries, topk] that a memory of `stored` keys finds; −1 after the last valid one. */
function lookup(
  keys: Float32Array,
  q: Float32Array,
  width: number,
  topk: number,
  search: Partial<SearchOptions>,
): Int32Array {
  const [stored, queries] = [keys.length / width, q.length / width];
  const memory = new KvMemory({ rows: 1, heads: 1, width, size: stored, segment: 5 }, search);
  remember(memory, 0, keys.subarray(0, 3 * width)); // pairs that fall out again, so that the ring has its seam inside
  remember(memory, 0, keys);
  const slots = step(() => {
    const found = memory.lookup(tensor(q, [1, queries, width]), topk);
    const all = heap.i32(found.slots, queries * topk).slice();
    return all.map((slot, i) => (i % topk < found.counts[0] ? slot : -1));
  });
  memory.release();
  return slots;
}

for (const perNeighbour of [1, 2, 4, 5, 8]) {
  test(`recall on random keys is within 2 points of the formula with ${perNeighbour} buckets per neighbour`, () => {
    const random = new Random(perNeighbour);
    const [stored, queries, width, topk] = [4001, 300, 16, 32];
    const [keys, q] = [normals(stored * width, random), normals(queries * width, random)];
    const truth = lookup(keys, q, width, topk, { kind: "exact" });
    const found = lookup(keys, q, width, topk, { kind: "bucketed", bucketsPerNeighbour: perNeighbour });
    const measured = recall(found, truth, topk);
    const expected = expectedRecall(topk, bucketsFor(topk, perNeighbour));
    assert.ok(Math.abs(measured - expected) < 0.02, `recall ${measured}, the formula gives ${expected}`);
  });
}

for (const stored of [1, 2, 7, 8, 9, 31, 32]) {
  test(`a memory of ${stored} keys, no more than there are buckets, is searched exactly`, () => {
    const random = new Random(stored);
    const [keys, q] = [normals(stored * 3, random), normals(5 * 3, random)];
    const truth = lookup(keys, q, 3, 8, { kind: "exact" });
    assert.equal(lookup(keys, q, 3, 8, { kind: "bucketed", bucketsPerNeighbour: 4 }), truth);
  });
}

test("the formula gives the paper's figures", () => {
  const rounded = [32, 64, 128, 160, 256].map((buckets) => Math.round(expectedRecall(32, buckets) * 100));
  assert.equal(rounded, [64, 79, 89, 91, 94]);
});
