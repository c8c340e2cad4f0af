/** Quantised search is bit-identical to exact search, on data made to mislead it. */
import * as assert from "uvu/assert";
import { step } from "../../../src/autodiff/tape.ts";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { Random } from "../../../src/base/random.ts";
import { KvMemory } from "../../../src/memory/memory.ts";
import type { SearchOptions } from "../../../src/memory/options.ts";
import { heap } from "../../../src/wasm/runtime.ts";
import { suite } from "../../harness.ts";
import { remember, unitVectors } from "../../memories.ts";

const test = suite("quantised search");

interface Found {
  scores: Float32Array;
  slots: Int32Array;
  fallbacks: number;
}

/** Looks up q [T, H, D] among keys [stored, H, D], in a memory of one row whose ring has its seam inside. */
function lookup(
  kind: SearchOptions["kind"],
  keys: Float32Array,
  q: Float32Array,
  heads: number,
  width: number,
  topk: number,
): Found {
  const [stored, queries] = [keys.length, q.length].map((length) => length / heads / width);
  const memory = new KvMemory({ rows: 1, heads, width, size: stored, segment: 5 }, { kind });
  remember(memory, 0, keys.subarray(0, 3 * heads * width));
  remember(memory, 0, keys);
  const found = step(() => {
    const { scores, slots, counts } = memory.lookup(tensor(q, [1, queries, heads * width]), topk);
    const valid = Array.from({ length: scores.size }, (_, i) => i).filter((i) => i % topk < counts[0]);
    const [allScores, allSlots] = [scores.toArray(), heap.i32(slots, scores.size).slice()];
    return {
      scores: Float32Array.from(valid, (i) => allScores[i]),
      slots: Int32Array.from(valid, (i) => allSlots[i]),
      fallbacks: memory.fallbackCount?.fallbacks ?? 0,
    };
  });
  memory.release();
  return found;
}

test("a small example, written out: of three unit vectors the query finds the two nearest", () => {
  const keys = Float32Array.of(1, 0, 0.6, 0.8, 0, 1);
  const { scores, slots } = lookup("quantised", keys, Float32Array.of(0.8, 0.6), 1, 2, 2);
  assert.equal([...slots], [4, 3]); // after three pairs that fell out
  assert.ok(Math.abs(scores[0] - 0.96) < 1e-6); // 0.8·0.6 + 0.6·0.8
  assert.ok(Math.abs(scores[1] - 0.8) < 1e-6); // 0.8·1 + 0.6·0
});

/** Returns unit vectors around `centre`. */
function vectorsAround(centre: Float32Array, spread: number, random: Random, count: number): Float32Array {
  const width = centre.length;
  const vectors = Float32Array.from({ length: count * width }, (_, i) => centre[i % width] + spread * random.normal());
  for (let at = 0; at < vectors.length; at += width) {
    const vector = vectors.subarray(at, at + width);
    const norm = Math.hypot(...vector);
    if (norm > 0) vector.set(vector.map((x) => x / norm));
  }
  return vectors;
}

/** Changes the last bit of each component. */
function nextFloat(vectors: Float32Array): Float32Array {
  const copy = vectors.slice();
  const bits = new Int32Array(copy.buffer);
  for (let i = 0; i < bits.length; i++) bits[i] ^= 1;
  return copy;
}

type Maker = (random: Random, count: number, width: number) => Float32Array;

const datasets: Record<string, Maker> = {
  random: (random, count, width) => unitVectors(count, width, random),
  clustered: (random, count, width) => {
    const centres = [1, 2, 3].map(() => unitVectors(1, width, random));
    const parts = Array.from({ length: count }, (_, i) => vectorsAround(centres[i % 3], 0.05, random, 1));
    return Float32Array.from(parts.flatMap((part) => [...part]));
  },
  duplicates: (random, count, width) => {
    const few = unitVectors(4, width, random);
    return Float32Array.from(
      { length: count * width },
      (_, i) => few[(Math.floor(i / width) % 4) * width + (i % width)],
    );
  },
  zero: (_, count, width) => new Float32Array(count * width),
  "one component each": (random, count, width) => {
    const vectors = new Float32Array(count * width);
    for (let i = 0; i < count; i++)
      vectors[i * width + Math.floor(random.next() * width)] = random.next() < 0.5 ? -1 : 1;
    return vectors;
  },
  "last bit": (random, count, width) => {
    const one = unitVectors(1, width, random);
    const other = nextFloat(one);
    return Float32Array.from({ length: count * width }, (_, i) => (Math.floor(i / width) % 2 ? other : one)[i % width]);
  },
};

