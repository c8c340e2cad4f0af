/** Inverted lists: exact if all are probed, close to exact if few are, and never a key that is not stored. */
import * as assert from "uvu/assert";
import { step } from "../../../src/autodiff/tape.ts";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { Random } from "../../../src/base/random.ts";
import { memoryBytes } from "../../../src/memory/bytes.ts";
import { KvMemory } from "../../../src/memory/memory.ts";
import { automaticLists } from "../../../src/memory/search/inverted.ts";
import { heap } from "../../../src/wasm/runtime.ts";
import { suite } from "../../harness.ts";
import { recall, remember } from "../../memories.ts";
import { kinds, lookup, mixture, normals, pair, release } from "./inverted-memories.ts";

const test = suite("inverted lists");

test("a small example, written out: with two clusters in two lists, probing the nearest list is enough", () => {
  const [exact, inverted] = pair({ width: 2, size: 16 }, { lists: 2, probes: 1 });
  const keys = Float32Array.from({ length: 32 }, (_, i) => [1, 0, 0, 1][i % 4]); // (1, 0) and (0, 1) in turn
  for (const memory of [exact, inverted]) remember(memory, 0, keys);
  const query = Float32Array.of(2, 1);
  assert.equal([...lookup(inverted, query, 3).scores], [2, 2, 2]);
  assert.equal(lookup(inverted, query, 3), lookup(exact, query, 3));
  release(exact, inverted);
});

test("automatic lists are about twice the square root of the keys, in tiles of 8", () => {
  assert.equal([16, 100, 1024].map(automaticLists), [8, 24, 64]);
});

for (const [kind, vectors] of Object.entries(kinds)) {
  for (const [size, heads, width, queries, topk, lists] of [
    [1, 1, 1, 1, 1, 1],
    [9, 2, 3, 2, 4, 1],
    [64, 1, 5, 5, 7, 3],
    [130, 2, 7, 3, 31, 8],
    [257, 1, 8, 67, 32, 9],
    [500, 3, 4, 4, 65, 17],
    [501, 1, 16, 130, 33, 40],
  ]) {
    test(`probing all ${lists} lists is bit-identical to exact search: ${size} ${kind} keys of ${heads} heads`, () => {
      const random = new Random(size);
      const [exact, inverted] = pair({ heads, width, size }, { lists, probes: lists });
      for (let written = 0; written < 3 * size; ) {
        const keys = vectors(random, heads * Math.min(1 + (random.uint32() % size), 200), width);
        remember(exact, 0, keys);
        remember(inverted, 0, keys);
        written += keys.length / (heads * width);
        const q = vectors(random, heads * queries, width);
        assert.equal(lookup(inverted, q, topk), lookup(exact, q, topk));
      }
      release(exact, inverted);
    });
  }
}

test("few keys are searched exactly, even if one list is probed", () => {
  const random = new Random(2);
  const [exact, inverted] = pair({ size: 10000, width: 6 }, { lists: 0, probes: 1 });
  const [keys, q] = [normals(random, 4095, 6), normals(random, 20, 6)];
  remember(exact, 0, keys);
  remember(inverted, 0, keys);
  assert.equal(lookup(inverted, q, 32), lookup(exact, q, 32));
  remember(exact, 0, normals(new Random(3), 1, 6));
  remember(inverted, 0, normals(new Random(3), 1, 6));
  assert.not.equal(lookup(inverted, q, 32).slots, lookup(exact, q, 32).slots, "lists begin at 4096 keys");
  release(exact, inverted);
});

for (const [kind, vectors, probes, least] of [
  ["clustered", mixture(300, 0.6), 2, 0.55],
  ["clustered", mixture(300, 0.6), 8, 0.85],
  ["random", normals, 8, 0.6],
  ["random", normals, 40, 0.95],
] as const) {
  test(`${probes} of 64 lists find at least ${least * 100} % of the neighbours among ${kind} keys`, () => {
    const random = new Random(6);
    const [exact, inverted] = pair({ size: 3001, width: 16 }, { lists: 64, probes });
    const [keys, q] = [vectors(random, 3001, 16), vectors(random, 203, 16)];
    remember(exact, 0, keys);
    remember(inverted, 0, keys);
    const measured = recall(lookup(inverted, q, 16).slots, lookup(exact, q, 16).slots, 16);
    assert.ok(measured >= least && measured < 1, `recall ${measured}`);
    release(exact, inverted);
  });
}

for (const [title, change] of [
  ["the same", 0],
  ["slowly changing", 8],
] as const) {
  test(`after 100 turns of the ring, recall is within a point of that of fresh lists: ${title} clusters`, () => {
    const random = new Random(7);
    const [size, width, topk] = [1500, 12, 16];
    const shape = { rows: 1, heads: 1, size, width, segment: 50 };
    const options = { lists: 32, probes: 6 };
    const old = new KvMemory(shape, { kind: "inverted", ...options });
    const recalls: [aged: number, fresh: number][] = [];
    for (let turn = 0; turn <= 100; turn++) {
      const vectors = mixture(80, 0.6, change * turn);
      for (let part = 0; part < 10; part++) {
        remember(old, 0, vectors(random, size / 10, width));
        if (turn < 100) continue;
        const [exact, fresh] = pair(shape, options);
        const keys = Float32Array.from(old.contents(0).keys);
        remember(exact, 0, keys);
        remember(fresh, 0, keys);
        const q = vectors(random, 500, width);
        const truth = lookup(exact, q, topk).slots;
        const aged = lookup(old, q, topk).slots.map((slot) => old.serial(0, slot) - old.appended(0) + size);
        recalls.push([recall(aged, truth, topk), recall(lookup(fresh, q, topk).slots, truth, topk)]);
        release(exact, fresh);
      }
    }
    const [aged, fresh] = [0, 1].map((which) => recalls.reduce((sum, pair) => sum + pair[which], 0) / recalls.length);
    assert.ok(fresh > 0.8, `recall of fresh lists ${fresh}`);
    assert.ok(aged > fresh - 0.01, `recall ${aged}, of fresh lists ${fresh}`);
    release(old);
  });
}

