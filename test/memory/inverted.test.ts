/** Inverted lists: exact when all are probed, near it when few are, and never a key that is not there. */
import * as assert from "uvu/assert";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { memoryBytes } from "../../src/memory/bytes.ts";
import { KvMemory, type MemoryOptions, type MemoryShape } from "../../src/memory/memory.ts";
import { nodeThread } from "../../src/platform-worker.ts";
import { Random } from "../../src/random.ts";
import { useThreads } from "../../src/wasm/parallel.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";

const test = suite("inverted lists");

/** Appends keys [count, H, D] to one row; the values are the keys. */
function append(memory: KvMemory, keys: Float32Array, row = 0): void {
  const address = heap.allocate(keys.length * 4);
  heap.f32(address, keys.length).set(keys);
  memory.append(row, address, address, keys.length / (memory.heads * memory.width));
  heap.release(address);
}

interface Found {
  readonly scores: Float32Array;
  readonly slots: Int32Array;
}

/** What a memory of one row finds for queries [T, H, D]: [T, H, min(k, length)]. */
function lookup(memory: KvMemory, queries: Float32Array, topk: number): Found {
  const width = memory.heads * memory.width;
  return step(() => {
    const found = memory.lookup(tensor(queries, [1, queries.length / width, width]), topk);
    const isValid = (_: number, i: number) => i % topk < found.counts[0];
    return {
      scores: found.scores.toArray().filter(isValid),
      slots: heap.i32(found.slots, found.scores.size).slice().filter(isValid),
    };
  });
}

type Vectors = (random: Random, count: number, width: number) => Float32Array;

const normals: Vectors = (random, count, width) => Float32Array.from({ length: count * width }, () => random.normal());

/** Unit vectors around `clusters` directions, numbered from `first` on; `spread` is the length of their scatter. */
function mixture(clusters: number, spread: number, first = 0): Vectors {
  return (random, count, width) => {
    const centres = Array.from({ length: clusters }, (_, i) => unit(normals(new Random(first + i), 1, width)));
    const vectors = normals(random, count, width);
    for (let at = 0; at < vectors.length; at += width) {
      const centre = centres[random.uint32() % clusters];
      const vector = vectors.subarray(at, at + width);
      vector.set(unit(vector.map((x, d) => centre[d] + (x * spread) / Math.sqrt(width))));
    }
    return vectors;
  };
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return vector.map((x) => x / norm);
}

const kinds: Record<string, Vectors> = {
  random: normals,
  clustered: mixture(9, 0.5),
  equal: (_, count, width) => new Float32Array(count * width).fill(0.25),
  zero: (_, count, width) => new Float32Array(count * width),
  "few distinct": (random, count, width) =>
    Float32Array.from({ length: count * width }, (_, i) => (i % width === 0 ? random.uint32() % 3 : 0.5)),
};

/** Share of `truth` that is in `found`, lists of `topk` each. */
function recall(found: Int32Array, truth: Int32Array, topk: number): number {
  let hits = 0;
  for (let i = 0; i < truth.length; i += topk) {
    const wanted = new Set(truth.subarray(i, i + topk));
    for (const slot of found.subarray(i, i + topk)) if (wanted.has(slot)) hits++;
  }
  return hits / truth.length;
}

/** Exact memory and inverted memory of the same shape, which are given the same keys. */
function pair(shape: Partial<MemoryShape>, options: Partial<MemoryOptions>): [exact: KvMemory, inverted: KvMemory] {
  const whole = { rows: 1, heads: 1, width: 4, size: 100, segment: 7, ...shape };
  return [new KvMemory(whole, { ...options, kind: "exact" }), new KvMemory(whole, { ...options, kind: "inverted" })];
}

function release(...memories: KvMemory[]): void {
  for (const memory of memories) memory.release();
}

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
    test(`all ${lists} lists probed find what exact search finds, to the bit: ${size} ${kind} keys of ${heads} heads`, () => {
      const random = new Random(size);
      const [exact, inverted] = pair({ heads, width, size }, { lists, probes: lists });
      for (let written = 0; written < 3 * size; ) {
        const keys = vectors(random, heads * Math.min(1 + (random.uint32() % size), 200), width);
        append(exact, keys);
        append(inverted, keys);
        written += keys.length / (heads * width);
        const q = vectors(random, heads * queries, width);
        assert.equal(lookup(inverted, q, topk), lookup(exact, q, topk));
      }
      release(exact, inverted);
    });
  }
}