// stored, queries, heads, width, topk
const sizes: [number, number, number, number, number][] = [
  [1, 1, 1, 1, 1],
  [7, 2, 1, 3, 4],
  [8, 3, 2, 4, 9],
  [15, 4, 1, 5, 3],
  [16, 5, 1, 16, 16],
  [17, 1, 2, 17, 5],
  [131, 6, 1, 31, 32],
  [1000, 3, 1, 64, 32],
  [2051, 9, 1, 33, 7],
  [1500, 300, 1, 8, 5],
  [129, 5, 1, 4, 33],
  [160, 6, 2, 8, 31],
  [8195, 1, 1, 4, 32],
  [8300, 6, 1, 5, 32],
];

for (const [kind, make] of Object.entries(datasets)) {
  for (const [stored, queries, heads, width, topk] of sizes) {
    test(`${kind} keys: the ${topk} best of ${stored} for ${queries} queries of ${width}, bit for bit`, () => {
      const random = new Random(stored + width);
      const keys = make(random, stored * heads, width);
      const q = make(random, queries * heads, width);
      const [exact, quantised] = [
        lookup("exact", keys, q, heads, width, topk),
        lookup("quantised", keys, q, heads, width, topk),
      ];
      assert.equal(quantised.scores, exact.scores);
      assert.equal(quantised.slots, exact.slots);
    });
  }
}

for (const newest of [0, 1, 17, 127, 128, 145, 400]) {
  test(`a ring of 805 whose newest ${newest} keys lie before the older ones, bit for bit`, () => {
    const random = new Random(newest);
    const memory = new KvMemory({ rows: 1, heads: 1, width: 8, size: 800, segment: 5 }, { kind: "quantised" });
    remember(memory, 0, unitVectors(805 + newest, 8, random));
    const queries = tensor(unitVectors(6, 8, random), [1, 6, 8]);
    step(() => {
      const [exact, quantised] = [memory.lookupExactly(queries, 32), memory.lookup(queries, 32)];
      assert.equal(quantised.scores.toArray(), exact.scores.toArray());
      assert.equal(heap.i32(quantised.slots, 6 * 32), heap.i32(exact.slots, 6 * 32));
    });
    memory.release();
  });
}

test("fewer than 1 % of the queries fall back on random keys", () => {
  const random = new Random(1);
  const [keys, q] = [unitVectors(20_000, 64, random), unitVectors(400, 64, random)];
  const { fallbacks } = lookup("quantised", keys, q, 1, 64, 32);
  assert.ok(fallbacks < 4, `${fallbacks} of 400 fell back`);
});

test("keys that rounding cannot distinguish make a query fall back, and the result is still exact", () => {
  const random = new Random(2);
  const keys = vectorsAround(unitVectors(1, 16, random), 1e-6, random, 3000);
  const q = unitVectors(5, 16, random);
  const quantised = lookup("quantised", keys, q, 1, 16, 8);
  assert.is(quantised.fallbacks, 5);
  const exact = lookup("exact", keys, q, 1, 16, 8);
  assert.equal([quantised.scores, quantised.slots], [exact.scores, exact.slots]);
});

/** Keys as trained models with rotary positions have them: much in common, and a few huge components. */
function biasedKeys(count: number, width: number, random: Random): Float32Array {
  const centre = Float32Array.from({ length: width }, () => 3 * random.normal());
  const scales = Float32Array.from({ length: width }, (_, d) => (d % 29 === 3 ? 40 : 1));
  return Float32Array.from({ length: count * width }, (_, i) => {
    return scales[i % width] * (centre[i % width] + random.normal());
  });
}

