/** Inverted lists give bit-identical results for any order of appends, any batch of queries, any number of threads. */
import * as assert from "uvu/assert";
import { step } from "../../../src/autodiff/tape.ts";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { Random } from "../../../src/base/random.ts";
import { KvMemory } from "../../../src/memory/memory.ts";
import { useThreads } from "../../../src/wasm/parallel.ts";
import { heap } from "../../../src/wasm/runtime.ts";
import { suite } from "../../harness.ts";
import { remember } from "../../memories.ts";
import { kinds, lookup, normals, pair, release } from "./inverted-memories.ts";

const test = suite("inverted lists, bit-identical");

test("a small example, written out: of four directions the third is found, whether they came one by one or together", () => {
  const directions = [1, 0, 0, 1, -1, 0, 0, -1];
  const shape = { rows: 1, heads: 1, width: 2, size: 4, segment: 4 };
  for (const part of [2, 8]) {
    const memory = new KvMemory(shape, { kind: "inverted", lists: 2, probes: 2 });
    for (let at = 0; at < 8; at += part) remember(memory, 0, directions.slice(at, at + part));
    const { slots, scores } = lookup(memory, Float32Array.of(-3, 1), 1);
    assert.equal([...slots, ...scores], [2, 3]);
    memory.release();
  }
});

for (const [title, size, written] of [
  ["full", 300, 1234],
  ["filling", 1300, 700],
] as const) {
  for (const dtype of ["float32", "float16"] as const) {
    test(`a restored ${title} memory of ${dtype} finds bit-identical neighbours, then and later`, () => {
      const random = new Random(written);
      const width = 6;
      const shape = { rows: 1, heads: 2, width, size, segment: 20 };
      const options = { kind: "inverted", lists: 12, probes: 2, dtype } as const;
      const [first, second] = [new KvMemory(shape, options), new KvMemory(shape, options)];
      for (let n = 0; n < written; n += 17) remember(first, 0, normals(random, 2 * Math.min(17, written - n), width));
      remember(second, 0, normals(random, 2 * 500, width));
      second.restore(0, first.appended(0), first.contents(0));
      for (let round = 0; round < 40; round++) {
        const q = normals(random, 2 * 5, width);
        assert.equal(lookup(second, q, 9), lookup(first, q, 9), `round ${round}`);
        const keys = normals(random, 2 * 19, width);
        remember(first, 0, keys);
        remember(second, 0, keys);
      }
      release(first, second);
    });
  }
}

test("a memory restored into a larger one finds what exact search finds, and is bit-identical when restored again", () => {
  const random = new Random(12);
  const shape = { rows: 1, heads: 2, width: 5, segment: 9 };
  const options = { kind: "inverted", lists: 6, probes: 6 } as const;
  const small = new KvMemory({ ...shape, size: 130 }, options);
  remember(small, 0, normals(random, 2 * 333, 5));
  const [exact, larger] = pair({ ...shape, size: 400 }, options);
  const again = new KvMemory({ ...shape, size: 400 }, { ...options, probes: 2 });
  const before = new KvMemory({ ...shape, size: 400 }, { ...options, probes: 2 });
  for (const memory of [exact, larger, before]) memory.restore(0, 333, small.contents(0));
  for (let round = 0; round < 60; round++) {
    const keys = normals(random, 2 * 9, 5);
    for (const memory of [exact, larger, before]) remember(memory, 0, keys);
    again.restore(0, before.appended(0), before.contents(0));
    const q = normals(random, 2 * 4, 5);
    assert.equal(lookup(larger, q, 8), lookup(exact, q, 8), `round ${round}`);
    assert.equal(lookup(again, q, 8), lookup(before, q, 8), `round ${round}, restored`);
  }
  release(small, exact, larger, again, before);
});

test("the number of keys in an append makes no difference", () => {
  const random = new Random(13);
  const [width, size] = [6, 210];
  const keys = kinds.clustered(random, 900, width);
  const shape = { rows: 1, heads: 1, width, size, segment: 40 };
  const memories = [1, 2, 3, 4, 31, 900].map((part) => {
    const memory = new KvMemory(shape, { kind: "inverted", lists: 9, probes: 2 });
    for (let at = 0; at < 900; at += part) remember(memory, 0, keys.subarray(at * width, (at + part) * width));
    return memory;
  });
  const q = normals(random, 12, width);
  const [one, ...others] = memories.map((memory) => {
    const found = lookup(memory, q, 5);
    return { ...found, serials: [...found.slots].map((slot) => memory.serial(0, slot)) };
  });
  for (const other of others) assert.equal(other, one);
  release(...memories);
});

test("each row has its own lists: it finds the same as a memory of that row alone", () => {
  const [rows, heads, width, size, topk] = [3, 2, 8, 600, 9];
  const random = new Random(12);
  const keys = Array.from({ length: rows }, () => normals(random, heads * 700, width));
  const queries = Array.from({ length: rows }, () => normals(random, heads * 5, width));
  const options = { lists: 20, probes: 2 };
  const [exact, together] = pair({ rows, heads, width, size, segment: 700 }, options);
  for (const row of keys.keys()) remember(together, row, keys[row]);
  const all = Float32Array.from(queries.flatMap((q) => [...q]));
  const found = step(() => {
    const { scores, slots } = together.lookup(tensor(all, [rows, 5, heads * width]), topk);
    return { scores: scores.toArray(), slots: heap.i32(slots, scores.size).slice() };
  });
  const each = 5 * heads * topk;
  for (const row of keys.keys()) {
    const [exactAlone, alone] = pair({ heads, width, size, segment: 700 }, options);
    remember(alone, 0, keys[row]);
    const { scores, slots } = lookup(alone, queries[row], topk);
    assert.equal(found.scores.subarray(row * each, (row + 1) * each), scores, `row ${row}`);
    assert.equal(found.slots.subarray(row * each, (row + 1) * each), slots, `row ${row}`);
    release(exactAlone, alone);
  }
  release(exact, together);
});

test("a query finds the same in any batch of queries", () => {
  const random = new Random(14);
  const memory = new KvMemory(
    { rows: 1, heads: 1, width: 10, size: 300, segment: 9 },
    { kind: "inverted", lists: 12, probes: 2 },
  );
  remember(memory, 0, normals(random, 444, 10));
  const q = normals(random, 70, 10);
  const together = lookup(memory, q, 6);
  for (let i = 0; i < 70; i++) {
    const alone = lookup(memory, q.slice(10 * i, 10 * i + 10), 6);
    assert.equal(alone.slots, together.slots.slice(6 * i, 6 * i + 6));
    assert.equal(alone.scores, together.scores.slice(6 * i, 6 * i + 6));
  }
  release(memory);
});

for (const heads of [1, 3]) {
  test(`results are bit-equal on 1, 2 and 3 threads with ${heads} heads`, async () => {
    const run = async (threads: number) => {
      await useThreads(threads);
      const random = new Random(10);
      const shape = { rows: 1, heads, width: 9, size: 1100, segment: 100 };
      const memory = new KvMemory(shape, { kind: "inverted", lists: 24, probes: 3 });
      const found = Array.from({ length: 25 }, () => {
        remember(memory, 0, kinds.clustered(random, 100 * heads, 9));
        return lookup(memory, normals(random, 61 * heads, 9), 10);
      });
      memory.release();
      return found;
    };
    const expected = await run(1);
    for (const threads of [2, 3]) assert.equal(await run(threads), expected, `${threads} threads`);
  });
}

test.after(() => useThreads(1));
