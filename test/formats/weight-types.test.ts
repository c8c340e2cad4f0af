/** Blocks of weights to floats: examples by hand, then every block type of the golden file, bit by bit. */
import { existsSync } from "node:fs";
import * as assert from "uvu/assert";
import { readSafetensorsFile } from "../../src/formats/safetensors-file.ts";
import { decodeWeights, isWeightType, WEIGHT_TYPES } from "../../src/formats/weight-types.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("weight types");

const golden = "../shared/reference/hf/gguf/blocks.safetensors";
const absent = existsSync(golden) ? undefined : `${golden} is not there`;

/** Bits, in which a NaN equals itself and 0 differs from -0. */
function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
}

test("a small example, written out: a block of Q4_1 with scale 2, least value -1", () => {
  const nibbles = new Uint8Array(16).fill(0x30); // low nibble 0, high nibble 3
  const block = Uint8Array.of(0x00, 0x40, 0x00, 0xbc, ...nibbles); // 2 is 0x4000, -1 is 0xbc00
  const expected = new Float32Array(32).fill(-1, 0, 16).fill(5, 16); // 2 · 0 - 1 and 2 · 3 - 1
  assert.equal(decodeWeights("Q4_1", block), expected);
});

test("brain floats are the upper half of a float: 1, the least subnormal, -0, infinity, NaN", () => {
  const bytes = new Uint8Array(Uint16Array.of(0x3f80, 0x0001, 0x8000, 0x7f80, 0xffc1).buffer);
  const bits = Uint32Array.of(0x3f800000, 0x00010000, 0x80000000, 0x7f800000, 0xffc10000);
  assert.equal(bitsOf(decodeWeights("BF16", bytes)), bits);
});

test("half floats: 1, the least subnormal 2^-24, the largest subnormal, -0, 65504, infinity, NaN", () => {
  const bytes = new Uint8Array(Uint16Array.of(0x3c00, 1, 0x3ff, 0x8000, 0x7bff, 0xfc00, 0x7e01).buffer);
  const floats = decodeWeights("F16", bytes);
  assert.equal([...floats.subarray(0, 6)], [1, 2 ** -24, 1023 * 2 ** -24, -0, 65504, -Infinity]);
  assert.is(bitsOf(floats)[3], 0x80000000);
  assert.is(bitsOf(floats)[6], 0x7fc02000);
});

test("no bytes are no numbers, in every type", () => {
  for (const type of WEIGHT_TYPES) assert.is(decodeWeights(type, new Uint8Array(0)).length, 0);
});

test("bytes that end in the midst of a block are refused", () => {
  assert.is(
    refusal(() => decodeWeights("Q8_0", new Uint8Array(35))),
    "35 bytes are not a whole number of blocks of Q8_0, which have 34 bytes each",
  );
});

test("a type is known by its own name only", () => {
  assert.ok(isWeightType("Q6_K") && !isWeightType("q6_k") && !isWeightType("constructor"));
});

test.unless(absent, "all block types equal the golden values, bit by bit", () => {
  const { tensors } = readSafetensorsFile(golden);
  let compared = 0;
  for (const [name, { data }] of tensors) {
    if (!name.endsWith("bytes")) continue;
    const [type] = name.split(".");
    assert.ok(isWeightType(type), type);
    const expected = tensors.get(name.replace("bytes", "values"))?.data as Float32Array;
    assert.equal(bitsOf(decodeWeights(type, data as Uint8Array)), bitsOf(expected), name);
    compared += expected.length;
  }
  assert.is(compared, 14_102);
});
