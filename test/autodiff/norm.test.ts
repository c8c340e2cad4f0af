/**
 * RMSNorm, LayerNorm and L2 normalisation against their definitions, at row widths around the vector width; smeared keys against
 * theirs: values, gradients, parts of a segment, ranges of units.
 */
import * as assert from "uvu/assert";
import { l2Normalize, layerNorm, rmsNorm, smearKeys } from "../../src/autodiff/ops/norm.ts";
import { assertFiniteTape, backward, step } from "../../src/autodiff/tape.ts";
import { parameter, persistentTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { heap, kernels } from "../../src/wasm/runtime.ts";
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

test("smeared keys, written out: with a = ½, a key becomes the direction half way to the key before", () => {
  const preceding = { keys: persistentTensor([1, 2]), latest: persistentTensor([1, 2]), known: Int32Array.of(0) };
  step(() => {
    const smeared = smearKeys(tensor([1, 0, 0, 1], [1, 2, 2]), tensor([0]), preceding);
    assertClose(smeared.toArray(), [1, 0, Math.SQRT1_2, Math.SQRT1_2], 1e-6, "the first key stays");
  });
  assert.equal([...preceding.latest.toArray()], [0, 1]);
});

interface KeysShape {
  readonly rows: number;
  readonly segment: number;
  readonly heads: number;
  readonly width: number;
}

function normals(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

/** Returns the keys before the segment: random ones in the rows whose `known` is 1. */
function precedingKeys({ rows, heads, width }: KeysShape, known: readonly number[]) {
  const [keys, latest] = [persistentTensor([rows, heads * width]), persistentTensor([rows, heads * width])];
  keys.set(normals(keys.size, 11));
  return { keys, latest, known: Int32Array.from(known) };
}

/** Computes k' [B, T, H·D] by its definition, in double precision. */
function smearOracle(shape: KeysShape, before: Float32Array, known: ArrayLike<number>) {
  const { segment, heads, width } = shape;
  const channels = heads * width;
  return (k: Float64Array, alpha: Float64Array): Float64Array => {
    const mixed = k.map((value, i) => {
      const token = Math.floor(i / channels);
      const [row, first] = [Math.floor(token / segment), token % segment === 0];
      if (first && !known[row]) return value;
      const a = 1 / (1 + Math.exp(-alpha[Math.floor((i % channels) / width)]));
      return a * value + (1 - a) * (first ? before[row * channels + (i % channels)] : k[i - channels]);
    });
    return mixed.map((value, i) => {
      const token = Math.floor(i / channels);
      if (token % segment === 0 && !known[Math.floor(token / segment)]) return value;
      const begin = i - (i % width);
      return value / Math.max(Math.hypot(...mixed.subarray(begin, begin + width)), 1e-6);
    });
  };
}

const smeared: [KeysShape, number[]][] = [
  [{ rows: 1, segment: 1, heads: 1, width: 2 }, [0]],
  [{ rows: 1, segment: 1, heads: 2, width: 3 }, [1]],
  [{ rows: 2, segment: 1, heads: 1, width: 4 }, [0, 1]],
  [{ rows: 3, segment: 2, heads: 2, width: 5 }, [1, 0, 1]],
  [{ rows: 2, segment: 7, heads: 3, width: 7 }, [0, 1]],
  [{ rows: 1, segment: 5, heads: 2, width: 8 }, [1]],
  [{ rows: 2, segment: 3, heads: 1, width: 17 }, [1, 0]],
  [{ rows: 1, segment: 4, heads: 1, width: 33 }, [0]],
  [{ rows: 2, segment: 4, heads: 2, width: 1 }, [1, 0]],
];

for (const [shape, known] of smeared) {
  const { rows, segment, heads, width } = shape;
  const name = `${rows} rows (begun: ${known}) of ${segment} tokens, ${heads} heads of ${width}`;
  test(`smeared keys and their gradients match the definition: ${name}`, () => {
    const preceding = precedingKeys(shape, known);
    checkOp({
      shapes: [[rows, segment, heads * width], [heads]],
      op: (k: Tensor, alpha: Tensor) => smearKeys(k, alpha, preceding),
      oracle: smearOracle(shape, preceding.keys.toArray(), known),
    });
  });
}

/** Smears `k` [1, T, H·D], read in parts of these lengths as a state does. */
function inParts(k: Float32Array, alpha: Tensor, channels: number, lengths: readonly number[]): number[] {
  const shape = { rows: 1, segment: 0, heads: alpha.size, width: channels / alpha.size };
  const preceding = precedingKeys(shape, [0]);
  let at = 0;
  return lengths.flatMap((length) => {
    const part = k.subarray(at * channels, (at + length) * channels);
    const smeared = step(() => smearKeys(tensor(part, [1, length, channels]), alpha, preceding).toArray());
    preceding.keys.set(preceding.latest.toArray());
    preceding.known.fill(1);
    at += length;
    return [...smeared];
  });
}

test("a segment read in parts gives the same smeared keys, bit for bit, as the whole segment", () => {
  const [k, alpha] = [normals(9 * 10, 1), parameter([2], [0.3, -4])];
  const whole = inParts(k, alpha, 10, [9]);
  assert.equal(inParts(k, alpha, 10, [1, 1, 1, 1, 1, 1, 1, 1, 1]), whole);
  assert.equal(inParts(k, alpha, 10, [4, 3, 2]), whole);
});

test("the first key of a document is unchanged, bit for bit, even if a is 0", () => {
  const [k, alpha] = [normals(3 * 5, 1), parameter([1], [-200])];
  const [first, second, third] = [0, 5, 10].map((at) => [...k.subarray(at, at + 5)]);
  const unit = (key: number[]) => key.map((x) => x / Math.hypot(...key));
  const smeared = inParts(k, alpha, 5, [3]);
  assert.equal(smeared.slice(0, 5), first);
  for (const [i, expected] of [...unit(first), ...unit(second)].entries()) {
    assert.ok(Math.abs(smeared[5 + i] - expected) < 1e-6, `a key of a 0 is the one before: element ${i}`);
  }
  const own = inParts(k, parameter([1], [200]), 5, [3]);
  for (const [i, expected] of unit(third).entries()) assert.ok(Math.abs(own[10 + i] - expected) < 1e-6);
});

test("the kernels of smeared keys give the same results for all units at once and one by one, in any order", () => {
  const { rows, segment, heads, width } = { rows: 2, segment: 4, heads: 3, width: 5 };
  const units = rows * heads;
  const sizes = { keys: rows * segment * heads * width, before: units * width, factors: units * segment };
  const address = (count: number, seed: number) => {
    const at = heap.allocate(count * 4);
    heap.f32(at, count).set(normals(count, seed));
    return at;
  };
  const run = (order: readonly (readonly [number, number])[]) => {
    const [k, dy, before, alpha] = [sizes.keys, sizes.keys, sizes.before, heads].map(address);
    const [y, dk, factors, dalpha] = [sizes.keys, sizes.keys, sizes.factors, units].map(address);
    const [known, scratch] = [heap.allocate(rows * 4), heap.allocate(width * 4)];
    heap.i32(known, rows).set([0, 1]);
    const shape = [segment, heads, width] as const;
    for (const [from, to] of order) {
      kernels.smear_forward(y, factors, k, before, known, alpha, ...shape, from, to);
      kernels.smear_backward(dk, dalpha, dy, y, factors, k, before, alpha, ...shape, from, to, scratch);
    }
    const results = [y, dk].map((at) => [...heap.f32(at, sizes.keys)]);
    results.push([...heap.f32(dalpha, units)]);
    for (const at of [k, dy, before, alpha, y, dk, factors, dalpha, known, scratch]) heap.release(at);
    return results;
  };
  const parts = [[4, units] as const, [0, 1] as const, [1, 1] as const, [1, 4] as const];
  assert.equal(run(parts), run([[0, units]]));
});
