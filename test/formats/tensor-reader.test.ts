/** Tensors are taken by name and shape, and every number of them is looked at. */
import * as assert from "uvu/assert";
import type { StoredTensor } from "../../src/formats/safetensors.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("tensor reader");

function reader(tensor: StoredTensor): TensorReader {
  return new TensorReader(new Map([["t", tensor]]), "file");
}

test("a small example, written out", () => {
  assert.equal(
    reader({ dtype: "F32", shape: [2], data: Float32Array.of(1, -2) }).floats("t", [2]),
    Float32Array.of(1, -2),
  );
  assert.equal(reader({ dtype: "F16", shape: [1], data: Uint16Array.of(0x3c00) }).floats("t", [1]), Float32Array.of(1));
  assert.is(
    refusal(() => reader({ dtype: "F32", shape: [2], data: Float32Array.of(1, -2) }).floats("t", [3])),
    'file: tensor "t" has shape [2], it should be [3]',
  );
});

const LENGTH = 5;
const HALF_INFINITY = 0x7c00;

test("a number that is not finite is refused wherever it stands, with its place", () => {
  for (let place = 0; place < LENGTH; place++) {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const data = new Float32Array(LENGTH).fill(3.4e38);
      data[place] = bad;
      const message = refusal(() => reader({ dtype: "F32", shape: [LENGTH], data }).floats("t", [LENGTH]));
      assert.is(message, `file: element ${place} of tensor "t" is not a finite number`);
    }
    const halves = new Uint16Array(LENGTH).fill(HALF_INFINITY - 1);
    halves[place] = HALF_INFINITY;
    const message = refusal(() => reader({ dtype: "F16", shape: [LENGTH], data: halves }).numbers("t", [LENGTH]));
    assert.is(message, `file: element ${place} of tensor "t" is not a finite number`);
  }
});

test("the largest numbers, of both signs, are finite", () => {
  const data = Float32Array.of(3.4e38, -3.4e38, 0, 1e-45);
  assert.equal(reader({ dtype: "F32", shape: [2, 2], data }).floats("t", [2, 2]), data);
  const halves = Uint16Array.of(HALF_INFINITY - 1, 0x8000 | (HALF_INFINITY - 1));
  assert.equal(reader({ dtype: "F16", shape: [2], data: halves }).floats("t", [2]), Float32Array.of(65504, -65504));
});

test("integers and indices lie from 0 to the most that is asked for", () => {
  const integers = (...values: number[]) =>
    reader({ dtype: "I64", shape: [values.length], data: BigInt64Array.from(values, BigInt) }).integers(
      "t",
      [values.length],
      9,
    );
  const indices = (...values: number[]) =>
    reader({ dtype: "I32", shape: [values.length], data: Int32Array.from(values) }).indices("t", [values.length], 9);
  assert.equal(integers(0, 9), [0, 9]);
  assert.equal(indices(0, 9), Int32Array.of(0, 9));
  for (const read of [integers, indices]) {
    for (const bad of [-1, 10]) {
      assert.is(
        refusal(() => read(0, bad)),
        `file: tensor "t" holds ${bad}, which is not from 0 to 9`,
      );
    }
  }
});

test("a tensor of another kind of number, of another shape, or missing is refused, each with what would be right", () => {
  const data = new Float32Array(6);
  const of = (take: (given: TensorReader) => unknown) =>
    refusal(() => take(reader({ dtype: "F32", shape: [2, 3], data })));
  const dtype = 'file: tensor "t" has dtype F32, it should be';
  assert.is(
    of((given) => given.integers("t", [2, 3], 9)),
    `${dtype} I64`,
  );
  assert.is(
    of((given) => given.indices("t", [2, 3], 9)),
    `${dtype} I32`,
  );
  assert.is(
    of((given) => given.floats("t", [3, 2])),
    'file: tensor "t" has shape [2,3], it should be [3,2]',
  );
  assert.is(
    of((given) => given.floats("u", [6])),
    'file: tensor "u" is missing; its shape should be [6]',
  );
  assert.is(
    of((given) => given.end()),
    'file: tensor "t" of shape [2,3] belongs to no part of this model',
  );
});

test("nothing is left when all has been taken", () => {
  const given = reader({ dtype: "F32", shape: [1], data: new Float32Array(1) });
  given.floats("t", [1]);
  given.end();
});
