/** The blend of local and retrieved attention, against plain loops. */
import * as assert from "uvu/assert";
import { blend } from "../../src/autodiff/ops/blend.ts";
import { step } from "../../src/autodiff/tape.ts";
import { parameter, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("blend");

test("a small example, written out: a logit of 0 takes half of each, one of ln 3 takes three quarters of `retrieved`", () => {
  step(() => {
    const [local, retrieved] = [tensor([0, 4, 0, 4], [1, 1, 4]), tensor([8, 0, 8, 0], [1, 1, 4])]; // two heads of width 2
    const { out, gates } = blend(local, retrieved, tensor([0, Math.log(3)], [1, 1, 2]), Int32Array.of(1));
    assert.equal(
      [...gates.toArray()].map((g) => Math.round(g * 1e6) / 1e6),
      [0.5, 0.75],
    );
    assert.equal(
      [...out.toArray()].map((x) => Math.round(x * 1e5) / 1e5),
      [4, 2, 6, 1],
    );
  });
});

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

for (const [rows, segment, heads, width] of [
  [1, 1, 1, 1],
  [2, 3, 2, 5],
  [3, 2, 3, 8],
]) {
  const counts = Int32Array.from({ length: rows }, (_, row) => (row === 1 ? 0 : 4));
  const wide = [rows, segment, heads * width];
  test(`the result is g · retrieved + (1 − g) · local, or local where nothing was retrieved, [${wide}]`, () => {
    checkOp({
      shapes: [wide, wide, [rows, segment, heads]],
      op: (local, retrieved, logit) => blend(local, retrieved, logit, counts).out,
      oracle: (local, retrieved, logit) =>
        local.map((x, i) => {
          const at = Math.floor(i / width);
          const empty = counts[Math.floor(at / heads / segment)] === 0;
          const g = empty ? 0 : sigmoid(logit[at]);
          return g * retrieved[i] + (1 - g) * x;
        }),
    });
  });
}

test("a row with an empty memory keeps local attention bit for bit, and its gates are 0", () => {
  const random = new Random(3);
  const values = (length: number) => Float32Array.from({ length }, () => random.normal());
  const [local, retrieved] = [parameter([1, 3, 10], values(30)), parameter([1, 3, 10], values(30))];
  const logit = parameter([1, 3, 2], values(6));
  const [out, gates] = step(() => {
    const blended = blend(local, retrieved, logit, Int32Array.of(0));
    return [blended.out.toArray(), blended.gates.toArray()];
  });
  assert.equal(out, local.toArray());
  assert.equal(gates, new Float32Array(6));
});

test("shapes that do not fit are refused", () => {
  const x = parameter([1, 2, 2], [1, 2, 3, 4]);
  const refused = /blend: local \[1,2,2\], retrieved \[1,2,2\], logit \[1,1,2\] and 1 counts do not fit/;
  step(() => assert.throws(() => blend(x, x, tensor([0, 0], [1, 1, 2]), Int32Array.of(1)), refused));
});
