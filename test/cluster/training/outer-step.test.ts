/** The outer step of a training in rounds, by head. */
import * as assert from "uvu/assert";
import { outerStep } from "../../../src/cluster/training/outer-step.ts";
import { suite } from "../../harness.ts";

const test = suite("outer step");

test("a small example, written out: two steps with rate 0.5 and momentum 0.5", () => {
  const [weights, velocity] = [Float32Array.of(8, -2), new Float32Array(2)];
  const options = { rate: 0.5, momentum: 0.5 };
  // Δ = (¼·(8 − 4) + ¾·(8 − 8), …) = (1, −3), v = (1, −3), θ −= 0.5·(1.5·Δ)
  const first = [
    { weight: 1, weights: Float32Array.of(4, 10) },
    { weight: 3, weights: Float32Array.of(8, -2) },
  ];
  outerStep(weights, velocity, first, options);
  assert.equal([...weights, ...velocity], [7.25, 0.25, 1, -3]);
  // Nobody has moved: Δ = 0, v = (0.5, −1.5), θ −= 0.5·0.5·v
  outerStep(weights, velocity, [{ weight: 2, weights: weights.slice() }], options);
  assert.equal([...weights, ...velocity], [7.125, 0.625, 0.5, -1.5]);
});

test("with rate 1, no momentum and one arrival, the weights are where it arrived", () => {
  const arrived = Float32Array.from({ length: 99 }, (_, i) => Math.sin(i) * 10 ** (i % 7));
  const weights = arrived.map((value, i) => Math.fround(value * (1 + 1e-3 * Math.cos(i))));
  outerStep(weights, new Float32Array(99), [{ weight: 5, weights: arrived }], { rate: 1, momentum: 0 });
  assert.equal([...weights], [...arrived]);
});
