/** GGUF files: one written out, every type of value, every way in which a header can lie. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { sourceOf } from "../../src/formats/byte-source.ts";
import { readGguf } from "../../src/formats/gguf.ts";
import { GgufCursor } from "../../src/formats/gguf-cursor.ts";
import { floatsOf } from "../../src/formats/weight-file.ts";
import { fileRanges } from "../../src/platform/file-ranges.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { floatTensor, ggufFile, ggufHeader, padded, type RawTensor, TYPE, type Typed } from "./gguf-files.ts";

const test = suite("gguf");

const one = floatTensor("w", [2, 3], [1, 2, 3, 4, 5, 6]);
const read = (bytes: Uint8Array) => readGguf(sourceOf(bytes, "x.gguf"));
const refused = (bytes: Uint8Array) => refusal(() => read(bytes)).replace("x.gguf: not a valid GGUF file: ", "");

test("a small example, written out: a text, and a matrix of three rows of two", () => {
  const header = [
    ...[0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0], // GGUF, version 3
    ...[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], // one tensor, one key
    ...[1, 0, 0, 0, 0, 0, 0, 0, 0x6b, 8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0x68, 0x69], // "k", a text: "hi"
    ...[1, 0, 0, 0, 0, 0, 0, 0, 0x77, 2, 0, 0, 0], // "w", two axes
    ...[2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0], // 2 columns, 3 rows
    ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // floats, from byte 0 of the data on
  ];
  const bytes = Uint8Array.of(...padded(Uint8Array.from(header)), ...one.bytes);
  const { metadata, tensors } = read(bytes);
  assert.equal([...metadata], [["k", "hi"]]);
  const tensor = tensors.get("w")!;
  assert.equal([tensor.dtype, tensor.shape], ["F32", [3, 2]]);
  assert.equal(floatsOf(tensor, "x"), Float32Array.of(1, 2, 3, 4, 5, 6));
  assert.equal(ggufFile([["k", [TYPE.text, "hi"]]], [one]).subarray(0, bytes.length), bytes);
});

test("values of all types are read", () => {
  const values: [Typed, unknown][] = [
    [[TYPE.u8, 255], 255],
    [[TYPE.i8, -1], -1],
    [[TYPE.u16, 65535], 65535],
    [[TYPE.i16, -2], -2],
    [[TYPE.u32, 2 ** 32 - 1], 2 ** 32 - 1],
    [[TYPE.i32, -3], -3],
    [[TYPE.f32, 0.5], 0.5],
    [[TYPE.flag, true], true],
    [[TYPE.text, "naïve"], "naïve"],
    [
      [TYPE.array, [TYPE.text, ["a", "", "日本"]]],
      ["a", "", "日本"],
    ],
    [[TYPE.array, [TYPE.i16, []]], []],
    [[TYPE.u64, 2 ** 53], 2 ** 53],
    [[TYPE.i64, -(2 ** 53)], -(2 ** 53)],
    [[TYPE.f64, 0.1], 0.1],
  ];
  const { metadata } = read(
    ggufFile(
      values.map(([typed], i) => [`k${i}`, typed]),
      [],
    ),
  );
  assert.equal(
    [...metadata.values()],
    values.map(([, value]) => value),
  );
});

test("version 2 and another alignment are read, and so is a file on disk, part by part", () => {
  const directory = mkdtempSync(join(tmpdir(), "gguf-"));
  try {
    const path = join(directory, "x.gguf");
    const two = floatTensor("v", [3], [7, 8, 9]);
    writeFileSync(path, ggufFile([["general.alignment", [TYPE.u32, 64]]], [one, two], 64, 2));
    const { tensors } = readGguf(fileRanges(path));
    assert.equal(
      [...tensors.values()].map((tensor) => [...floatsOf(tensor, "x")]),
      [
        [1, 2, 3, 4, 5, 6],
        [7, 8, 9],
      ],
    );
    writeFileSync(path, "another file");
    assert.match(
      refusal(() => tensors.get("w")!.bytes()),
      "x.gguf was changed while it was being read",
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a tensor may be the last thing in the file, without bytes that align it", () => {
  assert.is(read(ggufFile([], [one]).slice(0, -8)).tensors.size, 1);
});

test("every beginning of a file is refused in one sentence", () => {
  const bytes = ggufFile([["k", [TYPE.array, [TYPE.text, ["a", "b"]]]]], [one]).slice(0, -8);
  for (let length = 0; length < bytes.length; length++) {
    const sentence = refusal(() => read(bytes.slice(0, length)));
    assert.ok(sentence.startsWith("x.gguf: not a ") && sentence.length < 300, sentence);
  }
});

test("what is no GGUF file, or one of another kind, is called by its name", () => {
  assert.is(refused(new Uint8Array(9)), "x.gguf: not a GGUF file: it does not begin with GGUF and a version");
  const page = new TextEncoder().encode("<!doctype html><p>not found");
  assert.is(refused(page), "x.gguf is an HTML page, not a GGUF file; download the file itself, not the page about it");
  const claim = "little-endian files of version 2 or 3 can be read";
  assert.is(refused(ggufFile([], [], 32, 1)), `x.gguf is a GGUF file that has version 1; ${claim}`);
  assert.is(refused(ggufFile([], [], 32, 0x03000000)), `x.gguf is a GGUF file that is big-endian; ${claim}`);
});

/** A file whose header is changed at a place that holds `from`. */
function changed(bytes: Uint8Array, from: readonly number[], to: readonly number[]): Uint8Array {
  const at = Buffer.from(bytes).indexOf(Buffer.from(from));
  assert.ok(at > 0);
  const copy = bytes.slice();
  copy.set(to, at);
  return copy;
}

