/** Kernels that compute ranges of units: a range gives the same results as the whole, and nothing outside it is touched. */
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import type { Kernels } from "../../src/wasm/kernels.generated.ts";
import { heap, kernels } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";

const test = suite("ranges");

test("a small example, written out: elements [1, 3) of a sum", () => {
  const [z, x, y] = [
    [0, 0, 0, 0],
    [1, 2, 3, 4],
    [10, 20, 30, 40],
  ].map((numbers) => {
    const address = heap.allocate(16);
    heap.f32(address, 4).set(numbers);
    return address;
  });
  kernels.add(z, x, y, 1, 3);
  assert.equal([...heap.f32(z, 4)], [0, 22, 33, 0]);
  for (const address of [z, x, y]) heap.release(address);
});

/** Elements, or rows of a norm. */
const UNITS = 37;
const WIDTH = 7;
const SCRATCH_BYTES = 65_536;
type Range = readonly [from: number, to: number];

interface Case {
  readonly kernel: keyof Kernels;
  /** Floats per unit in each vector of the kernel. */
  readonly vectors: readonly number[];
  readonly numbers: readonly number[];
  /** Index of the vector of token ids, whole numbers below WIDTH. */
  readonly ids?: number;
}

const elementwise = (kernel: keyof Kernels, vectors: number, ...numbers: number[]): Case => {
  return { kernel, vectors: new Array(vectors).fill(1), numbers };
};
const cases: readonly Case[] = [
  elementwise("add", 3),
  elementwise("add_in_place", 2),
  elementwise("add_scaled", 2, 0.7),
  elementwise("scale", 2, 0.7),
  elementwise("copy", 2),
  elementwise("zero", 1),
  elementwise("relu_forward", 2),
  elementwise("relu_backward", 3, 0),
  elementwise("relu_backward", 3, 1),
  elementwise("sigmoid_weighted_forward", 2, 0),
  elementwise("sigmoid_weighted_forward", 2, 1),
  elementwise("sigmoid_weighted_backward", 3, 0),
  elementwise("sigmoid_weighted_backward", 3, 1),
  elementwise("gelu_erf_forward", 2),
  elementwise("gelu_erf_backward", 3),
  elementwise("gated_forward", 3, 0),
  elementwise("gated_gate_backward", 4, 1),
  elementwise("gated_up_backward", 3, 0),
  elementwise("elu_plus_one_forward", 2),
  elementwise("elu_plus_one_backward", 3),
  elementwise("sigmoid_forward", 2, 3),
  elementwise("sigmoid_backward", 3, 3),
  elementwise("dropout_forward", 2, 0.3, 5),
  elementwise("dropout_backward", 2, 0.3, 5),
  elementwise("adamw", 4, 1e-2, 0.9, 0.95, 1e-8, 0.1, 0.3, 0.2),
  { kernel: "rmsnorm_forward", vectors: [WIDTH, 1, WIDTH, WIDTH], numbers: [WIDTH, 1e-5] },
  { kernel: "rmsnorm_backward", vectors: [WIDTH, WIDTH, WIDTH, WIDTH, 1], numbers: [WIDTH] },
  { kernel: "rmsnorm_scale_backward", vectors: [1, WIDTH, WIDTH, WIDTH], numbers: [WIDTH, UNITS] }, // units are columns
  { kernel: "layernorm_forward", vectors: [WIDTH, 1, 1, WIDTH, WIDTH, WIDTH], numbers: [WIDTH, 1e-5] },
  { kernel: "layernorm_backward", vectors: [WIDTH, WIDTH, WIDTH, WIDTH, 1, 1], numbers: [WIDTH] },
  { kernel: "layernorm_weight_backward", vectors: [1, WIDTH, WIDTH, WIDTH, WIDTH], numbers: [WIDTH, UNITS] }, // columns
  { kernel: "add_rows", vectors: [1, WIDTH], numbers: [WIDTH, UNITS] }, // units are columns
  { kernel: "add_to_rows", vectors: [WIDTH, WIDTH], numbers: [WIDTH] },
  { kernel: "softmax_forward", vectors: [WIDTH, WIDTH], numbers: [WIDTH] },
  { kernel: "softmax_backward", vectors: [WIDTH, WIDTH, WIDTH], numbers: [WIDTH] },
  { kernel: "cross_entropy_forward", vectors: [1, 2, 1, WIDTH, 1], numbers: [WIDTH], ids: 4 },
  { kernel: "cross_entropy_backward", vectors: [WIDTH, 1, WIDTH, 1, 1], numbers: [WIDTH, UNITS], ids: 3 },
  { kernel: "l2norm_forward", vectors: [WIDTH, 1, WIDTH], numbers: [WIDTH] },
  { kernel: "l2norm_backward", vectors: [WIDTH, WIDTH, WIDTH, 1], numbers: [WIDTH, 0] },
  { kernel: "l2norm_backward", vectors: [WIDTH, WIDTH, WIDTH, 1], numbers: [WIDTH, 1] },
];

/** Returns the bits of all vectors, filled with the same positive numbers at first, after the kernel has computed the ranges. */
function after({ kernel, vectors, numbers, ids }: Case, ranges: readonly Range[]): Int32Array[] {
  const random = new Random(3);
  const addresses = vectors.map((floats) => heap.allocate(UNITS * floats * 4));
  for (const [i, address] of addresses.entries()) {
    const view = heap.f32(address, UNITS * vectors[i]);
    for (let at = 0; at < view.length; at++) view[at] = 0.1 + random.next();
  }
  if (ids !== undefined) heap.i32(addresses[ids], UNITS).set(Int32Array.from({ length: UNITS }, (_, i) => i % WIDTH));
  const call = kernels[kernel] as (...all: number[]) => void;
  const scratch = heap.allocate(SCRATCH_BYTES); // some kernels need it
  for (const range of ranges) call(...addresses, ...numbers, ...range, scratch);
  heap.release(scratch);
  const results = addresses.map((address, i) => heap.i32(address, UNITS * vectors[i]).slice());
  for (const address of addresses) heap.release(address);
  return results;
}

for (const each of cases) {
  test(`${each.kernel}(${each.numbers}) gives the same results for all units at once and in ranges, in any order`, () => {
    const parts: Range[] = [
      [22, UNITS],
      [0, 5],
      [5, 5],
      [5, 22],
    ];
    assert.equal(after(each, parts), after(each, [[0, UNITS]]));
  });

  test(`${each.kernel}(${each.numbers}) touches nothing outside its range`, () => {
    const [part, whole, before] = [after(each, [[5, 22]]), after(each, [[0, UNITS]]), after(each, [])];
    for (const [i, floats] of each.vectors.entries()) {
      const [from, to] = [5 * floats, 22 * floats];
      part[i].forEach((value, at) => {
        assert.is(value, (at >= from && at < to ? whole : before)[i][at], `vector ${i}, element ${at}`);
      });
    }
    assert.not.equal(part, before);
  });
}