test("few keys are searched exactly, however few lists are probed", () => {
  const random = new Random(2);
  const [exact, inverted] = pair({ size: 10000, width: 6 }, { lists: 0, probes: 1 });
  const [keys, q] = [normals(random, 4095, 6), normals(random, 20, 6)];
  append(exact, keys);
  append(inverted, keys);
  assert.equal(lookup(inverted, q, 32), lookup(exact, q, 32));
  append(exact, normals(new Random(3), 1, 6));
  append(inverted, normals(new Random(3), 1, 6));
  assert.not.equal(lookup(inverted, q, 32).slots, lookup(exact, q, 32).slots, "from 4096 keys on there are lists");
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
    append(exact, keys);
    append(inverted, keys);
    const measured = recall(lookup(inverted, q, 16).slots, lookup(exact, q, 16).slots, 16);
    assert.ok(measured >= least && measured < 1, `recall ${measured}`);
    release(exact, inverted);
  });
}

for (const [title, change] of [
  ["the same", 0],
  ["slowly changing", 8],
] as const) {
  test(`after 100 turns of the ring, recall is within a point of freshly built lists: ${title} clusters`, () => {
    const random = new Random(7);
    const [size, width, topk] = [1500, 12, 16];
    const shape = { rows: 1, heads: 1, size, width, segment: 50 };
    const options = { lists: 32, probes: 6 };
    const old = new KvMemory(shape, { kind: "inverted", ...options });
    const recalls: [aged: number, fresh: number][] = [];
    for (let turn = 0; turn <= 100; turn++) {
      const vectors = mixture(80, 0.6, change * turn);
      for (let part = 0; part < 10; part++) {
        append(old, vectors(random, size / 10, width));
        if (turn < 100) continue;
        const [exact, fresh] = pair(shape, options);
        const keys = Float32Array.from(old.contents(0).keys);
        append(exact, keys);
        append(fresh, keys);
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

test("every result is as long as it can be, and its keys are visible, distinct, of the row and the head, and sorted", () => {
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
    append(memory, keys, row);
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

for (const [title, size, written] of [
  ["full", 300, 1234],
  ["filling", 1300, 700],
] as const) {
  for (const dtype of ["float32", "float16"] as const) {
    test(`a ${title} memory of ${dtype} that was put back finds the same to the bit, then and later`, () => {
      const random = new Random(written);
      const width = 6;
      const shape = { rows: 1, heads: 2, width, size, segment: 20 };
      const options = { kind: "inverted", lists: 12, probes: 2, dtype } as const;
      const [first, second] = [new KvMemory(shape, options), new KvMemory(shape, options)];
      for (let n = 0; n < written; n += 17) append(first, normals(random, 2 * Math.min(17, written - n), width));
      append(second, normals(random, 2 * 500, width));
      second.restore(0, first.appended(0), first.contents(0));
      for (let round = 0; round < 40; round++) {
        const q = normals(random, 2 * 5, width);
        assert.equal(lookup(second, q, 9), lookup(first, q, 9), `round ${round}`);
        const keys = normals(random, 2 * 19, width);
        append(first, keys);
        append(second, keys);
      }
      release(first, second);
    });
  }
}

test("a memory that grows into a larger one finds what exact search finds, and the same to the bit if it is put back", () => {
  const random = new Random(12);
  const shape = { rows: 1, heads: 2, width: 5, segment: 9 };
  const options = { kind: "inverted", lists: 6, probes: 6 } as const;
  const small = new KvMemory({ ...shape, size: 130 }, options);
  append(small, normals(random, 2 * 333, 5));
  const [exact, larger] = pair({ ...shape, size: 400 }, options);
  const again = new KvMemory({ ...shape, size: 400 }, { ...options, probes: 2 });
  const before = new KvMemory({ ...shape, size: 400 }, { ...options, probes: 2 });
  for (const memory of [exact, larger, before]) memory.restore(0, 333, small.contents(0));
  for (let round = 0; round < 60; round++) {
    const keys = normals(random, 2 * 9, 5);
    for (const memory of [exact, larger, before]) append(memory, keys);
    again.restore(0, before.appended(0), before.contents(0));
    const q = normals(random, 2 * 4, 5);
    assert.equal(lookup(larger, q, 8), lookup(exact, q, 8), `round ${round}`);
    assert.equal(lookup(again, q, 8), lookup(before, q, 8), `round ${round}, put back`);
  }
  release(small, exact, larger, again, before);
});

test("how many keys come at a time makes no difference", () => {
  const random = new Random(13);
  const [width, size] = [6, 210];
  const keys = kinds.clustered(random, 900, width);
  const shape = { rows: 1, heads: 1, width, size, segment: 40 };
  const memories = [1, 2, 3, 4, 31, 900].map((part) => {
    const memory = new KvMemory(shape, { kind: "inverted", lists: 9, probes: 2 });
    for (let at = 0; at < 900; at += part) append(memory, keys.subarray(at * width, (at + part) * width));
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

test("each row has lists of its own keys: it finds what a memory of that row alone finds", () => {
  const [rows, heads, width, size, topk] = [3, 2, 8, 600, 9];
  const random = new Random(12);
  const keys = Array.from({ length: rows }, () => normals(random, heads * 700, width));
  const queries = Array.from({ length: rows }, () => normals(random, heads * 5, width));
  const options = { lists: 20, probes: 2 };
  const [exact, together] = pair({ rows, heads, width, size, segment: 700 }, options);
  for (const row of keys.keys()) append(together, keys[row], row);
  const all = Float32Array.from(queries.flatMap((q) => [...q]));
  const found = step(() => {
    const { scores, slots } = together.lookup(tensor(all, [rows, 5, heads * width]), topk);
    return { scores: scores.toArray(), slots: heap.i32(slots, scores.size).slice() };
  });
  const each = 5 * heads * topk;
  for (const row of keys.keys()) {
    const [exactAlone, alone] = pair({ heads, width, size, segment: 700 }, options);
    append(alone, keys[row]);
    const { scores, slots } = lookup(alone, queries[row], topk);
    assert.equal(found.scores.subarray(row * each, (row + 1) * each), scores, `row ${row}`);
    assert.equal(found.slots.subarray(row * each, (row + 1) * each), slots, `row ${row}`);
    release(exactAlone, alone);
  }
  release(exact, together);
});

test("a query finds the same whatever others stand beside it", () => {
  const random = new Random(14);
  const memory = new KvMemory(
    { rows: 1, heads: 1, width: 10, size: 300, segment: 9 },
    { kind: "inverted", lists: 12, probes: 2 },
  );
  append(memory, normals(random, 444, 10));
  const q = normals(random, 70, 10);
  const together = lookup(memory, q, 6);
  for (let i = 0; i < 70; i++) {
    const alone = lookup(memory, q.slice(10 * i, 10 * i + 10), 6);
    assert.equal(alone.slots, together.slots.slice(6 * i, 6 * i + 6));
    assert.equal(alone.scores, together.scores.slice(6 * i, 6 * i + 6));
  }
  release(memory);
});

test("an empty memory and one of few keys, fewer than lists or neighbours, are searched like any", () => {
  const random = new Random(15);
  for (const size of [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33]) {
    const [exact, inverted] = pair({ size, width: 3, segment: 2 }, { lists: 40, probes: 40 });
    for (let written = 0; written <= 3 * size; written++) {
      const q = normals(random, 5, 3);
      assert.equal(lookup(inverted, q, 6), lookup(exact, q, 6), `${written} keys into ${size}`);
      const key = normals(random, 1, 3);
      append(exact, key);
      append(inverted, key);
    }
    release(exact, inverted);
  }
});

test("half floats find what exact search over half floats finds", () => {
  const random = new Random(9);
  const [exact, inverted] = pair({ heads: 2, width: 7, size: 300 }, { lists: 11, probes: 11, dtype: "float16" });
  const [keys, q] = [normals(random, 2 * 777, 7), normals(random, 2 * 9, 7)];
  append(exact, keys);
  append(inverted, keys);
  assert.equal(lookup(inverted, q, 20), lookup(exact, q, 20));
  release(exact, inverted);
});

for (const heads of [1, 3]) {
  test(`results are bit-equal on 1, 2 and 3 threads with ${heads} heads`, async () => {
    const run = async (threads: number) => {
      await useThreads(threads, nodeThread);
      const random = new Random(10);
      const shape = { rows: 1, heads, width: 9, size: 1100, segment: 100 };
      const memory = new KvMemory(shape, { kind: "inverted", lists: 24, probes: 3 });
      const found = Array.from({ length: 25 }, () => {
        append(memory, kinds.clustered(random, 100 * heads, 9));
        return lookup(memory, normals(random, 61 * heads, 9), 10);
      });
      memory.release();
      return found;
    };
    const expected = await run(1);
    for (const threads of [2, 3]) assert.equal(await run(threads), expected, `${threads} threads`);
  });
}

test("queries and keys that are not numbers do no harm to others", () => {
  const random = new Random(11);
  const [exact, inverted] = pair({ size: 200, width: 4 }, { lists: 10, probes: 10 });
  const keys = normals(random, 200, 4);
  keys.set([Number.NaN, 1, 1, 1], 4 * 77);
  keys.set([Number.POSITIVE_INFINITY, 1, 1, 1], 4 * 78);
  const q = normals(random, 6, 4);
  q.set([0, Number.NaN, 0, 0], 4 * 3);
  append(exact, keys);
  append(inverted, keys);
  const [found, truth] = [lookup(inverted, q, 8), lookup(exact, q, 8)];
  for (const query of [0, 1, 2, 4, 5]) {
    assert.equal(found.slots.slice(8 * query, 8 * query + 8), truth.slots.slice(8 * query, 8 * query + 8));
  }
  assert.ok(found.slots.every((slot) => slot >= 0 && slot < 200));
  release(exact, inverted);
});

test("what an index takes is what was told before, and all of it is given back", () => {
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

test.after(() => useThreads(1));
