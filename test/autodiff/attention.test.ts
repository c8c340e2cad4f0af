/** Local attention with past, window, bias and learned scale, against plain loops; odd sizes everywhere. */
import * as assert from "uvu/assert";
import {
  type AttentionContext,
  attention,
  constantScale,
  extendContext,
  positionBuckets,
} from "../../src/autodiff/ops/attention.ts";
import { assertFiniteTape, backward, step } from "../../src/autodiff/tape.ts";
import { parameter, persistentTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { threadCount, useThreads } from "../../src/wasm/parallel.ts";
import { heap, kernels, scratch } from "../../src/wasm/runtime.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { type LocalCase, localAttention } from "../oracle/attention.ts";

const test = suite("attention op");

test("a small example, written out: a query of 0 takes the mean of the values so far", () => {
  const room = () => persistentTensor([1, 3, 1]);
  const context = { keys: room(), values: room(), capacity: 3, past: 0, first: Int32Array.of(0), window: Infinity };
  step(() => {
    const [q, k, v] = [tensor([0, 0, 0], [1, 3, 1]), tensor([1, -1, 1], [1, 3, 1]), tensor([2, 4, 9], [1, 3, 1])];
    extendContext(context, k, v);
    const { out, lse } = attention(q, k, v, tensor([1]), undefined, context);
    assertClose(out.toArray(), [2, 3, 5], 1e-6, "out");
    assertClose(lse.toArray(), [Math.log(1), Math.log(2), Math.log(3)], 1e-6, "lse");
  });
});

function randomFloats(random: Random, length: number): Float32Array {
  return Float32Array.from({ length }, () => random.normal());
}

function makeCase(
  rows: number,
  heads: number,
  width: number,
  segment: number,
  past: number,
  window: number,
  kvHeads = heads,
): LocalCase {
  const random = new Random(rows + heads * 7 + width * 31 + segment * 101);
  const first = Array.from({ length: rows }, (_, row) => (row * 3) % (past + 1));
  const size = rows * past * kvHeads * width;
  const [pastKeys, pastValues] = [randomFloats(random, size), randomFloats(random, size)];
  return { rows, heads, kvHeads, width, segment, past, window, first, pastKeys, pastValues };
}

/** Returns the case's past in a context with some room to spare, so that strides differ from lengths. */
function makeContext({
  rows,
  heads,
  kvHeads = heads,
  width,
  segment,
  past,
  window,
  block,
  first,
  pastKeys,
  pastValues,
}: LocalCase): AttentionContext {
  const capacity = past + segment + 3;
  const stride = kvHeads * width;
  const fill = (from: Float32Array) => {
    const values = new Float32Array(rows * capacity * stride);
    for (let b = 0; b < rows; b++) {
      values.set(from.subarray(b * past * stride, (b + 1) * past * stride), b * capacity * stride);
    }
    return persistentTensor([rows, capacity, stride]).set(values);
  };
  return {
    keys: fill(pastKeys),
    values: fill(pastValues),
    capacity,
    past,
    first: Int32Array.from(first),
    window,
    block,
  };
}

function checkCase(given: LocalCase, withBias: boolean, part: "out" | "lse"): void {
  const { rows, heads, kvHeads = heads, width, segment } = given;
  const context = makeContext(given);
  const [queries, pairs] = [heads, kvHeads].map((count) => [rows, segment, count * width]);
  const shapes = [queries, pairs, pairs, [heads], ...(withBias ? [[heads, 32]] : [])];
  checkOp({
    shapes,
    op: (q: Tensor, k: Tensor, v: Tensor, scale: Tensor, table?: Tensor) => {
      const buckets = positionBuckets(context.capacity);
      extendContext(context, k, v);
      return attention(q, k, v, scale, table && { table, buckets }, context)[part];
    },
    oracle: (q, k, v, scale, table = new Float64Array(0)) => localAttention(given, q, k, v, scale, table)[part],
    tolerance: 5e-5,
  });
}

// rows, heads, width, segment, past, window
const cases: [number, number, number, number, number, number][] = [
  [1, 1, 1, 1, 0, Number.POSITIVE_INFINITY],
  [1, 1, 4, 1, 5, Number.POSITIVE_INFINITY],
  [2, 3, 5, 1, 7, 4],
  [1, 1, 8, 2, 0, Number.POSITIVE_INFINITY],
  [2, 2, 3, 9, 0, Number.POSITIVE_INFINITY],
  [2, 2, 5, 8, 7, 7],
  [1, 3, 4, 17, 20, 3],
  [3, 1, 7, 13, 9, 9],
];

for (const given of cases) {
  const [rows, heads, width, segment, past, window] = given;
  const title = `${rows} rows, ${heads} heads of ${width}, ${segment} tokens after ${past}, window ${window}`;
  test(`output and gradients match the definition: ${title}`, () => checkCase(makeCase(...given), true, "out"));
  test(`the logsumexp and its gradients match as well, without a bias: ${title}`, () =>
    checkCase(makeCase(...given), false, "lse"));
}

test("a segment longer than one block of queries matches the definition", () => {
  checkCase(makeCase(1, 1, 2, 70, 11, 30), true, "out");
});

for (const block of [1, 3, 5, 64]) {
  test(`with blocks of ${block}, a query sees only its own block, and so do the gradients`, () => {
    checkCase({ ...makeCase(2, 2, 3, 13, 9, 9), block }, true, "out");
    checkCase({ ...makeCase(1, 1, 4, 1, 6, Number.POSITIVE_INFINITY), block }, true, "lse");
    checkCase({ ...makeCase(1, 1, 2, 70, 0, Number.POSITIVE_INFINITY), block }, false, "out");
  });
}

test("scores beyond a query's own position are never read", () => {
  const bytes = kernels.attention_scratch_bytes(133, 3) * threadCount();
  heap.f32(scratch(bytes), bytes / 4).fill(Number.NaN);
  checkCase(makeCase(1, 1, 3, 133, 0, Number.POSITIVE_INFINITY), true, "out");
});

test("grouped queries, written out: heads 0 and 1 read the first kv head, 2 and 3 the second", () => {
  const room = () => persistentTensor([1, 1, 2]);
  const context = { keys: room(), values: room(), capacity: 1, past: 0, first: Int32Array.of(0), window: Infinity };
  step(() => {
    const [q, k, v] = [tensor([1, 1, 1, 1], [1, 1, 4]), tensor([0, 0], [1, 1, 2]), tensor([5, 7], [1, 1, 2])];
    extendContext(context, k, v);
    assert.equal([...attention(q, k, v, constantScale(4, 0.5), undefined, context).out.toArray()], [5, 5, 7, 7]);
  });
});

test("a sliding window of 2 keys, written out: a query of 0 takes the mean of its own value and the one before", () => {
  const room = () => persistentTensor([1, 3, 1]);
  const context = { keys: room(), values: room(), capacity: 3, past: 0, first: Int32Array.of(0), window: 2 - 1 };
  step(() => {
    const [q, k, v] = [tensor([0, 0, 0], [1, 3, 1]), tensor([1, -1, 1], [1, 3, 1]), tensor([2, 4, 9], [1, 3, 1])];
    extendContext(context, k, v);
    assertClose(attention(q, k, v, constantScale(1, 1), undefined, context).out.toArray(), [2, 3, 6.5], 1e-6, "out");
  });
});

// rows, heads, width, segment, past, window, kv heads
const grouped: [number, number, number, number, number, number, number][] = [
  [1, 2, 4, 1, 5, Number.POSITIVE_INFINITY, 1],
  [2, 4, 3, 9, 0, Number.POSITIVE_INFINITY, 2],
  [1, 3, 10, 5, 7, 2, 1],
  [2, 6, 5, 4, 3, Number.POSITIVE_INFINITY, 3],
  [1, 9, 12, 3, 2, 1, 3],
  [1, 2, 20, 2, 1, Number.POSITIVE_INFINITY, 1],
  [1, 4, 2, 67, 9, 30, 2],
];
for (const given of grouped) {
  const [rows, heads, width, segment, past, window, kvHeads] = given;
  const title = `${rows} rows, ${heads} heads of ${width} over ${kvHeads}, ${segment} tokens after ${past}, window ${window}`;
  test(`grouped queries: output and gradients match the definition: ${title}`, () => {
    checkCase(makeCase(...given), true, "out");
    checkCase(makeCase(...given), false, "lse");
  });
}

/** Output and gradients of q, k, v on `threads` threads. */
async function onThreads(threads: number): Promise<number[][]> {
  await useThreads(threads);
  const given = makeCase(2, 6, 5, 71, 9, 40, 3);
  const random = new Random(8);
  const inputs = [6, 3, 3].map((heads) => parameter([2, 71, heads * 5], randomFloats(random, 2 * 71 * heads * 5)));
  const [q, k, v] = inputs;
  const context = makeContext(given);
  const out = step(() => {
    extendContext(context, k, v);
    const { out } = attention(q, k, v, constantScale(6, 0.4), undefined, context);
    backward(out, randomFloats(random, out.size));
    return [...out.toArray()];
  });
  return [out, ...inputs.map(({ grad }) => [...grad!.toArray()])];
}

test("grouped queries give bit-identical results on 1, 2 and 3 threads", async () => {
  const before = threadCount();
  const expected = await onThreads(1);
  for (const threads of [2, 3]) assert.equal(await onThreads(threads), expected, `${threads} threads`);
  await useThreads(before);
});

test("a constant scale gets no gradient; kv heads that do not divide the heads are refused; a NaN is named", () => {
  const context = makeContext(makeCase(1, 3, 2, 1, 0, Infinity, 1));
  step(() => {
    const [q, k, v] = [parameter([1, 1, 6]), tensor([1, 1], [1, 1, 2]), tensor([1, Number.NaN], [1, 1, 2])];
    extendContext(context, k, v);
    const scale = constantScale(3, 0.5);
    backward(attention(q, k, v, scale, undefined, context).out, new Array(6).fill(1));
    assert.is(scale.grad, undefined);
    const wide = tensor([1, 1, 1, 1], [1, 1, 4]);
    assert.throws(
      () => attention(q, wide, wide, scale, undefined, context),
      /keys \[1,1,4\] do not fit queries \[1,1,6\] of 3 heads/,
    );
    assert.throws(assertFiniteTape, /the output of attention is not finite/);
  });
});
