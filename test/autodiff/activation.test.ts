/** Activations against their definitions, at lengths around the vector width and the unrolling. */
import * as assert from "uvu/assert";
import { gelu, relu } from "../../src/autodiff/ops/activation.ts";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import type { Random } from "../../src/base/random.ts";
import { checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("activations");

test("a small example, written out", () => {
  step(() => {
    const x = tensor([-1, 0, 1, 2]);
    assert.equal([...relu(x).toArray()], [0, 0, 1, 2]);
  });
});

function geluOracle(x: Float64Array): Float64Array {
  return x.map((v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));
}

/** Returns normal values moved away from 0, where relu lacks a derivative. */
function awayFrom0(random: Random, shape: number[]): number[] {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Array.from({ length: size }, () => {
    const x = random.normal();
    return x + Math.sign(x) * 0.01;
  });
}

for (const shape of [[0], [1], [3], [4], [5], [3, 5], [16], [17], [31], [3, 11, 2]]) {
  test(`relu and gelu of [${shape}] match their definitions and gradients`, () => {
    checkOp({ shapes: [shape], op: relu, oracle: (x) => x.map((v) => Math.max(v, 0)), values: awayFrom0 });
    checkOp({ shapes: [shape], op: gelu, oracle: geluOracle });
    checkOp({
      shapes: [shape],
      op: gelu,
      oracle: geluOracle,
      values: (random, of) => awayFrom0(random, of).map((v) => 6 * v),
    });
  });
}

test("gelu of more elements than one block matches its definition and gradient", () => {
  checkOp({ shapes: [[1030]], op: gelu, oracle: geluOracle });
});

test("relu and gelu pass a NaN through and accept the largest numbers", () => {
  step(() => {
    const extremes = [Number.NaN, 3e38, -3e38, Number.POSITIVE_INFINITY, -100];
    assert.equal(Array.from(relu(tensor(extremes)).toArray()), [
      Number.NaN,
      Math.fround(3e38),
      0,
      Number.POSITIVE_INFINITY,
      0,
    ]);
    const [nan, most, least, infinite, low] = gelu(tensor(extremes)).toArray();
    assert.ok(Number.isNaN(nan));
    assert.is(most, Math.fround(3e38));
    assert.ok(Math.abs(least) < 2);
    assert.is(infinite, Number.POSITIVE_INFINITY);
    assert.ok(Math.abs(low) < 1e-30);
  });
});
