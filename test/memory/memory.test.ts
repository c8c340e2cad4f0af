/** The memory: FIFO rings of odd sizes, exact lookup against a full sort, and pairs it must never return. */
import * as assert from "uvu/assert";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import type { StoredTensor } from "../../src/formats/safetensors.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import type { MemoryContents } from "../../src/memory/options.ts";
import { loadMemoryRow, saveMemoryRow } from "../../src/memory/saved-rows.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { normals, remember } from "../memories.ts";
import { refusal } from "../refusal.ts";

const test = suite("memory");

test("a small example, written out: 2 of 3 pairs are remembered, and the better key comes first", () => {
  const memory = new KvMemory({ rows: 1, heads: 1, width: 2, size: 2, segment: 1 });
  remember(memory, 0, [9, 9, 0, 1, 3, 4]); // three keys of two floats
  assert.equal([...memory.contents(0).keys], [0, 1, 3, 4]);
  step(() => {
    const { scores, slots } = memory.lookup(tensor([1, 1], [1, 1, 2]), 2);
    assert.equal([...scores.toArray()], [7, 1]); // 1·3 + 1·4 and 1·0 + 1·1
    assert.equal(
      [...heap.i32(slots, 2)].map((slot) => memory.serial(0, slot)),
      [2, 1],
    );
  });
  memory.release();
});

/** Pair n of a document: every float of its key and value is n, plus a tenth of the head. */
function counting(from: number, count: number, heads: number, width: number): Float32Array {
  return Float32Array.from({ length: count * heads * width }, (_, i) => {
    const head = Math.floor(i / width) % heads;
    return from + Math.floor(i / (heads * width)) + head / 8;
  });
}

for (const [size, segment] of [
  [1, 1],
  [1, 5],
  [7, 3],
  [8, 8],
  [10, 4],
  [13, 5],
  [40, 16],
]) {
  test(`after M + n appends the first n pairs have fallen out, for every n: M ${size}, segments of ${segment}`, () => {
    const [heads, width] = [2, 3];
    const memory = new KvMemory({ rows: 2, heads, width, size, segment });
    for (let written = 0; written < 4 * size + 3; ) {
      const count = Math.min(segment, 1 + (written % segment));
      const pairs = counting(written, count, heads, width);
      remember(memory, 1, pairs);
      written += count;
      const kept = Math.min(written, size);
      assert.is(memory.length(1), kept);
      assert.is(memory.length(0), 0);
      const { keys, values } = memory.contents(1);
      for (let head = 0; head < heads; head++) {
        const expected = Array.from(
          { length: kept * width },
          (_, i) => written - kept + Math.floor(i / width) + head / 8,
        );
        assert.equal([...keys.subarray(head * kept * width, (head + 1) * kept * width)], expected);
        assert.equal([...values.subarray(head * kept * width, (head + 1) * kept * width)], expected);
      }
    }
    memory.release();
  });
}

test("an append larger than the ring keeps the last pairs", () => {
  const memory = new KvMemory({ rows: 1, heads: 1, width: 2, size: 5, segment: 2 });
  remember(memory, 0, counting(0, 23, 1, 2));
  assert.equal([...memory.contents(0).keys], [18, 18, 19, 19, 20, 20, 21, 21, 22, 22]);
  memory.release();
});

/** Inner products summed in the order of the kernel, rounded to float32 after each step. */
function sequentialDot(a: Float32Array, atA: number, b: Float32Array, atB: number, width: number): number {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += a[atA + d] * b[atB + d];
  return sum;
}

type KeyMaker = (random: Random, stored: number, width: number) => Float32Array;

const keyMakers: Record<string, KeyMaker> = {
  random: (random, stored, width) => Float32Array.from({ length: stored * width }, () => random.normal()),
  "all equal": (_, stored, width) => new Float32Array(stored * width).fill(0.25),
  zero: (_, stored, width) => new Float32Array(stored * width),
  "few distinct": (random, stored, width) => {
    const distinct = [1, 2, 3].map(() =>
      Float32Array.from({ length: width }, () => Math.round(random.normal() * 4) / 4),
    );
    const keys = new Float32Array(stored * width);
    for (let j = 0; j < stored; j++) keys.set(distinct[Math.floor(random.next() * 3)], j * width);
    return keys;
  },
};

for (const [kind, makeKeys] of Object.entries(keyMakers)) {
  for (const [stored, queries, width, topk] of [
    [1, 1, 1, 1],
    [3, 2, 4, 5],
    [8, 5, 8, 8],
    [9, 4, 7, 3],
    [65, 3, 16, 32],
    [130, 9, 5, 31],
    [200, 1, 64, 33],
  ]) {
    test(`lookup finds the ${topk} best of ${stored} ${kind} keys for ${queries} queries, older ones first among equals`, () => {
      const random = new Random(stored * 31 + topk);
      const keys = makeKeys(random, stored, width);
      const q = Float32Array.from({ length: queries * width }, () => Math.round(random.normal() * 8) / 8);
      const memory = new KvMemory({ rows: 1, heads: 1, width, size: stored, segment: 7 });
      remember(memory, 0, makeKeys(new Random(99), 3, width)); // makes the ring wrap
      remember(memory, 0, keys);
      const found = step(() => {
        const neighbours = memory.lookup(tensor(q, [1, queries, width]), topk);
        return {
          scores: neighbours.scores.toArray(),
          slots: heap.i32(neighbours.slots, queries * topk).slice(),
          count: neighbours.counts[0],
        };
      });
      const count = Math.min(topk, stored);
      assert.is(found.count, count);
      for (let i = 0; i < queries; i++) {
        const scores = Array.from({ length: stored }, (_, j) => sequentialDot(q, i * width, keys, j * width, width));
        const order = scores.map((_, j) => j).sort((a, b) => scores[b] - scores[a] || a - b);
        const list = i * topk;
        for (let n = 0; n < count; n++) {
          assert.ok(Math.abs(found.scores[list + n] - scores[order[n]]) < 1e-4, `score ${n} of query ${i}`);
          const position = (found.slots[list + n] - 3 + stored + 7) % (stored + 7);
          if (kind === "random") assert.is(position, order[n], `neighbour ${n} of query ${i}`);
          else assert.ok(Math.abs(scores[position] - scores[order[n]]) < 1e-5);
          if (n > 0 && found.scores[list + n] === found.scores[list + n - 1]) {
            const before = (found.slots[list + n - 1] - 3 + stored + 7) % (stored + 7);
            assert.ok(before < position, `the older of the equal keys ${before} and ${position} must come first`);
          }
        }
      }
      memory.release();
    });
  }
}

