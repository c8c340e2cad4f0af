/** Sums and factors against their definitions, at lengths around the vector width and the unrolling. */
import * as assert from "uvu/assert";
import { add, logAddExp, repeat, scale, subtract } from "../../src/autodiff/ops/elementwise.ts";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("elementwise ops");

test("a small example, written out", () => {
  step(() => {
    const [x, y] = [tensor([-1, 0, 1, 2]), tensor([10, 20, 30, 40])];
    assert.equal([...add(x, y).toArray()], [9, 20, 31, 42]);
    assert.equal([...subtract(y, x).toArray()], [11, 20, 29, 38]);
    assert.equal([...scale(x, 3).toArray()], [-3, 0, 3, 6]);
    assert.equal([...repeat(tensor([1, 2]), [3]).toArray()], [1, 2, 1, 2, 1, 2]);
    const [three, least] = [Math.log(3), -3.4e38];
    const sums = logAddExp(tensor([0, three, least, 5]), tensor([0, 0, -7, least]));
    assertClose(
      sums.toArray(),
      [Math.log(2), Math.log(4), -7, 5],
      1e-7,
      "ln (1 + 1), ln (3 + 1), and a summand that is nothing",
    );
  });
});

for (const shape of [[0], [1], [3], [4], [5], [3, 5], [16], [17], [31], [3, 11, 2]]) {
  test(`add, subtract and scale of [${shape}] match their definitions and gradients`, () => {
    checkOp({ shapes: [shape, shape], op: add, oracle: (x, y) => x.map((v, i) => v + y[i]) });
    checkOp({ shapes: [shape, shape], op: subtract, oracle: (x, y) => x.map((v, i) => v - y[i]) });
    checkOp({
      shapes: [shape, shape],
      op: logAddExp,
      oracle: (x, y) => x.map((v, i) => Math.log(Math.exp(v) + Math.exp(y[i]))),
    });
    checkOp({ shapes: [shape], op: (x) => scale(x, -1.75), oracle: (x) => x.map((v) => -1.75 * v) });
  });
}

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
  step(() => assert.throws(() => logAddExp(tensor([1, 2]), tensor([1])), /logAddExp: \[2\] and \[1\] differ/));
  step(() => assert.throws(() => add(tensor([1, 2]), tensor([1, 2], [2, 1])), /add: \[2\] and \[2,1\] differ/));
});