test("every result is complete, and its keys are visible, distinct, of the right row and head, and sorted", () => {
  const random = new Random(8);
  const [rows, heads, width, size, segment, topk] = [3, 2, 5, 90, 11, 24];
  const shape = { rows, heads, width, size, segment };
  const memory = new KvMemory(shape, { kind: "inverted", lists: 8, probes: 1 });
  const stored: number[][][] = Array.from({ length: rows }, () => []); // by row: pairs of H·D floats
  for (let round = 0; round < 150; round++) {
    const row = random.uint32() % rows;
    if (random.uint32() % 30 === 0) {
      memory.reset(row);
      stored[row] = [];
    }
    const keys = kinds.clustered(random, heads * (1 + (random.uint32() % segment)), width);
    remember(memory, row, keys);
    for (let at = 0; at < keys.length; at += heads * width)
      stored[row].push([...keys.subarray(at, at + heads * width)]);
    const queries = 1 + (random.uint32() % 6);
    const q = normals(random, rows * queries * heads, width);
    step(() => {
      const { scores, slots, counts } = memory.lookup(tensor(q, [rows, queries, heads * width]), topk);
      const [allScores, allSlots] = [scores.toArray(), heap.i32(slots, scores.size)];
      for (let list = 0; list < rows * queries * heads; list++) {
        const [b, head] = [Math.floor(list / (queries * heads)), list % heads];
        assert.is(counts[b], Math.min(topk, stored[b].length, size));
        const serials = Array.from({ length: counts[b] }, (_, n) => memory.serial(b, allSlots[list * topk + n]));
        assert.is(new Set(serials).size, counts[b], "no key twice");
        for (const [n, serial] of serials.entries()) {
          assert.ok(serial >= stored[b].length - size && serial < stored[b].length, "a key that was forgotten");
          const key = stored[b][serial].slice(head * width, (head + 1) * width);
          const score = key.reduce((sum, x, d) => sum + x * q[list * width + d], 0);
          const found = allScores[list * topk + n];
          assert.ok(Math.abs(found - score) < 1e-5, `score ${found}, the key's is ${score}`);
          if (n > 0) assert.ok(found <= allScores[list * topk + n - 1]);
        }
      }
    });
  }
  memory.release();
});

test("an empty memory, and a memory with fewer keys than lists or neighbours, are searched correctly", () => {
  const random = new Random(15);
  for (const size of [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33]) {
    const [exact, inverted] = pair({ size, width: 3, segment: 2 }, { lists: 40, probes: 40 });
    for (let written = 0; written <= 3 * size; written++) {
      const q = normals(random, 5, 3);
      assert.equal(lookup(inverted, q, 6), lookup(exact, q, 6), `${written} keys into ${size}`);
      const key = normals(random, 1, 3);
      remember(exact, 0, key);
      remember(inverted, 0, key);
    }
    release(exact, inverted);
  }
});

test("a search of half floats equals exact search of half floats", () => {
  const random = new Random(9);
  const [exact, inverted] = pair({ heads: 2, width: 7, size: 300 }, { lists: 11, probes: 11, dtype: "float16" });
  const [keys, q] = [normals(random, 2 * 777, 7), normals(random, 2 * 9, 7)];
  remember(exact, 0, keys);
  remember(inverted, 0, keys);
  assert.equal(lookup(inverted, q, 20), lookup(exact, q, 20));
  release(exact, inverted);
});

test("a query of NaN does not affect other queries", () => {
  const random = new Random(11);
  const [exact, inverted] = pair({ size: 200, width: 4 }, { lists: 10, probes: 10 });
  const keys = normals(random, 200, 4);
  const q = normals(random, 6, 4);
  q.set([0, Number.NaN, 0, 0], 4 * 3);
  remember(exact, 0, keys);
  remember(inverted, 0, keys);
  const [found, truth] = [lookup(inverted, q, 8), lookup(exact, q, 8)];
  for (const query of [0, 1, 2, 4, 5]) {
    assert.equal(found.slots.slice(8 * query, 8 * query + 8), truth.slots.slice(8 * query, 8 * query + 8));
  }
  assert.ok(found.slots.every((slot) => slot >= 0 && slot < 200));
  release(exact, inverted);
});

test("the bytes of an index are known beforehand, and all are freed", () => {
  const before = heap.bytesInUse;
  const shape = { rows: 2, heads: 3, width: 5, size: 777, segment: 10 };
  for (const lists of [0, 1, 50, 2000]) {
    const options = { kind: "inverted", lists, probes: 3 } as const;
    const memory = new KvMemory(shape, options);
    assert.is(memory.bytes, memoryBytes(shape, options));
    assert.ok(Math.abs(heap.bytesInUse - before - memory.bytes) < 3 * 64);
    memory.release();
    assert.is(heap.bytesInUse, before);
  }
});