test("a lookup returns only keys of its own row and head, and none from before a reset", () => {
  const [rows, heads, width] = [2, 2, 1];
  const memory = new KvMemory({ rows, heads, width, size: 6, segment: 3 });
  remember(memory, 0, [1, 10, 2, 20]);
  remember(memory, 1, [100, 1000]);
  const bestScores = () =>
    step(() => {
      const { scores, counts } = memory.lookup(tensor([1, 1, 1, 1], [rows, 1, heads * width]), 1);
      return { scores: [...scores.toArray()], counts: [...counts] };
    });
  assert.equal(bestScores(), { scores: [2, 20, 100, 1000], counts: [1, 1] });
  memory.reset(0);
  assert.equal(bestScores().counts, [0, 1]);
  remember(memory, 0, [-5, -6]);
  assert.equal(bestScores(), { scores: [-5, -6, 100, 1000], counts: [1, 1] });
  memory.release();
});

for (const [size, other, appended] of [
  [7, 7, 5],
  [7, 7, 23],
  [7, 19, 23],
  [7, 8, 7],
  [19, 7, 45],
  [19, 7, 3],
  [5, 1, 16],
]) {
  test(`a memory of ${other} takes over the newest of ${appended} pairs from a memory of ${size}, and continues`, () => {
    const [heads, width] = [2, 3];
    const [source, target] = [size, other].map((size) => new KvMemory({ rows: 2, heads, width, size, segment: 3 }));
    remember(source, 1, counting(0, appended, heads, width));
    target.restore(1, source.appended(1), source.contents(1));
    const numbers = ({ keys }: MemoryContents) => [...keys].filter((_, i) => i % width === 0);
    for (let next = appended; next <= appended + 2 * other; next++) {
      const kept = Math.min(other, Math.min(appended, size) + next - appended);
      assert.is(target.length(1), kept);
      assert.is(target.appended(1), next);
      const expected = [0, 1 / 8].flatMap((head) => Array.from({ length: kept }, (_, i) => next - kept + i + head));
      assert.equal(numbers(target.contents(1)), expected);
      remember(target, 1, counting(next, 1, heads, width));
    }
    source.release();
    target.release();
  });
}

for (const kind of ["exact", "quantised", "bucketed", "inverted"] as const) {
  test(`a query that is not a number finds slots that exist, not those of an earlier lookup: ${kind}`, () => {
    const [size, width, topk] = [300, 4, 8];
    const memory = new KvMemory({ rows: 1, heads: 1, width, size, segment: size }, { kind });
    remember(
      memory,
      0,
      normals(size * width, new Random(5)).map((x) => x / 10),
    );
    const query = (values: number[]) =>
      step(() => {
        const { slots } = memory.lookup(tensor(Float32Array.from(values), [1, 1, width]), topk);
        return [...heap.i32(slots, topk)];
      });
    assert.is.not(query([1, 0, 0, 0])[0], 0);
    for (const slot of query([Number.NaN, 0, 0, 0])) assert.is(slot, 0);
    memory.release();
  });
}

test("a lookup without queries returns nothing, in every search", () => {
  for (const kind of ["exact", "quantised", "bucketed", "inverted"] as const) {
    const memory = new KvMemory({ rows: 1, heads: 1, width: 8, size: 64, segment: 4 }, { kind });
    step(() => assert.is(memory.lookup(tensor([], [1, 0, 8]), 1).scores.size, 0, kind));
    memory.release();
  }
});

test("more pairs than a file can count are refused when a row is restored", () => {
  const memory = new KvMemory({ rows: 1, heads: 1, width: 1, size: 3, segment: 1 });
  const contents = { keys: Float32Array.of(1), values: Float32Array.of(1) };
  assert.match(
    refusal(() => memory.restore(0, Number.MAX_SAFE_INTEGER, contents)),
    `appended: got ${Number.MAX_SAFE_INTEGER}; it must be a whole number`,
  );
  memory.release();
});

test("a row that was restored with fewer pairs than were ever appended is saved as it is", () => {
  const [memory, copy] = [0, 1].map(() => new KvMemory({ rows: 1, heads: 1, width: 2, size: 32, segment: 1 }));
  memory.restore(0, 20, { keys: Float32Array.of(1, 2, 3, 4), values: Float32Array.of(5, 6, 7, 8) });
  const saved = new Map<string, StoredTensor>();
  saveMemoryRow(saved, "memory", memory, 0);
  const reader = new TensorReader(saved, "saved");
  loadMemoryRow(reader, "memory", copy, 0);
  reader.end();
  assert.equal([copy.contents(0), copy.appended(0)], [memory.contents(0), 20]);
  for (const each of [memory, copy]) each.release();
});
