/** Smeared keys against their definition: values, gradients, parts of a segment, ranges of units. */
import * as assert from "uvu/assert";
import { smearKeys } from "../../src/autodiff/ops/smear.ts";
import { step } from "../../src/autodiff/tape.ts";
import { parameter, persistentTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { heap, kernels } from "../../src/wasm/runtime.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("smeared keys");

test("a small example, written out: with a = ½, a key becomes the direction half way to the key before", () => {
  const preceding = { keys: persistentTensor([1, 2]), latest: persistentTensor([1, 2]), known: Int32Array.of(0) };
  step(() => {
    const smeared = smearKeys(tensor([1, 0, 0, 1], [1, 2, 2]), tensor([0]), preceding);
    assertClose(smeared.toArray(), [1, 0, Math.SQRT1_2, Math.SQRT1_2], 1e-6, "the first key stays");
  });
  assert.equal([...preceding.latest.toArray()], [0, 1]);
});

interface Shape {
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
function precedingKeys({ rows, heads, width }: Shape, known: readonly number[]) {
  const [keys, latest] = [persistentTensor([rows, heads * width]), persistentTensor([rows, heads * width])];
  keys.set(normals(keys.size, 11));
  return { keys, latest, known: Int32Array.from(known) };
}

/** Computes k' [B, T, H·D] by its definition, in double precision. */
function oracle(shape: Shape, before: Float32Array, known: ArrayLike<number>) {
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

const cases: [Shape, number[]][] = [
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

for (const [shape, known] of cases) {
  const { rows, segment, heads, width } = shape;
  const name = `${rows} rows (begun: ${known}) of ${segment} tokens, ${heads} heads of ${width}`;
  test(`keys and gradients match the definition: ${name}`, () => {
    const preceding = precedingKeys(shape, known);
    checkOp({
      shapes: [[rows, segment, heads * width], [heads]],
      op: (k: Tensor, alpha: Tensor) => smearKeys(k, alpha, preceding),
      oracle: oracle(shape, preceding.keys.toArray(), known),
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

test("a segment read in parts gives the same keys, bit for bit, as the whole segment", () => {
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

test("the kernels give the same results for all units at once and one by one, in any order", () => {
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
