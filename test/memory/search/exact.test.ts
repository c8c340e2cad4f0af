/** One query, which takes another way through the kernel than many, finds the same neighbours with the same bits. */
import * as assert from "uvu/assert";
import { step } from "../../../src/autodiff/tape.ts";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { Random } from "../../../src/base/random.ts";
import { KvMemory } from "../../../src/memory/memory.ts";
import { heap } from "../../../src/wasm/runtime.ts";
import { suite } from "../../harness.ts";
import { normals, remember, unitVectors } from "../../memories.ts";

const test = suite("exact search");

/** The first `queries` of q [12, width] among `keys` [stored, width]: the bits of the scores, and the slots, of the first query. */
function lookup(
  keys: Float32Array,
  q: Float32Array,
  width: number,
  queries: number,
  topk: number,
): [number[], number[]] {
  const stored = keys.length / width;
  const memory = new KvMemory({ rows: 1, heads: 1, width, size: stored, segment: 5 }, { kind: "exact" });
  remember(memory, 0, keys);
  const found = step((): [number[], number[]] => {
    const { scores, slots } = memory.lookup(tensor(q.subarray(0, queries * width), [1, queries, width]), topk);
    const count = Math.min(topk, stored);
    return [[...heap.i32(scores.ptr, count)], [...heap.i32(slots, count)]];
  });
  memory.release();
  return found;
}

function sameAlone(keys: Float32Array, q: Float32Array, width: number, topk: number): void {
  const among = lookup(keys, q, width, 12, topk);
  for (const queries of [1, 2, 3]) assert.equal(lookup(keys, q, width, queries, topk), among, `${queries} queries`);
}

test("unit keys, of widths with and without a rest, in numbers with and without one", () => {
  const random = new Random(1);
  for (const [stored, width, topk] of [
    [1000, 64, 32],
    [777, 12, 5],
    [333, 7, 5],
    [9, 4, 16],
    [2500, 64, 1],
  ]) {
    sameAlone(unitVectors(stored, width, random), unitVectors(12, width, random), width, topk);
  }
});

test("scores that differ by less than rounding: the bar of the fast sum must not lose one", () => {
  const random = new Random(2);
  const [width, stored] = [64, 2000];
  const one = unitVectors(1, width, random);
  const keys = Float32Array.from({ length: stored * width }, (_, i) => one[i % width] * (1 + 1e-7 * random.normal()));
  const q = Float32Array.from({ length: 12 * width }, (_, i) => one[i % width] + 0.1 * random.normal());
  sameAlone(keys, q, width, 32);
});

test("keys of any size, huge components, opposite terms that cancel", () => {
  const random = new Random(3);
  const width = 32;
  for (const scale of [1e-30, 1e-19, 1, 1e10, 1e25]) {
    const keys = normals(1500 * width, random).map((x, i) => scale * x * (i % 7 === 3 ? 1000 : 1));
    const q = normals(12 * width, random);
    for (let i = 0; i < 1500; i += 3) for (let d = 1; d < width; d += 2) keys[i * width + d] = -keys[i * width + d - 1];
    sameAlone(keys, q, width, 16);
    sameAlone(
      keys,
      q.map(() => scale),
      width,
      16,
    );
  }
});

test("sums that are no numbers any more, and queries of zeros", () => {
  const random = new Random(4);
  const width = 16;
  const keys = unitVectors(600, width, random);
  for (const [place, value] of [
    [70, 3e38],
    [2000, -3e38],
    [2001, 3e38],
  ]) {
    keys[place] = value;
  }
  const q = normals(12 * width, random).map((x) => 10 * x);
  sameAlone(keys, q, width, 8);
  sameAlone(keys, q.fill(0), width, 8);
});
