/** Lookups within the reach of a row see only its newest pairs, as if the memory had never been larger. */
import * as assert from "uvu/assert";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { remember, rememberRandom, unitVectors } from "../memories.ts";
import { refusal } from "../refusal.ts";

const test = suite("reach");

test("a small example, written out: with a reach of 2 the best key, which is the oldest, is not seen", () => {
  const memory = new KvMemory({ rows: 1, heads: 1, width: 2, size: 4, segment: 1 });
  remember(memory, 0, [1, 0, 0.6, 0.8, 0, 1]); // three keys
  const found = (reach?: number[]) =>
    step(() => {
      const { scores, counts } = memory.lookup(tensor([1, 0], [1, 1, 2]), 3, reach);
      return [counts[0], ...scores.toArray()].map((x) => Math.round(x * 10) / 10);
    });
  assert.equal(found(), [3, 1, 0.6, 0]);
  assert.equal(found([2]), [2, 0.6, 0, 0]);
  assert.equal(found([0]), [0, 0, 0, 0]);
  assert.equal(found([9]), [3, 1, 0.6, 0]);
  memory.release();
});

/** Returns the numbers and scores of the pairs that a lookup returned, list by list. */
function lookedUp(memory: KvMemory, queries: Float32Array, topk: number, reach?: number[]) {
  return step(() => {
    const rows = 2;
    const shape = [rows, queries.length / rows / memory.heads / memory.width, memory.heads * memory.width];
    const { scores, slots, counts } = memory.lookup(tensor(queries, shape), topk, reach);
    const listsOfRow = scores.size / topk / rows;
    return Array.from({ length: rows * listsOfRow }, (_, list) => {
      const row = Math.floor(list / listsOfRow);
      const found = heap.i32(slots, scores.size).slice(list * topk, list * topk + counts[row]);
      const scored = scores.toArray().slice(list * topk, list * topk + counts[row]);
      return [...found].map((slot, i) => [memory.serial(row, slot), scored[i]]);
    });
  });
}

const cases: [reach: number[], written: number][] = [
  [[1, 5], 23],
  [[17, 0], 40],
  [[30, 299], 301],
  [[255, 256], 300],
];

for (const kind of ["exact", "quantised", "bucketed"] as const) {
  for (const [reach, written] of cases) {
    test(`${kind} search within [${reach}] of ${written} pairs finds what a memory of that size finds`, () => {
      const shape = { rows: 2, heads: 2, width: 5, size: 300, segment: 7 };
      const options = { kind, bucketsPerNeighbour: 64 }; // enough for every visible pair to win its bucket
      const random = new Random(written);
      const queries = unitVectors(2 * 3 * 2, 5, random);
      const whole = new KvMemory(shape, options);
      for (const row of [0, 1]) rememberRandom(whole, row, written, new Random(row), 7);
      const found = lookedUp(whole, queries, 4, reach);
      const lists = found.length / 2;
      for (const row of [0, 1]) {
        if (reach[row] === 0) {
          assert.equal(found.slice(row * lists, (row + 1) * lists), new Array(lists).fill([]));
          continue;
        }
        const small = new KvMemory({ ...shape, size: reach[row] });
        for (const other of [0, 1]) rememberRandom(small, other, written, new Random(other), 7);
        const expected = lookedUp(small, queries, 4);
        assert.equal(found.slice(row * lists, (row + 1) * lists), expected.slice(row * lists, (row + 1) * lists));
        small.release();
      }
      whole.release();
    });
  }
}

test("the inverted search refuses a reach in a sentence", () => {
  const memory = new KvMemory({ rows: 1, heads: 1, width: 2, size: 4, segment: 1 }, { kind: "inverted" });
  const sentence = refusal(() => step(() => memory.lookup(tensor([1, 0], [1, 1, 2]), 1, [2])));
  assert.match(sentence, "the inverted search looks through all of a memory");
  memory.release();
});
