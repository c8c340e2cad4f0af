/** Attention over retrieved pairs and its blend with local attention, against plain loops. */
import * as assert from "uvu/assert";
import { blend, retrievedAttention } from "../../src/autodiff/ops/retrieval.ts";
import { step } from "../../src/autodiff/tape.ts";
import { parameter, type Tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import type { MemoryDtype } from "../../src/memory/shape.ts";
import { asFloats } from "../../src/wasm/half.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { memoryAttention } from "../oracle/attention.ts";

const test = suite("retrieval ops");

/** A memory with `lengths[row]` random pairs a row. */
function filledMemory(rows: number, heads: number, width: number, lengths: number[], dtype: MemoryDtype): KvMemory {
  const random = new Random(7);
  const memory = new KvMemory({ rows, heads, width, size: 24, segment: 5 }, { dtype });
  for (let row = 0; row < rows; row++) {
    const floats = lengths[row] * heads * width;
    const [keys, values] = [heap.allocate(floats * 4), heap.allocate(floats * 4)];
    for (const address of [keys, values]) {
      heap.f32(address, floats).set(Float32Array.from({ length: floats }, () => random.normal()));
    }
    memory.append(row, keys, values, lengths[row]);
    heap.release(keys);
    heap.release(values);
  }
  return memory;
}

/** The pairs as they are stored, rounded where they are kept as halves. */
function storedPairs(memory: KvMemory, rows: number) {
  return Array.from({ length: rows }, (_, row) => {
    const { keys, values } = memory.contents(row);
    return { keys: asFloats(keys), values: asFloats(values), length: memory.length(row) };
  });
}

// rows, heads, width, segment, topk, stored pairs of each row
const cases: [number, number, number, number, number, number[]][] = [
  [1, 1, 1, 1, 1, [1]],
  [1, 2, 4, 3, 4, [9]],
  [2, 3, 5, 4, 7, [3, 24]],
  [2, 1, 9, 5, 32, [20, 24]],
];

for (const [rows, heads, width, segment, topk, lengths] of cases) {
  const shape = { rows, heads, width, segment, topk };
  for (const dtype of ["float32", "float16"] as const) {
    for (const part of ["out", "lse"] as const) {
      test(`attention over retrieved ${dtype} pairs, ${part}: ${rows} rows, ${heads} heads of ${width}, top ${topk} of ${lengths}`, () => {
        const memory = filledMemory(rows, heads, width, lengths, dtype);
        checkOp({
          shapes: [[rows, segment, heads * width], [heads]],
          op: (q: Tensor, scale: Tensor) => retrievedAttention(q, scale, memory.lookup(q, topk))[part],
          oracle: (q, scale) => memoryAttention(shape, storedPairs(memory, rows), q, scale)[part],
        });
        memory.release();
      });
    }
  }
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

for (const [rows, segment, heads, width] of [
  [1, 1, 1, 1],
  [2, 3, 2, 5],
  [3, 2, 3, 8],
]) {
  const counts = Int32Array.from({ length: rows }, (_, row) => (row === 1 ? 0 : 4));
  const [wide, narrow] = [
    [rows, segment, heads * width],
    [rows, segment, heads],
  ];
  const mix = (local: Float64Array, retrieved: Float64Array, logit: (at: number) => number) =>
    local.map((x, i) => {
      const at = Math.floor(i / width);
      const empty = counts[Math.floor(at / heads / segment)] === 0;
      const g = empty ? 0 : sigmoid(logit(at));
      return g * retrieved[i] + (1 - g) * x;
    });
  test(`the gated blend is g · retrieved + (1 − g) · local, [${wide}]`, () => {
    checkOp({
      shapes: [wide, wide, [heads], narrow, narrow],
      op: (local, retrieved, gate, a, b) => blend({ out: local, lse: a }, { out: retrieved, lse: b }, gate, counts).out,
      oracle: (local, retrieved, gate) => mix(local, retrieved, (at) => gate[at % heads]),
    });
  });
  test(`the joint blend weighs by both logsumexps, [${wide}]`, () => {
    checkOp({
      shapes: [wide, wide, narrow, narrow],
      op: (local, retrieved, a, b) => blend({ out: local, lse: a }, { out: retrieved, lse: b }, undefined, counts).out,
      oracle: (local, retrieved, a, b) => mix(local, retrieved, (at) => b[at] - a[at]),
    });
  });
}

test("a row with an empty memory keeps local attention bit for bit", () => {
  const random = new Random(3);
  const values = (length: number) => Float32Array.from({ length }, () => random.normal());
  const [local, retrieved] = [parameter([1, 3, 10], values(30)), parameter([1, 3, 10], values(30))];
  const [lse, gate] = [parameter([1, 3, 2], values(6)), parameter([2], values(2))];
  const out = step(() => blend({ out: local, lse }, { out: retrieved, lse }, gate, Int32Array.of(0)).out.toArray());
  assert.equal(out, local.toArray());
});
