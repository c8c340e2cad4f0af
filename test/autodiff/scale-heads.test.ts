/** A factor for each head, and the mean of squares, against their formulas. */
import * as assert from "uvu/assert";
import { meanSquare } from "../../src/autodiff/ops/mean-square.ts";
import { scaleHeads } from "../../src/autodiff/ops/scale-heads.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { detached, parameter, tensor } from "../../src/autodiff/tensor.ts";
import { checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("scaled heads, means of squares");

test("small examples, written out", () => {
  step(() => {
    const scaled = scaleHeads(tensor([1, 2, 3, 4], [1, 1, 4]), tensor([10, -2]));
    assert.equal([...scaled.toArray()], [10, 20, 6, 8]);
    assert.is(meanSquare(tensor([3, 4])).item(), 12.5);
    assert.is(meanSquare(tensor([])).item(), 0);
  });
});

for (const [rows, heads, width] of [
  [1, 1, 1],
  [3, 2, 5],
  [2, 3, 4],
  [5, 1, 9],
]) {
  test(`heads and their gradients match the product: ${rows} rows of ${heads} heads of ${width}`, () => {
    checkOp({
      shapes: [[rows, heads * width], [heads]],
      op: scaleHeads,
      oracle: (x, scale) => x.map((value, i) => Math.abs(scale[Math.floor(i / width) % heads]) * value),
    });
  });
}

for (const size of [1, 3, 4, 17]) {
  test(`the mean of ${size} squares and its gradient match the formula`, () => {
    checkOp({
      shapes: [[size]],
      op: meanSquare,
      oracle: (x) => Float64Array.of(x.reduce((sum, value) => sum + value * value, 0) / size),
    });
  });
}

test("gradients stop at a detached tensor, which has the same numbers", () => {
  const x = parameter([3], [1, 2, 3]);
  step(() => {
    const constant = detached(x);
    assert.equal([...constant.toArray()], [1, 2, 3]);
    const y = scaleHeads(constant, parameter([1], [2]));
    backward(y, [1, 1, 1]);
  });
  assert.equal([...(x.grad?.toArray() ?? [])], [0, 0, 0]);
});

test("heads that do not divide the last axis are refused", () => {
  step(() => assert.throws(() => scaleHeads(tensor([1, 2, 3]), tensor([1, 1])), /\[3\] is not a multiple of 2 heads/));
});
