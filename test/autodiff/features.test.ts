/** Features of linear attention, against their formulas; what random features estimate. */
import * as assert from "uvu/assert";
import { eluPlusOne, randomFeatures } from "../../src/autodiff/ops/features.ts";
import { step } from "../../src/autodiff/tape.ts";
import { persistentTensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { assertClose, checkOp, checkThreads } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("features");

function normals(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

test("small examples, written out", () => {
  step(() => {
    assertClose(eluPlusOne(tensor([-1, 0, 2, 5, -100])).toArray(), [Math.exp(-1), 1, 3, 6, 0], 1e-6, "elu + 1");
    const found = randomFeatures(tensor([3, 4], [1, 1, 2]), tensor([1]), tensor([1, 0, 0, 1], [2, 2])).toArray();
    const expected = [3 - 12.5, 4 - 12.5].map((exponent) => Math.exp(exponent) / Math.sqrt(2));
    assertClose(found, expected, 1e-9, "random features");
  });
});

for (const size of [0, 1, 3, 4, 5, 31, 130]) {
  test(`elu + 1 of ${size} numbers and its gradient match the formula`, () => {
    checkOp({
      shapes: [[size]],
      op: eluPlusOne,
      oracle: (x) => x.map((value) => (value > 0 ? value + 1 : Math.exp(value))),
    });
  });
}

// rows, segment, heads, width, features
const cases: [number, number, number, number, number][] = [
  [1, 1, 1, 1, 1],
  [2, 1, 3, 5, 4],
  [1, 7, 2, 3, 9],
  [2, 9, 4, 4, 7],
  [1, 65, 1, 3, 5],
  [3, 11, 2, 8, 16],
];

for (const [rows, segment, heads, width, features] of cases) {
  const projection = normals(features * width, 3);
  test(`random features and their gradients match the formula: [${rows}, ${segment}, ${heads} × ${width}] → ${features}`, () => {
    const weights = persistentTensor([features, width]).set(projection);
    checkOp({
      shapes: [[rows, segment, heads * width], [heads]],
      op: (x, scale) => randomFeatures(x, scale, weights),
      oracle: (x, scale) =>
        Float64Array.from({ length: (x.length / width) * features }, (_, i) => {
          const [vector, f] = [Math.floor(i / features), i % features];
          const s = Math.abs(scale[vector % heads]);
          let exponent = 0;
          for (let d = 0; d < width; d++) {
            const value = x[vector * width + d];
            exponent += Math.sqrt(s) * projection[f * width + d] * value - (s * value * value) / 2;
          }
          return Math.exp(exponent) / Math.sqrt(features);
        }),
      values: (random, shape, input) =>
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
          input === 0 ? 0.6 * random.normal() : Math.sign(random.normal()) * (0.5 + random.next()),
        ),
      tolerance: 5e-5,
    });
  });
}

test("the mean of many random features' products is the exponential of the product", () => {
  const [width, features] = [4, 20_000];
  const [q, k] = [
    [0.6, -0.5, 0.5, 0.4],
    [0.5, 0.5, -0.1, 0.7],
  ];
  step(() => {
    const projection = tensor(normals(features * width, 5), [features, width]);
    const [phiQ, phiK] = [q, k].map((x) => randomFeatures(tensor(x, [1, 1, width]), tensor([2]), projection).toArray());
    const product = q.reduce((sum, x, i) => sum + x * k[i], 0);
    const estimate = phiQ.reduce((sum, x, i) => sum + x * phiK[i], 0);
    assert.ok(Math.abs(estimate / Math.exp(2 * product) - 1) < 0.05, `${estimate} is not near e^${2 * product}`);
  });
});

test("numbers far from every direction give small features, not infinities", () => {
  step(() => {
    const projection = tensor(normals(8 * 64, 6), [8, 64]);
    const x = tensor(
      normals(64, 7).map((value) => value * 30),
      [1, 1, 64],
    );
    for (const value of randomFeatures(x, tensor([100]), projection).toArray()) assert.is(value, 0);
    for (const w of [0, 3]) {
      const along = tensor(projection.toArray().subarray(w * 64, (w + 1) * 64), [1, 1, 64]);
      for (const value of randomFeatures(along, tensor([1]), projection).toArray()) assert.ok(Number.isFinite(value));
    }
  });
});

test("one thread and two give the same bits", async () => {
  const projection = persistentTensor([7, 5]).set(normals(35, 2));
  await checkThreads({ shapes: [[3, 50, 15], [3]], op: (x, scale) => randomFeatures(x, scale, projection) });
});

test("shapes that do not fit are refused", () => {
  step(() => {
    const projection = tensor([1, 2, 3], [1, 3]);
    const refused = /randomFeatures: x \[1,1,4\] does not fit 2 heads and a projection \[1,3\]; it must be \[B, T, 6\]/;
    assert.throws(() => randomFeatures(tensor([1, 2, 3, 4], [1, 1, 4]), tensor([1, 1]), projection), refused);
  });
});

test("NaN stays NaN at every place of a vector", () => {
  for (const place of [0, 3, 4, 6]) {
    const x = new Float32Array(7).fill(-1);
    x[place] = Number.NaN;
    const y = step(() => eluPlusOne(tensor(x)).toArray());
    assert.equal([...y].map(Number.isNaN), Array.from(x, Number.isNaN), `place ${place}`);
  }
});