test("metadata that cannot be are refused by their key", () => {
  const flag = ggufFile([["k", [TYPE.flag, true]]], []);
  const at = flag.slice().fill(2, 24 + 8 + 1 + 4, 24 + 8 + 1 + 5);
  assert.is(refused(at), 'the value of key "k" is the byte 2, where 0 or 1 must be');
  const twice = ggufFile(
    [
      ["k", [TYPE.u8, 1]],
      ["k", [TYPE.u8, 1]],
    ],
    [],
  );
  assert.is(refused(twice), 'the key "k" appears twice');
  assert.is(
    refused(ggufFile([["k", [TYPE.u64, 2n ** 60n]]], [])),
    'the value of key "k" is 1152921504606846976, beyond 2^53',
  );
  const typed = changed(ggufFile([["k", [TYPE.u8, 77]]], []), [0x6b, 0], [0x6b, 13]);
  assert.is(refused(typed), 'the value of key "k" has type 13; types are 0 to 12');
  const nested = ggufFile([["k", [TYPE.array, [TYPE.array, [[TYPE.u8, [1]]]]]]], []);
  assert.is(refused(nested), 'the value of key "k" is an array of arrays');
  const text = ggufFile([["k", [TYPE.text, "ab"]]], []);
  assert.is(refused(changed(text, [0x61, 0x62], [0xff, 0xfe])), 'the value of key "k" is not UTF-8 text');
});

test("a length that the file cannot hold is refused before anything is allocated", () => {
  const text = ggufFile([["k", [TYPE.text, "ab"]]], []);
  const huge = changed(text, [2, 0, 0, 0, 0, 0, 0, 0, 0x61], [0xff, 0xff, 0xff, 0xff, 0xff]);
  assert.match(
    refused(huge),
    /^the value of key "k" would have a length of 1099511627775, but only \d+ bytes are left/,
  );
  const tensors = ggufHeader([], []).slice();
  tensors.set([0xff, 0xff, 0xff, 0xff], 8);
  assert.match(refused(tensors), "the list of tensors would have a length of 4294967295");
});

test("lists and texts that a program could not hold are refused before they are read", () => {
  const length = (count: number) => {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0, true); // u8
    view.setBigUint64(4, BigInt(count), true);
    return { name: "x.gguf", size: 2 ** 40, read: (from: number, to: number) => bytes.slice(from, to) };
  };
  const refusedBy = (act: (cursor: GgufCursor) => void, count: number) => {
    const cursor = new GgufCursor(length(count));
    cursor.u32("the type");
    return refusal(() => act(cursor)).replace("x.gguf: not a valid GGUF file: ", "");
  };
  assert.is(
    refusedBy((cursor) => cursor.items(1, "the list"), 2 ** 23 + 1),
    "the list has 8388609 items, and all arrays together may have 8388608",
  );
  assert.is(
    refusedBy((cursor) => cursor.text("the text"), 2 ** 29),
    "the text has 536870912 bytes; a text has 67108864 at most",
  );
});

test("an alignment that is none is refused", () => {
  for (const value of [0, 4, 33, 2 ** 21]) {
    const bytes = ggufFile([["general.alignment", [TYPE.u32, value]]], []);
    assert.is(refused(bytes), `general.alignment is ${value}; it must be a power of 2 from 8 to 2^20`);
  }
});

test("tensors that cannot be are refused by their name", () => {
  const file = (tensor: Partial<RawTensor>, ...others: RawTensor[]) =>
    refused(ggufFile([], [{ ...one, ...tensor }, ...others]));
  assert.is(file({ axes: [] }), 'tensor "w" has 0 axes; it must have 1 to 4');
  assert.is(file({ axes: [1, 1, 1, 1, 6] }), 'tensor "w" has 5 axes; it must have 1 to 4');
  assert.is(file({ axes: [0, 3] }), 'tensor "w" has the shape [3,0], of no possible size');
  assert.is(
    file({ axes: [2 ** 40, 2 ** 40] }),
    'tensor "w" has the shape [1099511627776,1099511627776], of no possible size',
  );
  assert.match(file({ type: 23 }), /^tensor "w" has type IQ4_XS; readable are F32, F16, Q4_0, /);
  assert.match(file({ type: 4 }), /^tensor "w" has type 4; readable are /);
  assert.is(file({ type: 8 }), 'tensor "w" has rows of 2 numbers, but Q8_0 comes in blocks of 32');
  assert.is(file({ offset: 32 }), 'tensor "w" begins at byte 32 of the data; it should be 0');
  assert.match(file({ axes: [2, 5] }), /^tensor "w" has bytes 0 to 40, but there are only 32 bytes of data/);
  assert.is(
    file({}, one),
    'x.gguf: not a valid GGUF file: the tensor "w" appears twice'.replace("x.gguf: not a valid GGUF file: ", ""),
  );
  assert.is(file({}, { ...one, name: "v", offset: 0 }), 'tensor "v" begins at byte 0 of the data; it should be 32');
});

test("bytes that belong to no tensor are refused", () => {
  assert.is(
    refused(Uint8Array.of(...ggufFile([], [one]), ...new Uint8Array(40))),
    "its tensors end at byte 24 of 72 bytes of data; the rest belongs to none",
  );
});
