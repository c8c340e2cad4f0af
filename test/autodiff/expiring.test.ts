/** Lists of what has not expired, their masks and what keeping costs, against plain loops. */
import * as assert from "uvu/assert";
import { extendContext } from "../../src/autodiff/ops/attention.ts";
import { expiringLists } from "../../src/autodiff/ops/expiring.ts";
import { listedAttention } from "../../src/autodiff/ops/listed.ts";
import { step } from "../../src/autodiff/tape.ts";
import { type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import type { Random } from "../../src/base/random.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { contextOf, pastOf } from "./contexts.ts";

const test = suite("expiring lists");

test("a small example, written out: a span of 1 and a ramp of 2", () => {
  const context = contextOf({ ...pastOf(1, 1, 1, 2, 2), first: [0] });
  step(() => {
    const [before, own] = [tensor([1, 1.5, 9, 9, 9, 9, 9], [1, 7, 1]), tensor([1, 1], [1, 2, 1])];
    const { lists, cost } = expiringLists(context, 1, { before, own, ramp: 2, most: 4 });
    // Token 2 is 1 and 2 tokens after the states 1 and 0, token 3 is 2 and 3 tokens after them.
    assert.equal([...heap.i32(lists.positions, 8)], [2, 1, 0, -1, 3, 2, 1, -1]);
    assertClose(lists.masks.toArray(), [1, 1, 0.5, 0, 1, 1, 0.75, 0], 1e-6, "masks");
    assertClose(cost.toArray(), [(1 + 1.5) / 2 / 2], 1e-6, "cost");
  });
});

interface Sizes {
  readonly rows: number;
  readonly heads: number;
  readonly width: number;
  readonly segment: number;
  readonly past: number;
  readonly most: number;
  readonly ramp: number;
}

/** Attention with every e^logit times m, and the cost of keeping, by the definition. */
function plain(sizes: Sizes, given: ReturnType<typeof pastOf>, capacity: number, inputs: Float64Array[]) {
  const { rows, heads, width, segment, past, most, ramp } = sizes;
  const [q, k, v, before, own] = inputs;
  const [out, lse] = [new Float64Array(q.length), new Float64Array(rows * segment * heads)];
  let cost = 0;
  const pair = (kind: "pastKeys" | "pastValues", fresh: Float64Array, b: number, j: number, h: number, d: number) =>
    j < past
      ? given[kind][((b * past + j) * heads + h) * width + d]
      : fresh[((b * segment + j - past) * heads + h) * width + d];
  for (let b = 0; b < rows; b++) {
    for (let i = 0; i < segment; i++) {
      for (let h = 0; h < heads; h++) {
        const at = ((b * segment + i) * heads + h) * width;
        let sum = 0;
        for (let j = Math.max(given.first[b], past + i - most + 1); j <= past + i; j++) {
          const span = j < past ? before[b * capacity + j] : own[b * segment + j - past];
          const m = Math.max(0, Math.min(1, 1 + (span - (past + i - j)) / ramp));
          if (h === 0 && m > 0 && m < 1) cost += span / ramp / rows / segment;
          let logit = 0;
          for (let d = 0; d < width; d++) logit += q[at + d] * pair("pastKeys", k, b, j, h, d);
          const weight = m * Math.exp(logit);
          sum += weight;
          for (let d = 0; d < width; d++) out[at + d] += weight * pair("pastValues", v, b, j, h, d);
        }
        for (let d = 0; d < width; d++) out[at + d] /= sum;
        lse[(b * segment + i) * heads + h] = Math.log(sum);
      }
    }
  }
  return { out, lse, cost: Float64Array.of(cost) };
}

for (const sizes of [
  { rows: 1, heads: 1, width: 1, segment: 1, past: 0, most: 1, ramp: 1 },
  { rows: 2, heads: 2, width: 3, segment: 5, past: 6, most: 9, ramp: 3 },
  { rows: 1, heads: 3, width: 5, segment: 9, past: 20, most: 17, ramp: 12 },
]) {
  const { rows, heads, width, segment, past, most, ramp } = sizes;
  test(`attention to what has not expired, and the cost of keeping, match the definition: ${JSON.stringify(sizes)}`, () => {
    const given = pastOf(rows, heads, width, segment, past);
    const context = contextOf(given);
    const { capacity } = context;
    const pairs = [rows, segment, heads * width];
    const spans = (random: Random, shape: number[], input: number) => {
      const length = shape.reduce((product, extent) => product * extent, 1);
      // Spans end between two tokens, so that a small change moves none over an end of its ramp.
      return Array.from({ length }, () => (input < 3 ? random.normal() : (random.uint32() % (most - ramp + 1)) + 0.3));
    };
    for (const part of ["out", "lse", "cost"] as const) {
      checkOp({
        shapes: [pairs, pairs, pairs, [rows, capacity, 1], [rows, segment, 1]],
        values: spans,
        op: (q: Tensor, k: Tensor, v: Tensor, before: Tensor, own: Tensor) => {
          extendContext(context, k, v);
          const { lists, cost } = expiringLists(context, heads, { before, own, ramp, most });
          const ones = tensor(new Float32Array(heads).fill(1));
          const found = { ...listedAttention(q, k, v, ones, undefined, context, lists), cost };
          return found[part];
        },
        oracle: (...inputs) => plain(sizes, given, capacity, inputs)[part],
        tolerance: 5e-5,
      });
    }
  });
}

test("spans that do not fit the contexts are named", () => {
  const context = contextOf(pastOf(2, 1, 1, 3, 4));
  step(() => {
    const [before, own] = [tensor([1, 2, 3], [1, 3, 1]), tensor(new Float32Array(6), [2, 3, 1])];
    assert.throws(
      () => expiringLists(context, 1, { before, own, ramp: 2, most: 4 }),
      /spans \[1,3,1\] and \[2,3,1\] do not fit 2 contexts of 10/,
    );
  });
});

test("a span that is NaN makes a mask that is NaN", () => {
  const context = contextOf({ ...pastOf(1, 1, 1, 2, 2), first: [0] });
  step(() => {
    const [before, own] = [tensor(new Float32Array(7).fill(9), [1, 7, 1]), tensor([Number.NaN, 9], [1, 2, 1])];
    const { lists } = expiringLists(context, 1, { before, own, ramp: 2, most: 4 });
    assert.ok(lists.masks.toArray().some(Number.isNaN));
  });
});