test("keys of any length, with huge components and a common part, rarely make a query fall back", () => {
  const random = new Random(3);
  const [keys, q] = [biasedKeys(6000, 64, random), biasedKeys(100, 64, random)];
  const quantised = lookup("quantised", keys, q, 1, 64, 32);
  const exact = lookup("exact", keys, q, 1, 64, 32);
  assert.equal([quantised.scores, quantised.slots], [exact.scores, exact.slots]);
  assert.ok(quantised.fallbacks < 10, `${quantised.fallbacks} of 100 fell back`);
});

test("keys of all magnitudes are found bit for bit", () => {
  const random = new Random(8);
  for (const magnitude of [1e-30, 1e-9, 0.3, 1.7, 1e4, 1e15]) {
    const keys = biasedKeys(300, 7, random).map((x, i) => x * magnitude * (i % 700 === 5 ? 1000 : 1));
    const q = unitVectors(2 * 9, 7, random);
    const [quantised, exact] = (["quantised", "exact"] as const).map((kind) => lookup(kind, keys, q, 2, 7, 5));
    assert.equal([quantised.scores, quantised.slots], [exact.scores, exact.slots], `${magnitude}`);
  }
});

test("queries of any length get exact results", () => {
  const random = new Random(4);
  const keys = unitVectors(500, 24, random);
  const q = Float32Array.from({ length: 7 * 24 }, (_, i) => random.normal() * 10 ** ((Math.floor(i / 24) % 5) - 2));
  assert.equal(lookup("quantised", keys, q, 1, 24, 6).slots, lookup("exact", keys, q, 1, 24, 6).slots);
});

test("keys that grow while they are appended, in rows of their own, are found bit for bit at every time", () => {
  const [width, size, heads] = [5, 70, 2];
  const shape = { rows: 2, heads, width, size, segment: 3 };
  const memories = (["exact", "quantised"] as const).map((kind) => new KvMemory(shape, { kind }));
  const random = new Random(9);
  for (let round = 0; round < 60; round++) {
    const row = round % 3 === 0 ? 1 : 0;
    const magnitude = row === 1 ? 1 / Math.sqrt(width) : 2 ** ((round % 20) - 4);
    const keys = unitVectors(7 * heads, width, random).map((x) => x * magnitude);
    if (round === 40) for (const memory of memories) memory.reset(0);
    for (const memory of memories) remember(memory, row, keys);
    const q = unitVectors(2 * 3 * heads, width, random);
    const [exact, quantised] = memories.map((memory) =>
      step(() => {
        const { scores, slots, counts } = memory.lookup(tensor(q, [2, 3, heads * width]), 6);
        return [[...scores.toArray()], [...heap.i32(slots, scores.size)], [...counts]];
      }),
    );
    assert.equal(quantised, exact, `round ${round}`);
  }
  for (const memory of memories) memory.release();
});

test("a memory is fast again when a key longer than all others has fallen out", () => {
  const [width, size] = [16, 3000];
  const memory = new KvMemory({ rows: 1, heads: 1, width, size, segment: 0 }, { kind: "quantised" });
  const random = new Random(10);
  const fallsBack = () => {
    const before = memory.fallbackCount!.fallbacks;
    step(() => void memory.lookup(tensor(unitVectors(1, width, random), [1, 1, width]), 3));
    return memory.fallbackCount!.fallbacks > before;
  };
  const append = (count: number, length: number) => {
    remember(
      memory,
      0,
      unitVectors(count, width, random).map((x) => x * length),
    );
  };
  append(size - 1, 1);
  assert.is(fallsBack(), false);
  append(1, 1e7);
  assert.is(fallsBack(), true, "beside it, rounding cannot tell the others apart");
  append(size - 1, 1);
  assert.is(fallsBack(), true);
  append(1, 1);
  assert.is(fallsBack(), false);
  append(1, 1e7);
  memory.reset(0);
  append(size, 1);
  assert.is(fallsBack(), false, "a reset forgets it");
  memory.release();
});
