/** Layouts of weights in files: each by hand, and every one of them there and back. */
import * as assert from "uvu/assert";
import {
  fileShape,
  type Layout,
  neighbourRows,
  putRows,
  rowsByHead,
  stackedRows,
  takeRows,
  transpose,
} from "../../src/families/layout.ts";
import { suite } from "../harness.ts";

const test = suite("layouts");

const bytesOf = (...floats: number[]) => new Uint8Array(Float32Array.from(floats).buffer);
const floatsOf = (bytes: Uint8Array) => [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)];
const take = (floats: number[], shape: number[], layout: Layout) =>
  floatsOf(takeRows(bytesOf(...floats), "F32", shape, layout));

test("a small example, written out: a matrix [in 2, out 3] becomes [out 3, in 2]", () => {
  assert.equal(take([1, 2, 3, 4, 5, 6], [3, 2], { transposed: true }), [1, 4, 2, 5, 3, 6]);
  assert.equal(fileShape([3, 2], { transposed: true }), [2, 3]);
});

test("GPT-2's c_attn: columns of q, then of k, then of v", () => {
  const third = (index: number): Layout => ({ transposed: true, rows: stackedRows(3, index) });
  const file = [11, 12, 21, 22, 31, 32]; // one input, six outputs: q, q, k, k, v, v
  assert.equal(
    [0, 1, 2].map((index) => take(file, [2, 1], third(index))),
    [
      [11, 12],
      [21, 22],
      [31, 32],
    ],
  );
  assert.equal(
    [0, 1, 2].map((index) => take(file, [2], third(index))),
    [
      [11, 12],
      [21, 22],
      [31, 32],
    ],
  );
  assert.equal([fileShape([2, 1], third(0)), fileShape([2], third(0))], [[1, 6], [6]]);
});

test("GPT-NeoX's query_key_value: q, k and v of the first head, then of the second", () => {
  const file = [1, 2, 11, 12, 21, 22, 3, 4, 13, 14, 23, 24]; // heads of 2: q k v, q k v
  const part = (index: number) => take(file, [4], { rows: rowsByHead(3, index, 2) });
  assert.equal(
    [part(0), part(1), part(2)],
    [
      [1, 2, 3, 4],
      [11, 12, 13, 14],
      [21, 22, 23, 24],
    ],
  );
});

test("GGUF's rows for Llama: pairs are neighbours in the file, halves here", () => {
  const file = [0, 3, 1, 4, 2, 5, 10, 13, 11, 14, 12, 15]; // heads of 6
  assert.equal(take(file, [12], { rows: neighbourRows(6) }), [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]);
});

test("rows of blocks are moved whole", () => {
  const file = Uint8Array.from({ length: 4 * 34 }, (_, i) => Math.floor(i / 34)); // four rows of one Q8_0 block
  const bytes = takeRows(file, "Q8_0", [4, 32], { rows: neighbourRows(4) });
  assert.equal(
    [0, 1, 2, 3].map((row) => bytes[row * 34 + 33]),
    [0, 2, 1, 3],
  );
});

test("every layout leads there and back, for odd sizes and numbers of two and four bytes", () => {
  const layouts: Layout[] = [
    {},
    { transposed: true },
    { transposed: true, rows: stackedRows(3, 1) },
    { rows: rowsByHead(3, 2, 6) },
    { rows: neighbourRows(6) },
  ];
  for (const type of ["F32", "BF16"] as const) {
    for (const layout of layouts) {
      for (const shape of [[6], [12, 1], [18, 5]]) {
        const size = type === "F32" ? 4 : 2;
        const count = shape.reduce((product, length) => product * length, layout.rows?.parts ?? 1);
        const file = Uint8Array.from({ length: count * size }, (_, i) => (i * 37) % 251);
        const bytes = takeRows(file, type, shape, layout);
        const whole = new Uint8Array(file.length);
        putRows(whole, bytes, type, shape, layout);
        const turned = layout.transposed && shape.length > 1 ? transpose(whole, type, count / shape[1]) : whole;
        assert.equal(takeRows(turned, type, shape, layout), bytes);
        assert.is(
          bytes.length,
          shape.reduce((product, length) => product * length, size),
        );
      }
    }
  }
});
