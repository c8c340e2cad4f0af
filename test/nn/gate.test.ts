/** The gate's policies: each against its equation and central differences. */
import * as assert from "uvu/assert";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { type GatePolicy, gateLogit } from "../../src/nn/gate.ts";
import { checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("gate");

test("a small example, written out: one token, two heads", () => {
  step(() => {
    const x = tensor([2, 1], [1, 1, 2]); // C = 2
    const [bias, weight] = [tensor([0.5, -1]), tensor([1, 0, 0, 3], [2, 2])];
    const [retrieved, local] = [tensor([4, 5], [1, 1, 2]), tensor([1, 7], [1, 1, 2])];
    const logit = (policy: GatePolicy) => [...gateLogit({ policy, bias, weight }, x, retrieved, local).toArray()];
    assert.equal(logit("gate"), [0.5, -1], "the bias of each head");
    assert.equal(logit("joint"), [3, -2], "the difference of the two logsumexps");
    assert.equal(logit("content"), [2.5, 2], "w·x + b");
  });
});

for (const [rows, segment, width, heads] of [
  [1, 1, 1, 1],
  [2, 3, 5, 3],
  [3, 1, 8, 2],
]) {
  const lse = [rows, segment, heads];
  test(`all policies of ${heads} heads over [${rows}, ${segment}, ${width}] match their equations and gradients`, () => {
    checkOp({
      shapes: [[heads]],
      op: (bias) =>
        gateLogit({ policy: "gate", bias }, tensor(new Float32Array(rows * segment), [rows, segment, 1]), bias, bias),
      oracle: (bias) => Float64Array.from({ length: rows * segment * heads }, (_, i) => bias[i % heads]),
    });
    checkOp({
      shapes: [lse, lse],
      op: (retrieved, local) => gateLogit({ policy: "joint" }, retrieved, retrieved, local),
      oracle: (retrieved, local) => retrieved.map((value, i) => value - local[i]),
    });
    checkOp({
      shapes: [[rows, segment, width], [heads, width], [heads]],
      op: (x, weight, bias) => gateLogit({ policy: "content", bias, weight }, x, x, x),
      oracle: (x, weight, bias) =>
        Float64Array.from({ length: rows * segment * heads }, (_, i) => {
          const [token, head] = [Math.floor(i / heads), i % heads];
          let sum = bias[head];
          for (let c = 0; c < width; c++) sum += weight[head * width + c] * x[token * width + c];
          return sum;
        }),
    });
  });
}
