import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { suite } from "../harness.ts";
import { everyDtype, fileOf } from "./safetensors-files.ts";

const test = suite("safetensors");

test("a small example, written out: the length of the header, the header, the bytes", () => {
  const bytes = writeSafetensors(new Map([["w", { dtype: "U8", shape: [2], data: Uint8Array.of(7, 8) }]]));
  const header = '{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   '; // spaces up to a multiple of 8 bytes
  assert.equal(bytes, Uint8Array.of(56, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(header), 7, 8));
  assert.equal(readSafetensors(bytes, "x").tensors.get("w")?.data, Uint8Array.of(7, 8));
});

test("tensors are read back bit-identical, with names, shapes and metadata", () => {
  const tensors = everyDtype();
  const metadata = { note: 'quotes " and ünïcödé 🙂\n', empty: "", __proto__x: "1" };
  const file = readSafetensors(writeSafetensors(tensors, metadata), "x");
  assert.equal(file.metadata, metadata);
  assert.is(file.tensors.size, tensors.size);
  for (const [name, { dtype, shape, data }] of tensors) {
    const back = file.tensors.get(name);
    assert.is(back?.dtype, dtype, name);
    assert.equal(back?.shape, shape, name);
    assert.equal(new Uint8Array(bytesOf(back?.data)), new Uint8Array(bytesOf(data)), name);
  }
});

function bytesOf(data: ArrayBufferView | undefined): Uint8Array {
  return data === undefined ? new Uint8Array(0) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

test("an empty table and no metadata make a file too", () => {
  const file = readSafetensors(writeSafetensors(new Map()), "x");
  assert.is(file.tensors.size, 0);
  assert.equal(file.metadata, {});
});

test("writing puts the data at multiples of 8 bytes and aligns every tensor", () => {
  const bytes = writeSafetensors(everyDtype(), { odd: "x" });
  assert.is(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8, 0);
  for (const [name, { data }] of readSafetensors(bytes, "x").tensors) {
    assert.is(data.buffer, bytes.buffer, `${name} is a view, not a copy`);
  }
});

test("writing what was read gives the same bytes", () => {
  const bytes = writeSafetensors(everyDtype(), { b: "1", a: "2" });
  const { tensors, metadata } = readSafetensors(bytes, "x");
  assert.equal(writeSafetensors(tensors, metadata), bytes);
});

test("a part of a larger array is written, not the whole", () => {
  const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
  const tensors = new Map<string, StoredTensor>([["w", { dtype: "F32", shape: [2], data }]]);
  const bytes = writeSafetensors(tensors);
  assert.equal(readSafetensors(bytes, "x").tensors.get("w")?.data, Float32Array.of(1, 2));
});

test("a file that begins anywhere in a larger buffer is read, its unaligned tensors as copies", () => {
  const file = writeSafetensors(everyDtype());
  for (let offset = 0; offset < 9; offset++) {
    const bytes = new Uint8Array(offset + file.length);
    bytes.set(file, offset);
    const { tensors } = readSafetensors(bytes.subarray(offset), "x");
    assert.equal(tensors.get("unsigned")?.data, Uint32Array.of(0, 1, 2, 3, 2 ** 32 - 1));
    assert.equal(tensors.get("long")?.data, BigInt64Array.of(-(2n ** 63n)));
  }
});

test("names that every JavaScript object has are names like others", () => {
  const one: StoredTensor = { dtype: "U8", shape: [1], data: Uint8Array.of(7) };
  const names = ["__proto__", "constructor", "1", "0", ""];
  const bytes = writeSafetensors(new Map(names.map((name) => [name, one])), JSON.parse('{"__proto__": "kept"}'));
  const { tensors, metadata } = readSafetensors(bytes, "x");
  assert.equal([...tensors.keys()].sort(), names.sort());
  assert.is(Object.entries(metadata).join(), "__proto__,kept");
});

test("tensors may lie in any order behind the header, and white space is free", () => {
  const header = ` { "b" :{"data_offsets":[1 , 3],"shape":[2],"dtype":"U8"},\r\n\t"a":${JSON.stringify({ dtype: "U8", shape: [], data_offsets: [0, 1] })} }  `;
  const bytes = fileOf(header, 3);
  bytes.set([1, 2, 3], bytes.length - 3);
  const { tensors } = readSafetensors(bytes, "x");
  assert.equal([...tensors.keys()], ["b", "a"]);
  assert.equal(tensors.get("a")?.data, Uint8Array.of(1));
  assert.equal(tensors.get("b")?.data, Uint8Array.of(2, 3));
});

test("writing refuses a shape that does not fit and the name of the metadata, as bugs", () => {
  const tensor = (shape: number[]): StoredTensor => ({ dtype: "F32", shape, data: new Float32Array(6) });
  for (const shape of [[5], [2, 4], [], [0]]) {
    assert.throws(() => writeSafetensors(new Map([["w", tensor(shape)]])), /tensor "w" has 6 elements/);
  }
  assert.throws(() => writeSafetensors(new Map([["__metadata__", tensor([6])]])), /cannot be called __metadata__/);
});

const python = ["/usr/bin/python3", "python3"].find(
  (command) => spawnSync(command, ["-c", "import safetensors.numpy"]).status === 0,
);

test.unless(python === undefined ? "no Python with safetensors" : "", "Python's safetensors opens our files", () => {
  const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
  try {
    const path = join(folder, "x.safetensors");
    writeFileSync(path, writeSafetensors(everyDtype(), { a: "b" }));
    const program = `
from safetensors import safe_open
with safe_open("${path}", "np") as f:
    print(f.metadata()["a"], f.get_tensor("unsigned").sum(), list(f.get_tensor("half").shape), f.get_tensor("int"))`;
    const { stdout, stderr } = spawnSync(python ?? "", ["-c", program], { encoding: "utf8" });
    assert.is(stdout.trim(), "b 4294967301 [1, 3] -1", stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
