/** The blend of local and retrieved attention, against plain loops; two attentions joined. */
import * as assert from "uvu/assert";
import { blend, joinAttention, logAddExp } from "../../src/autodiff/ops/blend.ts";
import { step } from "../../src/autodiff/tape.ts";
import { parameter, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
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

test("sums of exponentials, written out: ln (1 + 1), ln (3 + 1), and a summand that is nothing", () => {
  step(() => {
    const [three, least] = [Math.log(3), -3.4e38];
    const sums = logAddExp(tensor([0, three, least, 5]), tensor([0, 0, -7, least]));
    assertClose(sums.toArray(), [Math.log(2), Math.log(4), -7, 5], 1e-7, "logAddExp");
  });
});

test("joined, written out: sums of 1 and 3 share the answer as ¼ and ¾; a row without other pairs keeps its own", () => {
  step(() => {
    const one = { out: tensor([0, 7], [2, 1, 1]), lse: tensor([0, 5], [2, 1, 1]) };
    const other = { out: tensor([4, 0], [2, 1, 1]), lse: tensor([Math.log(3), -3.4e38], [2, 1, 1]) };
    const undefinedOut = tensor([4, Number.NaN], [2, 1, 1]); // of a row without pairs
    const { out, lse, gates } = joinAttention(one, { ...other, out: undefinedOut, counts: Int32Array.of(1, 0) });
    assertClose(out.toArray(), [3, 7], 1e-6, "out");
    assertClose(lse.toArray(), [Math.log(4), 5], 1e-6, "lse");
    assertClose(gates.toArray(), [0.75, 0], 1e-6, "gates");
    assertClose(joinAttention(one, other).out.toArray(), [3, 7], 1e-6, "a query that saw nothing in the other");
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

for (const shape of [[0], [1], [3], [4], [5], [3, 5], [16], [17], [31], [3, 11, 2]]) {
  test(`sums of exponentials of [${shape}] match their definition and gradients`, () => {
    checkOp({
      shapes: [shape, shape],
      op: logAddExp,
      oracle: (x, y) => x.map((v, i) => Math.log(Math.exp(v) + Math.exp(y[i]))),
    });
  });
}

test("shapes that differ have no sums of exponentials", () => {
  step(() => assert.throws(() => logAddExp(tensor([1, 2]), tensor([1])), /logAddExp: \[2\] and \[1\] differ/));
});
