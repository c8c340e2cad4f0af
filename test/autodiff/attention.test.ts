/** Local attention with past, window, bias and learned scale, against plain loops; odd sizes everywhere. */
import { type AttentionContext, attention, extendContext } from "../../src/autodiff/ops/attention.ts";
import { step } from "../../src/autodiff/tape.ts";
import { persistentTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { positionBuckets } from "../../src/nn/positions.ts";
import { threadCount } from "../../src/wasm/parallel.ts";
import { heap, kernels } from "../../src/wasm/runtime.ts";
import { scratch } from "../../src/wasm/scratch.ts";
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
): LocalCase {
  const random = new Random(rows + heads * 7 + width * 31 + segment * 101);
  const first = Array.from({ length: rows }, (_, row) => (row * 3) % (past + 1));
  const size = rows * past * heads * width;
  const [pastKeys, pastValues] = [randomFloats(random, size), randomFloats(random, size)];
  return { rows, heads, width, segment, past, window, first, pastKeys, pastValues };
}

/** Returns the case's past in a context with some room to spare, so that strides differ from lengths. */
function makeContext({
  rows,
  heads,
  width,
  segment,
  past,
  window,
  first,
  pastKeys,
  pastValues,
}: LocalCase): AttentionContext {
  const capacity = past + segment + 3;
  const stride = heads * width;
  const fill = (from: Float32Array) => {
    const values = new Float32Array(rows * capacity * stride);
    for (let b = 0; b < rows; b++) {
      values.set(from.subarray(b * past * stride, (b + 1) * past * stride), b * capacity * stride);
    }
    return persistentTensor([rows, capacity, stride]).set(values);
  };
  return { keys: fill(pastKeys), values: fill(pastValues), capacity, past, first: Int32Array.from(first), window };
}

function checkCase(given: LocalCase, withBias: boolean, part: "out" | "lse"): void {
  const { rows, heads, width, segment } = given;
  const context = makeContext(given);
  const pairs = [rows, segment, heads * width];
  const shapes = [pairs, pairs, pairs, [heads], ...(withBias ? [[heads, 32]] : [])];
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

test("scores beyond a query's own position are never read", () => {
  const bytes = kernels.attention_scratch_bytes(133, 3) * threadCount();
  heap.f32(scratch(bytes), bytes / 4).fill(Number.NaN);
  checkCase(makeCase(1, 1, 3, 133, 0, Number.POSITIVE_INFINITY), true, "out");
});
