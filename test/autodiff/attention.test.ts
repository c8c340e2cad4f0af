/** Local attention with past, window, bias and learned scale, against plain loops; odd sizes everywhere. */
import * as assert from "uvu/assert";
import { attention, constantScale, extendContext } from "../../src/autodiff/ops/attention.ts";
import { assertFiniteTape, backward, step } from "../../src/autodiff/tape.ts";
import { parameter, tensor } from "../../src/autodiff/tensor.ts";
import { threadCount } from "../../src/wasm/parallel.ts";
import { heap, kernels, scratch } from "../../src/wasm/runtime.ts";
import { assertClose, checkThreads } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { type LocalCase, localAttention } from "../oracle/attention.ts";
import { checkAttention, contextOf, emptyContext, pastOf } from "./contexts.ts";

const test = suite("attention op");

test("a small example, written out: a query of 0 takes the mean of the values so far", () => {
  const context = emptyContext(3);
  step(() => {
    const [q, k, v] = [tensor([0, 0, 0], [1, 3, 1]), tensor([1, -1, 1], [1, 3, 1]), tensor([2, 4, 9], [1, 3, 1])];
    extendContext(context, k, v);
    const { out, lse } = attention(q, k, v, tensor([1]), undefined, context);
    assertClose(out.toArray(), [2, 3, 5], 1e-6, "out");
    assertClose(lse.toArray(), [Math.log(1), Math.log(2), Math.log(3)], 1e-6, "lse");
  });
});

function checkCase(given: LocalCase, withBias: boolean, part: "out" | "lse"): void {
  checkAttention(given, part, withBias, attention, (...inputs) => localAttention(given, ...inputs));
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
  test(`output and gradients match the definition: ${title}`, () => checkCase(pastOf(...given), true, "out"));
  test(`the logsumexp and its gradients match as well, without a bias: ${title}`, () =>
    checkCase(pastOf(...given), false, "lse"));
}

test("a segment longer than one block of queries matches the definition", () => {
  checkCase(pastOf(1, 1, 2, 70, 11, 30), true, "out");
});

for (const block of [1, 3, 5, 64]) {
  test(`with blocks of ${block}, a query sees only its own block, and so do the gradients`, () => {
    checkCase({ ...pastOf(2, 2, 3, 13, 9, 9), block }, true, "out");
    checkCase({ ...pastOf(1, 1, 4, 1, 6, Number.POSITIVE_INFINITY), block }, true, "lse");
    checkCase({ ...pastOf(1, 1, 2, 70, 0, Number.POSITIVE_INFINITY), block }, false, "out");
  });
}

test("scores beyond a query's own position are never read", () => {
  const bytes = kernels.attention_scratch_bytes(133, 3) * threadCount();
  heap.f32(scratch(bytes), bytes / 4).fill(Number.NaN);
  checkCase(pastOf(1, 1, 3, 133, 0, Number.POSITIVE_INFINITY), true, "out");
});

test("grouped queries, written out: heads 0 and 1 read the first kv head, 2 and 3 the second", () => {
  const context = emptyContext(1, 2);
  step(() => {
    const [q, k, v] = [tensor([1, 1, 1, 1], [1, 1, 4]), tensor([0, 0], [1, 1, 2]), tensor([5, 7], [1, 1, 2])];
    extendContext(context, k, v);
    assert.equal([...attention(q, k, v, constantScale(4, 0.5), undefined, context).out.toArray()], [5, 5, 7, 7]);
  });
});

test("a sliding window of 2 keys, written out: a query of 0 takes the mean of its own value and the one before", () => {
  const context = { ...emptyContext(3), window: 2 - 1 };
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
    checkCase(pastOf(...given), true, "out");
    checkCase(pastOf(...given), false, "lse");
  });
}

test("grouped queries give bit-identical results on 1, 2 and 3 threads", async () => {
  await checkThreads({
    shapes: [6, 3, 3].map((heads) => [2, 71, heads * 5]),
    op: (q, k, v) => {
      const context = contextOf(pastOf(2, 6, 5, 71, 9, 40, 3));
      extendContext(context, k, v);
      return attention(q, k, v, constantScale(6, 0.4), undefined, context).out;
    },
    threads: [2, 3],
  });
});

test("a constant scale gets no gradient; kv heads that do not divide the heads are refused; a NaN is named", () => {
  const context = contextOf(pastOf(1, 3, 2, 1, 0, Infinity, 1));
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
