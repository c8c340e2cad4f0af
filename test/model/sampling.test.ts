import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { type SamplingOptions, sampleToken } from "../../src/model/sampling.ts";
import { suite } from "../harness.ts";

const test = suite("sampling");

const everything: SamplingOptions = { temperature: 1, topK: 0, topP: 1 };
/** Probabilities 0.5, 0.125, 0.25, 0.125 and 0. */
const logits = Float32Array.of(Math.log(4), 0, Math.log(2), 0, -Infinity);

/** Returns the share of draws of each id. */
function shares(options: Partial<SamplingOptions>, draws = 20000, of = logits): number[] {
  const random = new Random(11);
  const counts = new Array(of.length).fill(0);
  for (let i = 0; i < draws; i++) counts[sampleToken(of, { ...everything, ...options }, random)]++;
  return counts.map((count) => count / draws);
}

function assertNear(actual: number[], expected: number[]) {
  for (const [i, share] of actual.entries()) {
    assert.ok(expected[i] === 0 ? share === 0 : Math.abs(share - expected[i]) < 0.015, `${actual} is not ${expected}`);
  }
}

test("a small example, written out: the likeliest of logits 1, 3 and 2 is the second", () => {
  const likeliest = { temperature: 0, topK: 0, topP: 1 };
  assert.is(sampleToken(Float32Array.of(1, 3, 2), likeliest, new Random(1)), 1);
});

test("tokens are drawn with the probabilities of the softmax", () => {
  assertNear(shares({}), [0.5, 0.125, 0.25, 0.125, 0]);
});

test("a temperature sharpens or flattens them", () => {
  assertNear(shares({ temperature: 0.5 }), [16 / 22, 1 / 22, 4 / 22, 1 / 22, 0]);
  assertNear(shares({ temperature: 1000 }), [0.25, 0.25, 0.25, 0.25, 0]);
});

test("a temperature of 0 takes the likeliest, the first of equal ones, and draws nothing", () => {
  const random = new Random(1);
  const before = random.state();
  assert.is(sampleToken(logits, { ...everything, temperature: 0 }, random), 0);
  assert.is(sampleToken(Float32Array.of(-3, -1, -2, -1), { ...everything, temperature: 0 }, random), 1);
  assert.equal(random.state(), before);
});

test("top-k keeps the k likeliest, the first of equal ones", () => {
  assertNear(shares({ topK: 1 }), [1, 0, 0, 0, 0]);
  assertNear(shares({ topK: 2 }), [2 / 3, 0, 1 / 3, 0, 0]);
  assertNear(shares({ topK: 3 }), [4 / 7, 1 / 7, 2 / 7, 0, 0]);
  assertNear(shares({ topK: 99 }), [0.5, 0.125, 0.25, 0.125, 0]);
});

test("top-p keeps the fewest that make up the probability", () => {
  assertNear(shares({ topP: 0.01 }), [1, 0, 0, 0, 0]);
  assertNear(shares({ topP: 0.6 }), [2 / 3, 0, 1 / 3, 0, 0]);
  assertNear(shares({ topP: 0.8 }), [4 / 7, 1 / 7, 2 / 7, 0, 0]);
  assertNear(shares({ topP: 0.9 }), [0.5, 0.125, 0.25, 0.125, 0]);
});

test("top-p applies to the tokens that top-k keeps", () => {
  assertNear(shares({ topK: 2, topP: 0.6 }), [1, 0, 0, 0, 0]);
});

test("logits of any size are safe from overflow", () => {
  assertNear(
    shares(
      {},
      20000,
      logits.map((logit) => logit + 1000),
    ),
    [0.5, 0.125, 0.25, 0.125, 0],
  );
});

test("the only token is always drawn", () => {
  assert.is(sampleToken(Float32Array.of(-5), everything, new Random(1)), 0);
});
