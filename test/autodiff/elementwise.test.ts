/** Sums, factors and activations against their definitions, at lengths around the vector width and the unrolling. */
import * as assert from "uvu/assert";
import {
  add,
  gatedActivation,
  gelu,
  geluErf,
  relu,
  repeat,
  scale,
  scaleRows,
  sigmoid,
  silu,
  subtract,
} from "../../src/autodiff/ops/elementwise.ts";
import { assertFiniteTape, backward, step } from "../../src/autodiff/tape.ts";
import { parameter, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import type { Random } from "../../src/base/random.ts";
import { assertClose, checkOp, checkThreads } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("elementwise ops");

test("a small example, written out", () => {
  step(() => {
    const [x, y] = [tensor([-1, 0, 1, 2]), tensor([10, 20, 30, 40])];
    assert.equal([...add(x, y).toArray()], [9, 20, 31, 42]);
    assert.equal([...subtract(y, x).toArray()], [11, 20, 29, 38]);
    assert.equal([...scale(x, 3).toArray()], [-3, 0, 3, 6]);
    assert.equal([...repeat(tensor([1, 2]), [3]).toArray()], [1, 2, 1, 2, 1, 2]);
    const [none, behind] = [repeat(tensor([1, 2]), [2, 0]), tensor([5, 6])];
    assert.equal([none.size, ...behind.toArray()], [0, 5, 6]);
  });
});

for (const shape of [[0], [1], [3], [4], [5], [3, 5], [16], [17], [31], [3, 11, 2]]) {
  test(`add, subtract and scale of [${shape}] match their definitions and gradients`, () => {
    checkOp({ shapes: [shape, shape], op: add, oracle: (x, y) => x.map((v, i) => v + y[i]) });
    checkOp({ shapes: [shape, shape], op: subtract, oracle: (x, y) => x.map((v, i) => v - y[i]) });
    checkOp({ shapes: [shape], op: (x) => scale(x, -1.75), oracle: (x) => x.map((v) => -1.75 * v) });
  });
}

for (const shape of [[1], [3], [2, 0], [1, 5], [3, 4], [5, 17], [2, 3, 11]]) {
  test(`scaleRows multiplies each of ${shape[0]} rows of [${shape}] by a factor of its own`, () => {
    const factors = Array.from({ length: shape[0] }, (_, row) => 0.5 * row - 1);
    const oracle = (x: Float64Array) => x.map((v, i) => factors[Math.floor((i * shape[0]) / x.length)] * v);
    checkOp({ shapes: [shape], op: (x) => scaleRows(x, factors), oracle });
  });
}

test("scaleRows refuses another number of factors than rows, and factors that are not finite", () => {
  for (const factors of [[], [1, 2], [1, 2, Number.NaN], [1, 2, 3, 4]]) {
    step(() =>
      assert.throws(() => scaleRows(tensor([1, 2, 3], [3, 1]), factors), /factors: got .*a list of 3 finite numbers/),
    );
  }
});

const repeats: [number, number[]][] = [
  [1, [1]],
  [2, [3]],
  [3, [2, 5]],
  [5, [1, 7]],
];
for (const [width, outer] of repeats) {
  test(`repeat puts [${width}] into every place of [${outer}], and sums their gradients`, () => {
    checkOp({
      shapes: [[width]],
      op: (x) => repeat(x, outer),
      oracle: (x) => Float64Array.from({ length: width * outer.reduce((a, b) => a * b, 1) }, (_, i) => x[i % width]),
    });
  });
}

test("adding a tensor to itself counts its gradient twice", () => {
  checkOp({ shapes: [[7]], op: (x) => add(x, x), oracle: (x) => x.map((v) => 2 * v) });
});

test("add and subtract refuse shapes that differ", () => {
  step(() => assert.throws(() => subtract(tensor([1, 2]), tensor([1])), /subtract: \[2\] and \[1\] differ/));
  step(() => assert.throws(() => add(tensor([1, 2]), tensor([1, 2], [2, 1])), /add: \[2\] and \[2,1\] differ/));
});

test("activations, written out", () => {
  step(() => {
    const x = tensor([-1, 0, 1, 2]);
    assert.equal([...relu(x).toArray()], [0, 0, 1, 2]);
    assertClose(silu(tensor([0, Math.log(3)])).toArray(), [0, 0.75 * Math.log(3)], 1e-6, "silu: sigmoid(ln 3) is 3/4");
    assertClose(
      gatedActivation(tensor([0, Math.log(3)]), tensor([7, 4]), "silu").toArray(),
      [0, 3 * Math.log(3)],
      1e-6,
      "gated",
    );
    assertClose(geluErf(tensor([-1, 0, 1])).toArray(), [-0.1586553, 0, 0.8413447], 1e-6, "one σ: 15.9 % are below");
  });
});

function geluOracle(x: Float64Array): Float64Array {
  return x.map((v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));
}

function siluOracle(x: Float64Array): Float64Array {
  return x.map((v) => v / (1 + Math.exp(-v)));
}

/** erf by its Taylor series, or near its limits by the continued fraction of erfc; good to 12 digits. */
function erf(x: number): number {
  if (Math.abs(x) > 3) return Math.sign(x) * (1 - erfc(Math.abs(x)));
  let [term, sum] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function erfc(x: number): number {
  let fraction = x;
  for (let n = 60; n > 0; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}

function geluErfOracle(x: Float64Array): Float64Array {
  return x.map((v) => (v < -3 ? (v * erfc(-v * Math.SQRT1_2)) / 2 : 0.5 * v * (1 + erf(v * Math.SQRT1_2))));
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

for (const shape of [[0], [1], [3], [4], [5], [3, 5], [16], [17], [31], [3, 11, 2]]) {
  const wide = (random: Random, of: number[]) => awayFrom0(random, of).map((v) => 3 * v);
  test(`silu, the exact gelu and gates of [${shape}] match their definitions and gradients`, () => {
    checkOp({ shapes: [shape], op: silu, oracle: siluOracle });
    checkOp({ shapes: [shape], op: silu, oracle: siluOracle, values: wide });
    checkOp({ shapes: [shape], op: geluErf, oracle: geluErfOracle });
    checkOp({ shapes: [shape], op: geluErf, oracle: geluErfOracle, values: wide });
    for (const [kind, oracle] of [["silu", siluOracle] as const, ["gelu_tanh", geluOracle] as const]) {
      checkOp({
        shapes: [shape, shape],
        op: (gate, up) => gatedActivation(gate, up, kind),
        oracle: (gate, up) => oracle(gate).map((v, i) => v * up[i]),
      });
    }
  });
}

test("erf in the exact gelu is within 2e-7 below 0, where the result's own rounding is small, on a grid from -9", () => {
  const x = Float32Array.from({ length: 72_000 }, (_, i) => (i - 72_000) / 8000);
  const y = step(() => geluErf(tensor(x)).toArray());
  const errors = [...x].map((v, i) => Math.abs((2 * y[i]) / v - 1 - erf(v * Math.SQRT1_2)));
  const worst = errors.reduce((most, error) => Math.max(most, error));
  assert.ok(worst < 2e-7, `${worst}`);
});

test("the exact gelu keeps its leading digits far below 0", () => {
  for (const x of [-3, -4, -5, -6, -8]) {
    const [expected] = geluErfOracle(Float64Array.of(x));
    const [actual] = step(() => geluErf(tensor([x])).toArray());
    assert.ok(Math.abs(actual / expected - 1) < 1e-4, `${x}: ${actual}, not ${expected}`);
  }
});

test("activations of more elements than one block match their definitions and gradients", () => {
  checkOp({ shapes: [[1030]], op: gelu, oracle: geluOracle });
  checkOp({ shapes: [[1030]], op: silu, oracle: siluOracle });
  checkOp({ shapes: [[1030]], op: geluErf, oracle: geluErfOracle });
  checkOp({
    shapes: [[1030], [1030]],
    op: (gate, up) => gatedActivation(gate, up, "silu"),
    oracle: (gate, up) => siluOracle(gate).map((v, i) => v * up[i]),
  });
});

test("activations of many elements have the same bits on one thread and on two, forward and backward", async () => {
  for (const op of [relu, gelu, silu, geluErf]) await checkThreads({ shapes: [[40_001]], op });
  await checkThreads({ shapes: [[40_001], [40_001]], op: (gate, up) => gatedActivation(gate, up, "silu") });
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

test("silu and the exact gelu pass a NaN through and accept the largest numbers, and gradients there are finite", () => {
  for (const op of [silu, geluErf]) {
    const [nan, most, least, infinite] = step(() => op(tensor([Number.NaN, 3e38, -3e38, Infinity])).toArray());
    assert.ok(Number.isNaN(nan));
    assert.is(most, Math.fround(3e38));
    assert.ok(Math.abs(least) < 2);
    assert.is(infinite, Infinity);
    const x = parameter([3], [3e38, -1e20, 1e20]);
    step(() => backward(op(x), [1, 1, 1]));
    assert.equal(
      [...x.grad!.toArray()].map((slope) => Math.abs(Math.round(slope))),
      [1, 0, 1],
      op.name,
    );
  }
});

test("a NaN is named by its op", () => {
  const ops = { silu, geluErf, gatedActivation: (x: Tensor) => gatedActivation(x, x, "gelu_tanh") };
  for (const [name, op] of Object.entries(ops)) {
    step(() => {
      op(tensor([1, Number.NaN]));
      assert.throws(assertFiniteTape, new RegExp(`the output of ${name} is not finite`));
    });
  }
});

test("a gate refuses another shape and another kind", () => {
  step(() => {
    const [two, three] = [tensor([1, 2]), tensor([1, 2, 3])];
    assert.throws(() => gatedActivation(two, three, "silu"), /a gate \[2\] and up \[3\] differ/);
    assert.throws(() => gatedActivation(two, two, "relu" as "silu"), /kind: got "relu"; it must be/);
  });
});

for (const height of [1, 37]) {
  for (const size of [1, 3, 4, 9]) {
    test(`the sigmoid of height ${height} and its gradient match the definition: ${size} numbers`, () => {
      checkOp({
        shapes: [[size]],
        op: (x) => sigmoid(x, height),
        oracle: (x) => x.map((value) => height / (1 + Math.exp(-value))),
      });
    });
  }
}
