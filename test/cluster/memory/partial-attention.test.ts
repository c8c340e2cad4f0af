/** Merging what several stores found, against sorting and a softmax in plain loops. */
import * as assert from "uvu/assert";
import { step } from "../../../src/autodiff/tape.ts";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { Random } from "../../../src/base/random.ts";
import { mergeBest } from "../../../src/memory/served/best-lists.ts";
import { attendTo, mergeParts, type Part } from "../../../src/memory/served/partial-attention.ts";
import { chosenIn, peaksOf, pick } from "../../../src/memory/served/retrieved-lists.ts";
import { suite } from "../../harness.ts";
import { normals } from "../../memories.ts";

const test = suite("merging parts of a memory");

test("three pairs in two stores, by head: the best two of all, and the older of two equals first", () => {
  const first = { length: 2, scores: Float32Array.of(0.9, 0.1), pairs: Float64Array.of(1, 0) };
  const second = { length: 1, scores: Float32Array.of(0.5), pairs: Float64Array.of(2) };
  assert.equal([...mergeBest([first, second], 1, 2).pairs], [1, 2]);
  assert.equal([...mergeBest([second, first], 1, 3).pairs], [1, 2, 0]);
  const equal = { length: 1, scores: Float32Array.of(0.9), pairs: Float64Array.of(0) };
  assert.equal([...mergeBest([first, equal], 1, 2).pairs], [0, 1]);
});

test("a pair that two stores have counts once", () => {
  const lists = { length: 2, scores: Float32Array.of(0.9, 0.1), pairs: Float64Array.of(1, 0) };
  const merged = mergeBest([lists, { length: 1, scores: Float32Array.of(0.9), pairs: Float64Array.of(1) }], 1, 2);
  assert.equal([...merged.pairs], [1, 0]);
  assert.equal(merged.scores, lists.scores);
});

test("lists of nothing, of one store, and of none", () => {
  const none = { length: 0, scores: new Float32Array(), pairs: new Float64Array() };
  const some = { length: 1, scores: Float32Array.of(1, 2), pairs: Float64Array.of(7, 8) };
  assert.equal([...mergeBest([none, some], 2, 1).pairs], [7, 8]);
  assert.equal([...mergeBest([none], 2, 0).pairs], []);
  assert.equal([...mergeBest([], 3, 0).pairs], []);
});

test("values of width 2 are merged with their pairs, if all stores that have pairs give them", () => {
  const first = { length: 1, scores: Float32Array.of(0.5), pairs: Float64Array.of(0), values: Float32Array.of(1, 2) };
  const second = { length: 1, scores: Float32Array.of(0.9), pairs: Float64Array.of(1), values: Float32Array.of(3, 4) };
  const none = { length: 0, scores: new Float32Array(), pairs: new Float64Array() };
  assert.equal(mergeBest([first, second, none], 1, 2).values, Float32Array.of(3, 4, 1, 2));
  assert.is(mergeBest([first, { ...second, values: undefined }], 1, 2).values, undefined);
});

test("merged lists of random stores are those of sorting all", () => {
  const random = new Random(4);
  const [lists, stores, length] = [5, 3, 4];
  const given = Array.from({ length: stores }, (_, store) => {
    const rows = Array.from({ length: lists }, () => {
      const row = Array.from({ length }, (_, i) => ({
        score: Math.floor(4 * random.next()) / 4,
        pair: store * 10 + i,
      }));
      return row.sort((a, b) => b.score - a.score || a.pair - b.pair);
    });
    const scores = Float32Array.from(rows.flat(), ({ score }) => score);
    return { length, scores, pairs: Float64Array.from(rows.flat(), ({ pair }) => pair) };
  });
  const merged = mergeBest(given, lists, 6);
  for (let list = 0; list < lists; list++) {
    const all = given.flatMap(({ scores, pairs }) =>
      Array.from({ length }, (_, i) => ({ score: scores[list * length + i], pair: pairs[list * length + i] })),
    );
    const best = all.sort((a, b) => b.score - a.score || a.pair - b.pair).slice(0, 6);
    assert.equal(
      [...merged.pairs.subarray(list * 6, list * 6 + 6)],
      best.map(({ pair }) => pair),
    );
  }
});

