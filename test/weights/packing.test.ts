/** Blocks of files become packed weights: whole numbers and scales are kept where they fit, and rounded anew elsewhere. */
import { existsSync } from "node:fs";
import * as assert from "uvu/assert";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { packedDtype } from "../../src/families/weight-kinds.ts";
import { readSafetensorsFile } from "../../src/formats/safetensors-file.ts";
import { blockOf, decodeWeights, WEIGHT_TYPES, type WeightType } from "../../src/formats/weight-types.ts";
import { useThreads } from "../../src/wasm/parallel.ts";
import { heap, kernels } from "../../src/wasm/runtime.ts";
import { FasterDots } from "../../src/weights/faster-dots.ts";
import { type MatrixSource, sourceOfFloats, sourceOfStored } from "../../src/weights/matrix-source.ts";
import { PACKED_DTYPES, type PackedDtype, PackedMatrix } from "../../src/weights/packed-matrix.ts";
import { suite } from "../harness.ts";
import { blocksOf, packBlock, unpackBlock } from "./block-oracle.ts";

const test = suite("packing");

const golden = "../shared/reference/hf/gguf/blocks.safetensors";
const absent = existsSync(golden) ? undefined : `${golden} is not there`;

/** A matrix of blocks as files have them. */
function sourceOfBlocks(type: WeightType, bytes: Uint8Array, rows: number): MatrixSource {
  const rowBytes = bytes.length / rows;
  const { numbers, bytes: blockBytes } = blockOf(type);
  const read = (from: number, to: number) => bytes.subarray(from * rowBytes, to * rowBytes);
  return { name: type, shape: [rows, (rowBytes / blockBytes) * numbers], type, read };
}

function widened(source: MatrixSource, dtype: PackedDtype): Float32Array {
  using matrix = new PackedMatrix(source, dtype);
  return step(() => matrix.rows(Int32Array.from({ length: source.shape[0] }, (_, i) => i)).toArray());
}

test("a small example, written out: a block of Q8_0 with scale 2", () => {
  const block = Uint8Array.of(0x00, 0x40, ...new Array(31).fill(3), 128); // 2 is 0x4000, 128 is −128
  const expected = new Array(31).fill(6).concat(-256);
  assert.equal([...widened(sourceOfBlocks("Q8_0", block, 1), "int8")], expected);
});

test("floats are rounded as the oracle rounds them", () => {
  const random = new Random(1);
  for (const [rows, width] of [
    [1, 1],
    [17, 37],
    [300, 1000], // more than a piece
  ]) {
    const values = Float32Array.from({ length: rows * width }, () => random.normal() * 10 ** (4 * random.next() - 2));
    for (const dtype of ["int8", "int4"] as const) {
      const expected = Array.from({ length: rows }, (_, i) =>
        blocksOf(values.subarray(i * width, i * width + width)).flatMap((w) =>
          unpackBlock(packBlock(w, dtype === "int4")),
        ),
      );
      assert.equal(widened(sourceOfFloats("w", values, [rows, width]), dtype), Float32Array.from(expected.flat()));
    }
  }
});

test("brain floats are rounded to the nearest, ties to even", () => {
  const bits = Uint32Array.of(0x3f808000, 0x3f818000, 0x3f808001, 0xbf807fff, 0x80000001);
  const rounded = Uint32Array.of(0x3f800000, 0x3f820000, 0x3f810000, 0xbf800000, 0x80000000);
  const values = widened(sourceOfFloats("w", new Float32Array(bits.buffer), [1, 5]), "bf16");
  assert.equal(new Uint32Array(values.buffer), rounded);
});

/** Types whose every number is kept. */
const kept: Readonly<Record<PackedDtype, readonly WeightType[]>> = {
  bf16: ["BF16"],
  f16: ["F16"],
  int8: ["Q8_0", "Q5_0", "Q4_0", "IQ4_NL"],
  int4: ["Q4_0", "Q4_1"],
};

/** How far off a weight may be, in units of the largest. */
const nearness: Readonly<Record<PackedDtype, number>> = {
  bf16: 2 ** -8,
  f16: 2 ** -11,
  int8: 0.51 / 127,
  int4: 1.03 / 15,
};

for (const dtype of PACKED_DTYPES) {
  test.unless(absent, `golden blocks are kept as ${dtype}, or are close`, () => {
    const { tensors } = readSafetensorsFile(golden);
    let exact = 0;
    for (const type of WEIGHT_TYPES) {
      for (const name of [type, `${type}.any`]) {
        const stored = tensors.get(`${name}.bytes`);
        if (stored === undefined) continue;
        const bytes = stored.data as Uint8Array;
        const floats = decodeWeights(type, bytes);
        const most = floats.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0);
        if (!Number.isFinite(most) || (most > 65504 && (dtype === "f16" || dtype === "int4"))) continue;
        const actual = widened(sourceOfBlocks(type, bytes, stored.shape[0]), dtype);
        const isKept = kept[dtype].includes(type);
        const limit = isKept ? 0 : nearness[dtype] * most;
        assert.ok(
          actual.every((weight, i) => Math.abs(weight - floats[i]) <= limit),
          name,
        );
        if (isKept) exact++;
      }
    }
    assert.ok(exact >= kept[dtype].length);
  });
}

