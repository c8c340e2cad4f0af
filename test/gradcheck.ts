/**
 * Checks an op against a plain TypeScript oracle: its values, and its gradients against central differences.
 *
 * The differences are taken through the oracle in double precision, where they are good to nine digits, instead of
 * through the float32 op, where they would drown in rounding. Knows nothing of particular ops.
 */
import * as assert from "uvu/assert";
import { backward, step } from "../src/autodiff/tape.ts";
import { parameter, sizeOf, type Tensor } from "../src/autodiff/tensor.ts";
import { Random } from "../src/base/random.ts";
import { threadCount, useThreads } from "../src/wasm/parallel.ts";

/** Double-precision values of an op's inputs, row-major, in the op's order. */
export type Oracle = (...inputs: Float64Array[]) => Float64Array;

export interface OpCheck {
  /** Shapes of the inputs that gradients flow into. */
  shapes: number[][];
  op: (...inputs: Tensor[]) => Tensor;
  oracle: Oracle;
  seed?: number;
  /** Allowed error, relative to the largest true value. */
  tolerance?: number;
  /** Replaces the normally distributed input values. */
  values?: (random: Random, shape: number[], input: number) => number[];
}

const DIFFERENCE = 1e-5;
/** The gradients before the backward, which must add to them. */
const EARLIER = 0.25;

/** Asserts |actual − expected| ≤ tolerance · max(1, max|expected|) for every element. */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string) {
  assert.is(actual.length, expected.length, `${what}: length`);
  let largest = 1;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    if (!(error <= tolerance * largest)) {
      assert.unreachable(`${what}: element ${i} is ${actual[i]}, the oracle says ${expected[i]}`);
    }
  }
}

/** Normally distributed numbers for an input of this shape. */
function normals(random: Random, shape: number[]): number[] {
  return Array.from({ length: sizeOf(shape) }, () => random.normal());
}

/** Runs `op` forward and backward on random inputs and compares both directions with the oracle. */
export function checkOp({ shapes, op, oracle, seed = 1, tolerance = 2e-5, values = normals }: OpCheck): void {
  const random = new Random(seed);
  const inputs = shapes.map((shape, i) => Float32Array.from(values(random, shape, i)));
  const exact = inputs.map((input) => Float64Array.from(input));
  const expected = oracle(...exact);
  const weights = Float32Array.from({ length: expected.length }, () => random.normal());

  const parameters = inputs.map((input, i) => parameter(shapes[i], input));
  for (const { grad } of parameters) grad?.fill(EARLIER);
  const actual = step(() => {
    const y = op(...parameters);
    backward(y, weights);
    return y.toArray();
  });
  assertClose(actual, expected, tolerance, "forward");

  const weighted = () => oracle(...exact).reduce((sum, y, i) => sum + y * weights[i], 0);
  for (const [i, input] of exact.entries()) {
    const differences = input.map((x, j) => {
      input[j] = x + DIFFERENCE;
      const above = weighted();
      input[j] = x - DIFFERENCE;
      const below = weighted();
      input[j] = x;
      return (above - below) / (2 * DIFFERENCE);
    });
    const gradient = parameters[i].grad?.toArray().map((sum) => sum - EARLIER) ?? [];
    assertClose(gradient, differences, tolerance * 5, `gradient of input ${i}`);
  }
}

export interface ThreadCheck extends Pick<OpCheck, "shapes" | "values"> {
  /** Returns tensors to compare; gradients flow from the first. */
  op: (...inputs: Tensor[]) => Tensor | Tensor[];
  /** How many threads are tried besides one; default: two. */
  threads?: number[];
}

/** Asserts that results and gradients of `op` have the same bits on any number of threads. */
export async function checkThreads({ shapes, op, values = normals, threads = [2] }: ThreadCheck): Promise<void> {
  const before = threadCount();
  const results: Float32Array[][] = [];
  for (const count of [1, ...threads]) {
    await useThreads(count);
    const random = new Random(8);
    const inputs = shapes.map((shape, i) => parameter(shape, values(random, shape, i)));
    const outputs = step(() => {
      const tensors = [op(...inputs)].flat();
      backward(tensors[0], normals(random, [tensors[0].size]));
      return tensors.map((tensor) => tensor.toArray());
    });
    results.push([...outputs, ...inputs.map(({ grad }) => grad!.toArray())]);
  }
  await useThreads(before);
  for (const [i, count] of threads.entries()) assert.equal(results[i + 1], results[0], `${count} threads`);
}
