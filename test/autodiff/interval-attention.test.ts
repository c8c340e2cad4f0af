/** Attention in which each query sees an interval of pairs, against plain loops; the join of two attentions. */
import * as assert from "uvu/assert";
import { attention, constantScale, extendContext } from "../../src/autodiff/ops/attention.ts";
import { joinAttention } from "../../src/autodiff/ops/blend.ts";
import { type Intervals, intervalAttention } from "../../src/autodiff/ops/interval-attention.ts";
import { step } from "../../src/autodiff/tape.ts";
import { persistentTensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { threadCount } from "../../src/wasm/parallel.ts";
import { heap, kernels, scratch } from "../../src/wasm/runtime.ts";
import { assertClose, checkOp, checkThreads } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { maskedAttention } from "../oracle/attention.ts";
import { emptyContext } from "./contexts.ts";

const test = suite("interval attention");

function normals(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

test("a small example, written out: queries of 0 take the means of what they see", () => {
  step(() => {
    const none = tensor([], [1, 0, 1]);
    const before = { keys: none, values: none, past: 0, first: Int32Array.of(0) };
    const [q, k, v] = [tensor([0, 0, 0], [1, 3, 1]), tensor([1, 2, 3], [1, 3, 1]), tensor([2, 4, 9], [1, 3, 1])];
    const seen = Int32Array.of(0, 2, 2, 3, 1, 1);
    const { out, lse } = intervalAttention(q, k, v, tensor([1]), { ...before, seen });
    assertClose(out.toArray(), [3, 9, 0], 1e-6, "out");
    assertClose(lse.toArray().subarray(0, 2), [Math.log(2), 0], 1e-6, "lse");
    assert.ok(lse.toArray()[2] < -1e38);
  });
});

interface Case {
  readonly rows: number;
  readonly heads: number;
  readonly width: number;
  readonly segment: number;
  readonly past: number;
  readonly own: number;
}

/** Pairs before, and intervals of which some are empty and some begin before a row's first pair. */
function before({ rows, heads, width, segment, past, own }: Case): Intervals {
  const capacity = past + 2;
  const shape = [rows, capacity, heads * width];
  const [keys, values] = [5, 6].map((seed) =>
    persistentTensor(shape).set(normals(rows * capacity * heads * width, seed)),
  );
  const random = new Random(2);
  const seen = Int32Array.from({ length: 2 * rows * segment }, () => random.uint32() % (past + own + 1));
  seen.subarray(0, 2).set([0, past + own]);
  return { keys, values, past, first: Int32Array.from({ length: rows }, (_, row) => Math.min(row, past)), seen };
}

function oracle(given: Case, { keys, values, past, first, seen }: Intervals) {
  const { rows, heads, width, segment } = given;
  const [stride, capacity] = [heads * width, keys.shape[1]];
  const ofPast = (pairs: Float32Array) =>
    Float32Array.from({ length: rows * past * stride }, (_, i) => {
      const row = Math.floor(i / (past * stride));
      return pairs[row * capacity * stride + (i % (past * stride))];
    });
  const pairs = { past, pastKeys: ofPast(keys.toArray()), pastValues: ofPast(values.toArray()) };
  const visible = (row: number, _: number, i: number) => {
    const [from, to] = seen.subarray(2 * (row * segment + i));
    const low = Math.max(from, first[row]);
    return Array.from({ length: Math.max(0, to - low) }, (_, n) => ({ position: low + n, distance: 0 }));
  };
  return (q: Float64Array, k: Float64Array, v: Float64Array, scale: Float64Array) =>
    maskedAttention({ ...given, ...pairs }, visible, q, k, v, scale, new Float64Array(0));
}

const cases: Case[] = [
  { rows: 1, heads: 1, width: 1, segment: 1, past: 0, own: 1 },
  { rows: 1, heads: 2, width: 3, segment: 1, past: 4, own: 0 },
  { rows: 2, heads: 2, width: 5, segment: 7, past: 3, own: 4 },
  { rows: 3, heads: 1, width: 4, segment: 9, past: 0, own: 9 },
  { rows: 2, heads: 3, width: 8, segment: 17, past: 9, own: 5 },
  { rows: 1, heads: 1, width: 2, segment: 67, past: 21, own: 13 },
];

for (const given of cases) {
  const { rows, heads, width, segment, own } = given;
  const wide = [rows, segment, heads * width];
  const pairs = [rows, own, heads * width];
  test(`output and gradients match the definition: ${JSON.stringify(given)}`, () => {
    const intervals = before(given);
    const bytes = kernels.attention_scratch_bytes(intervals.past + own, width) * threadCount();
    heap.f32(scratch(bytes), bytes / 4).fill(Number.NaN);
    checkOp({
      shapes: [wide, pairs, pairs, [heads]],
      op: (q, k, v, scale) => intervalAttention(q, k, v, scale, intervals).out,
      oracle: (q, k, v, scale) => oracle(given, intervals)(q, k, v, scale).out,
      tolerance: 5e-5,
    });
  });

  test(`joined with attention to the segment, it is one softmax, and so are the gradients: ${JSON.stringify(given)}`, () => {
    const intervals = before(given);
    const none = { ...intervals, past: 0, first: new Int32Array(rows) };
    const seen = Int32Array.from({ length: 2 * rows * segment }, (_, i) => (i % 2 === 0 ? 0 : own));
    checkOp({
      shapes: [wide, pairs, pairs, [heads]],
      op: (q, k, v, scale) => {
        const one = intervalAttention(q, k, v, scale, { ...none, seen });
        return joinAttention(one, intervalAttention(q, k, v, scale, intervals)).out;
      },
      oracle: (q, k, v, scale) => {
        const one = oracle(given, { ...none, keys: persistentTensor(pairs), values: persistentTensor(pairs), seen });
        const [a, b] = [one(q, k, v, scale), oracle(given, intervals)(q, k, v, scale)];
        return a.out.map((x, i) => {
          const at = Math.floor(i / width);
          const g = 1 / (1 + Math.exp(a.lse[at] - b.lse[at]));
          return g * b.out[i] + (1 - g) * x;
        });
      },
      tolerance: 5e-5,
    });
  });
}

test("what changes beyond a query's interval changes no bit of its answer", () => {
  const given = { rows: 1, heads: 2, width: 5, segment: 70, past: 9, own: 12 };
  const { keys, values, past, first } = before(given);
  const seen = Int32Array.from({ length: 140 }, (_, i) => (i % 2 === 0 ? 0 : 9 + Math.floor(i / 14)));
  const [q, k, v] = [normals(700, 1), normals(120, 2), normals(120, 3)];
  const run = () =>
    step(() => {
      const [own, ownValues] = [tensor(k, [1, 12, 10]), tensor(v, [1, 12, 10])];
      return intervalAttention(tensor(q, [1, 70, 10]), own, ownValues, constantScale(2, 3), {
        keys,
        values,
        past,
        first,
        seen,
      }).out.toArray();
    });
  const expected = run();
  for (const cell of [4, 7]) {
    for (const pairs of [k, v]) pairs.fill(0.3, cell * 10, 120);
    const known = (cell + 1) * 7 * 10; // query i sees floor(i / 7) of the segment's own pairs
    const found = run();
    assert.equal(found.subarray(0, known), expected.subarray(0, known));
    assert.not.equal(found.subarray(known), expected.subarray(known));
    k.set(normals(120, 2));
    v.set(normals(120, 3));
  }
});

test("with the intervals of causal attention, it is causal attention", () => {
  const [q, k, v] = [normals(90, 1), normals(90, 2), normals(90, 3)];
  const context = emptyContext(9, 10);
  const seen = Int32Array.from({ length: 18 }, (_, i) => (i % 2 === 0 ? 0 : (i + 1) / 2));
  step(() => {
    const [queries, keys, values] = [q, k, v].map((x) => tensor(x, [1, 9, 10]));
    extendContext(context, keys, values);
    const full = attention(queries, keys, values, constantScale(2, 2), undefined, context);
    const found = intervalAttention(queries, keys, values, constantScale(2, 2), { ...context, seen });
    assertClose(found.out.toArray(), full.out.toArray(), 1e-6, "out");
    assertClose(found.lse.toArray(), full.lse.toArray(), 1e-6, "lse");
  });
});

test("one thread and two give the same bits", async () => {
  const intervals = before({ rows: 3, heads: 3, width: 5, segment: 66, past: 4, own: 7 });
  await checkThreads({
    shapes: [[3, 66, 15], [3, 7, 15], [3, 7, 15], [3]],
    op: (q, k, v, scale) => intervalAttention(q, k, v, scale, intervals).out,
  });
});

test("intervals beyond the pairs, and shapes that do not fit, are refused", () => {
  step(() => {
    const x = tensor([1, 2], [1, 2, 1]);
    const before = { keys: x, values: x, past: 2, first: Int32Array.of(0) };
    const run = (seen: Int32Array, past = 2) => intervalAttention(x, x, x, tensor([1]), { ...before, past, seen });
    assert.throws(() => run(Int32Array.of(0, 5, 0, 1)), /a query sees the pair 5, but there are 4/);
    assert.throws(() => run(Int32Array.of(0, 1)), /2 ends of intervals do not fit/);
    assert.throws(() => run(Int32Array.of(0, 1, 0, 1), 3), /3 pairs of \[1,2,1\] before/);
  });
});