test("lists are split by pair, and keep their order", () => {
  const retrieved = {
    counts: Int32Array.of(3, 0, 2),
    pairs: Float64Array.of(5, 2, 9, 2, 8),
    scores: Float32Array.of(0.5, 0.4, 0.3, 0.9, 0.1),
  };
  const early = pick(retrieved, (pair) => pair < 6);
  assert.equal(
    [[...early.counts], [...early.pairs]],
    [
      [2, 0, 1],
      [5, 2, 2],
    ],
  );
  assert.equal(peaksOf(early), Float32Array.of(0.5, 0, 0.9));
  const { most, slots } = chosenIn(early, (pair) => pair - 2);
  assert.equal([most, [...slots]], [2, [3, 0, 0, 0, 0, 0]]);
});

/** Softmax and sum in plain loops, float64. */
function oracle(scores: readonly number[], values: readonly Float32Array[], scale: number): number[] {
  const weights = scores.map((score) => Math.exp(Math.abs(scale) * (score - scores[0])));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Array.from(values[0], (_, d) =>
    weights.reduce((total, weight, k) => total + (weight / sum) * values[k][d], 0),
  );
}

test("equal scores in two parts, by head: the mean of the values, weighted by how many each part has", () => {
  const part = (count: number, value: number): Part => ({
    peaks: Float32Array.of(0.25),
    sums: Float64Array.of(count),
    out: Float32Array.of(value),
  });
  const { out, sums } = mergeParts([part(3, 8), part(1, 4)], Float32Array.of(2), 1, 1);
  assert.equal([[...out], [...sums]], [[7], [4]]);
});

test("attention in parts is attention to all pairs, at every way to cut them and with scales of either sign", () => {
  const random = new Random(7);
  const [heads, width, capacity, n, most] = [2, 5, 11, 3, 8];
  const values = normals(heads * capacity * width, random);
  const scales = Float32Array.of(-9, 0.5);
  const lists = n * heads;
  const rows = Array.from({ length: lists }, () => {
    const slots = Array.from({ length: capacity }, (_, slot) => slot)
      .sort(() => random.next() - 0.5)
      .slice(0, most);
    return slots.map((pair) => ({ pair, score: random.normal() })).sort((a, b) => b.score - a.score);
  });
  const retrieved = {
    counts: new Int32Array(lists).fill(most),
    pairs: Float64Array.from(rows.flat(), ({ pair }) => pair),
    scores: Float32Array.from(rows.flat(), ({ score }) => score),
  };
  const valueAt = (list: number, slot: number) => {
    const at = ((list % heads) * capacity + slot) * width;
    return values.subarray(at, at + width);
  };
  for (const cut of [0, 1, 5, capacity]) {
    const merged = step(() => {
      const address = tensor(values).ptr;
      const at = tensor(scales).ptr;
      const stored = { address, heads, capacity, width, float16: false };
      const parts = [(pair: number) => pair < cut, (pair: number) => pair >= cut].map((keep) =>
        attendTo(
          stored,
          at,
          chosenIn(pick(retrieved, keep), (pair) => pair),
        ),
      );
      return mergeParts(parts, scales, lists, width);
    });
    for (const [list, row] of rows.entries()) {
      const scores = row.map(({ score }) => Math.fround(score));
      const wanted = oracle(
        scores,
        row.map(({ pair }) => valueAt(list, pair)),
        scales[list % heads],
      );
      for (const [d, number] of wanted.entries()) {
        const found = merged.out[list * width + d];
        assert.ok(Math.abs(found - number) < 1e-6, `cut ${cut}, list ${list}: ${found}, not ${number}`);
      }
    }
  }
});

test("a list without pairs is 0, next to one with pairs", () => {
  const retrieved = { counts: Int32Array.of(0, 1), pairs: Float64Array.of(0), scores: Float32Array.of(0.5) };
  const { sums, out } = step(() => {
    const stored = { address: tensor([7, 8]).ptr, heads: 1, capacity: 1, width: 2, float16: false };
    const part = attendTo(
      stored,
      tensor([3]).ptr,
      chosenIn(retrieved, (pair) => pair),
    );
    return mergeParts([part], Float32Array.of(3), 2, 2);
  });
  assert.equal(
    [[...sums], [...out]],
    [
      [0, 1],
      [0, 0, 7, 8],
    ],
  );
});
