/** RMSNorm and L2 normalisation against their definitions, at row widths around the vector width. */
import * as assert from "uvu/assert";
import { l2Normalize, layerNorm, rmsNorm } from "../../src/autodiff/ops/norm.ts";
import { assertFiniteTape, backward, step } from "../../src/autodiff/tape.ts";
import { parameter, tensor } from "../../src/autodiff/tensor.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("norm ops");

test("a small example, written out: a root mean square of 2 and a length of 5 become 1", () => {
  step(() => {
    assertClose(rmsNorm(tensor([2, -2]), tensor([1, 10])).toArray(), [1, -10], 1e-6, "rmsNorm");
    assertClose(
      rmsNorm(tensor([2, -2, 3, 3]), tensor([0, 9]), 0, 1).toArray(),
      [1, -10, 1, 10],
      1e-6,
      "two groups, 1 + w",
    );
    assertClose(
      layerNorm(tensor([1, 5]), tensor([1, 10]), tensor([7, 0]), 0).toArray(),
      [6, 10],
      1e-6,
      "mean 3, deviation 2",
    );
    assertClose(l2Normalize(tensor([3, 4]), 2).toArray(), [0.6, 0.8], 1e-6, "l2Normalize");
  });
});

/** Computes x · rsqrt(mean(x²) + eps) · scale. */
function rmsNormOracle(x: Float64Array, weight: Float64Array, offset = 0): Float64Array {
  const scale = weight.map((w) => w + offset);
  const width = scale.length;
  return x.map((value, i) => {
    const row = x.subarray(i - (i % width), i - (i % width) + width);
    const meanSquare = row.reduce((sum, element) => sum + element * element, 0) / width;
    return (value / Math.sqrt(meanSquare + 1e-6)) * scale[i % width];
  });
}

/** Computes (x − mean) · rsqrt(var + eps) · weight + bias. */
function layerNormOracle(x: Float64Array, weight: Float64Array, bias: Float64Array): Float64Array {
  const width = weight.length;
  return x.map((value, i) => {
    const row = x.subarray(i - (i % width), i - (i % width) + width);
    const mean = row.reduce((sum, element) => sum + element, 0) / width;
    const variance = row.reduce((sum, element) => sum + (element - mean) ** 2, 0) / width;
    return ((value - mean) / Math.sqrt(variance + 1e-2)) * weight[i % width] + bias[i % width];
  });
}

/** Computes x / max(‖x‖, 1e-6) for rows of `width`. */
function l2NormalizeOracle(width: number): (x: Float64Array) => Float64Array {
  return (x) =>
    x.map((value, i) => {
      const row = x.subarray(i - (i % width), i - (i % width) + width);
      return value / Math.max(Math.hypot(...row), 1e-6);
    });
}

const sizes = [
  [1, 1],
  [3, 2],
  [2, 3],
  [5, 4],
  [1, 5],
  [4, 7],
  [3, 8],
  [2, 9],
  [1, 31],
  [2, 33],
];

for (const [rows, width] of sizes) {
  test(`rmsNorm matches its definition and its gradients for ${rows} rows of ${width}`, () => {
    checkOp({
      shapes: [[rows, width], [width]],
      op: (x, scale) => rmsNorm(x, scale),
      oracle: (x, scale) => rmsNormOracle(x, scale),
    });
  });
  test(`layerNorm matches its definition and its gradients for ${rows} rows of ${width}`, () => {
    checkOp({
      shapes: [[rows, width], [width], [width]],
      op: (x, weight, bias) => layerNorm(x, weight, bias, 1e-2),
      oracle: layerNormOracle,
    });
  });
  test(`rmsNorm with an offset matches its definition and its gradients for ${rows} rows of 3 groups of ${width}`, () => {
    checkOp({
      shapes: [[rows, 3 * width], [width]],
      op: (x, weight) => rmsNorm(x, weight, 1e-6, 1),
      oracle: (x, weight) => rmsNormOracle(x, weight, 1),
    });
  });
  test(`l2Normalize of ${rows} × 3 heads of ${width} matches its definition and its gradients`, () => {
    checkOp({
      shapes: [[rows, 3 * width]],
      op: (x) => l2Normalize(x, width),
      oracle: l2NormalizeOracle(width),
    });
  });
}

test("l2Normalize divides a row shorter than 1e-6 by 1e-6, in both directions", () => {
  const x = parameter([2, 3], [0, 0, 0, 1e-7, 0, -2e-7]);
  const y = step(() => {
    const y = l2Normalize(x, 3);
    backward(y, [1, 2, 3, 4, 5, 6]);
    return y.toArray();
  });
  const close = (actual: number, expected: number) =>
    assert.ok(Math.abs(actual - expected) <= 1e-6 * Math.abs(expected));
  [0, 0, 0, 0.1, 0, -0.2].forEach((expected, i) => void close(y[i], expected));
  [1e6, 2e6, 3e6, 4e6, 5e6, 6e6].forEach((expected, i) => void close(x.grad!.toArray()[i], expected));
});

test("l2Normalize refuses a width that does not divide the channels", () => {
  step(() => assert.throws(() => l2Normalize(parameter([2, 7]), 3), /last axis of \[2,7\] is not a multiple of 3/));
});

test("layerNorm of a row far from 0 keeps its digits, since it is centred before it is squared", () => {
  const row = [1000, 1001, 1002, 1003, 1005];
  const [ones, zeros] = [new Float64Array(5).fill(1), new Float64Array(5)];
  const actual = step(() => layerNorm(tensor(row), tensor(ones), tensor(zeros), 1e-2).toArray());
  assertClose(actual, layerNormOracle(Float64Array.from(row), ones, zeros), 1e-4, "layerNorm");
});

test("rmsNorm and layerNorm refuse weights that do not fit, and name a NaN", () => {
  step(() => {
    const x = tensor([1, 2, 3, Number.NaN]);
    const pair = tensor([1, 1]);
    assert.throws(() => rmsNorm(x, tensor([1, 2, 3])), /last axis of x \[4\] is not a multiple of the weight \[3\]/);
    assert.throws(() => layerNorm(x, pair, pair, 0), /layerNorm: x \[4\] needs a weight \[4\], not \[2\]/);
    assert.throws(() => layerNorm(x, x, pair, 0), /layerNorm: x \[4\] needs a bias \[4\], not \[2\]/);
    layerNorm(x, x, x, 0);
    assert.throws(assertFiniteTape, /the output of layerNorm is not finite/);
  });
});
