/** A past of random pairs, a context that holds it, and the comparison of attentions to it with plain loops. */
import {
  type AttentionContext,
  type attention,
  extendContext,
  positionBuckets,
} from "../../src/autodiff/ops/attention.ts";
import { persistentTensor, type Tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { checkOp } from "../gradcheck.ts";
import type { Exact, LocalCase, Operands } from "../oracle/attention.ts";

/** An empty context of one row, with room for `capacity` positions of `width` numbers. */
export function emptyContext(capacity: number, width = 1): AttentionContext {
  const room = () => persistentTensor([1, capacity, width]);
  return { keys: room(), values: room(), capacity, past: 0, first: Int32Array.of(0), window: Number.POSITIVE_INFINITY };
}

/** A case of these sizes, whose rows begin at different positions. */
export function pastOf(
  rows: number,
  heads: number,
  width: number,
  segment: number,
  past: number,
  window = Number.POSITIVE_INFINITY,
  kvHeads = heads,
): LocalCase {
  const random = new Random(rows + heads * 7 + width * 31 + segment * 101);
  const pairs = () => Float32Array.from({ length: rows * past * kvHeads * width }, () => random.normal());
  const first = Array.from({ length: rows }, (_, row) => (row * 3) % (past + 1));
  return { rows, heads, kvHeads, width, segment, past, window, first, pastKeys: pairs(), pastValues: pairs() };
}

/** The past in a context with room to spare, so that strides differ from lengths. */
export function contextOf(given: LocalCase): AttentionContext {
  const { rows, heads, kvHeads = heads, width, segment, past, window, block, first } = given;
  const [capacity, stride] = [past + segment + 3, kvHeads * width];
  const fill = (from: Float32Array) => {
    const values = new Float32Array(rows * capacity * stride);
    for (let b = 0; b < rows; b++)
      values.set(from.subarray(b * past * stride, (b + 1) * past * stride), b * capacity * stride);
    return persistentTensor([rows, capacity, stride]).set(values);
  };
  const [keys, values] = [fill(given.pastKeys), fill(given.pastValues)];
  return { keys, values, capacity, past, first: Int32Array.from(first), window, block };
}

/** Compares `part` of an attention, and its gradients, with the definition. */
export function checkAttention(
  given: LocalCase,
  part: "out" | "lse",
  withBias: boolean,
  attend: typeof attention,
  plain: (...operands: Operands) => Exact,
): void {
  const { rows, heads, kvHeads = heads, width, segment } = given;
  const context = contextOf(given);
  const [queries, pairs] = [heads, kvHeads].map((count) => [rows, segment, count * width]);
  checkOp({
    shapes: [queries, pairs, pairs, [heads], ...(withBias ? [[heads, 32]] : [])],
    op: (q: Tensor, k: Tensor, v: Tensor, scale: Tensor, table?: Tensor) => {
      extendContext(context, k, v);
      const bias = table && { table, buckets: positionBuckets(context.capacity) };
      return attend(q, k, v, scale, bias, context)[part];
    },
    oracle: (q, k, v, scale, table = new Float64Array(0)) => plain(q, k, v, scale, table)[part],
    tolerance: 5e-5,
  });
}