test.unless(
  absent,
  "golden K blocks: 4 bits keep every q of Q4_K, 8 bits are off by 1/254 of the largest of 32 weights",
  () => {
    const { tensors } = readSafetensorsFile(golden);
    const limits = {
      Q4_K: (block: Float32Array) =>
        2 ** -11 * (Math.max(...block) - Math.min(...block) + Math.max(...block.map(Math.abs))),
      Q5_K: (block: Float32Array) => (1.002 / 254) * Math.max(...block.map(Math.abs)),
      Q6_K: (block: Float32Array) => (1.002 / 254) * Math.max(...block.map(Math.abs)),
    };
    for (const [type, limit] of Object.entries(limits) as [keyof typeof limits, (block: Float32Array) => number][]) {
      const { data, shape } = tensors.get(`${type}.any.bytes`) ?? tensors.get(`${type}.bytes`)!;
      const floats = decodeWeights(type, data as Uint8Array);
      const actual = widened(
        sourceOfBlocks(type, data as Uint8Array, shape[0]),
        packedDtype("a", { type, shape: [1, 1] }, "stored")!,
      );
      for (let from = 0; from < floats.length; from += 32) {
        const block = floats.subarray(from, from + 32);
        const most = limit(block);
        assert.ok(
          block.every((weight, i) => Math.abs(weight - actual[from + i]) <= most),
          `${type}: block ${from / 32} is off by more than ${most}`,
        );
      }
    }
  },
);

test("products have the same bits on any number of threads, and with fused dot products or without", async () => {
  const random = new Random(2);
  const [n, inputs, outputs] = [29, 100, 83];
  const values = Float32Array.from({ length: inputs * outputs }, () => random.normal());
  const x = Float32Array.from({ length: n * inputs }, () => random.normal());
  for (const dtype of PACKED_DTYPES) {
    using matrix = new PackedMatrix(sourceOfFloats("w", values, [outputs, inputs]), dtype);
    const products: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      await useThreads(threads);
      for (const rows of [n, 1]) {
        const part = x.subarray(0, rows * inputs);
        products.push(step(() => matrix.multiply(tensor(part, [rows, inputs])).toArray()));
      }
    }
    await useThreads(1);
    for (let i = 2; i < products.length; i++) assert.equal(products[i], products[i % 2], dtype);
  }
});

test("both ways to multiply bytes have the same bits, at the ends of their range too", () => {
  const [n, width, outputs] = [5, 64, 19];
  const [numbers, floats] = [n * width, outputs * width];
  const scratch = kernels.packed_scratch_bytes(width);
  const sizes = [
    4 * numbers,
    4 * floats,
    kernels.activation_bytes(n, width),
    kernels.blocks_bytes(outputs, width, false),
  ];
  const [x, w, tiles, weights, y, room, table] = [...sizes, 4 * n * outputs, scratch + 8 * floats, 16].map((bytes) =>
    heap.allocate(bytes),
  );
  heap.i32(table, 4).set([y, weights, 0, outputs]);
  heap.u8(weights, sizes[3]).fill(0);
  heap.f32(x, numbers).set(Float32Array.from({ length: numbers }, (_, i) => (i % 3 === 0 ? -1 : 126)));
  heap.f32(w, floats).set(Float32Array.from({ length: floats }, (_, i) => (i % 5 === 0 ? 127 : -128)));
  heap.f32(room, floats).fill(1); // scales
  kernels.pack_blocks(weights, 0, w, outputs, width, false, room, room, true);
  const products = [1, n].flatMap((rows) =>
    [false, true].map((fused) => {
      kernels.round_activations(tiles, x, rows, width, false, 0, kernels.activation_tiles(rows), room + 4 * floats);
      const units = kernels.packed_units(outputs);
      kernels.packed_multiply(table, tiles, rows, width, false, fused, 0, units, room);
      return [...heap.f32(y, rows * outputs)];
    }),
  );
  const exact = (row: number, column: number) => {
    const at = (i: number, k: number, j: number) =>
      ((i * width + k) % 3 === 0 ? -1 : 126) * ((j * width + k) % 5 === 0 ? 127 : -128);
    return Array.from({ length: width }, (_, k) => at(row, k, column)).reduce((sum, term) => sum + term);
  };
  const expected = Array.from({ length: n * outputs }, (_, at) => exact(Math.floor(at / outputs), at % outputs));
  assert.equal(products, [expected.slice(0, outputs), expected.slice(0, outputs), expected, expected]);
  for (const address of [x, w, tiles, weights, y, room, table]) heap.release(address);
});

test("the faster way is taken after a few products of many rows", () => {
  const dots = new FasterDots();
  const taken: boolean[] = [];
  let clock = 0;
  const product = (fused: boolean) => {
    taken.push(fused);
    clock += fused ? 2 : 0.2;
  };
  const { now } = performance;
  performance.now = () => clock;
  dots.run(product, 1, 1e9);
  for (let i = 0; i < 40; i++) dots.run(product, 64, 1e7);
  performance.now = now;
  assert.ok(taken.includes(true) && taken.includes(false));
  assert.equal(taken.slice(-8), new Array(8).fill(false));
});

test("stored numbers are a source, which is read once", () => {
  const values = Float32Array.from({ length: 12 }, (_, i) => i);
  let reads = 0;
  const bytes = () => {
    reads++;
    return new Uint8Array(values.buffer);
  };
  const source = sourceOfStored("w", { type: "F32", shape: [6, 2], bytes });
  assert.is(reads, 0);
  assert.equal(widened(source, "bf16"), values);
  assert.is(reads, 1);
});
