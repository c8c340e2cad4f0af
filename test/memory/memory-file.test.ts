/** A memory's file: everything is restored, and damaged files are refused. */
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { decodeMemory, encodeMemory } from "../../src/memory/memory-file.ts";
import type { MemoryContents } from "../../src/memory/options.ts";
import type { MemorySnapshot } from "../../src/memory/snapshot.ts";
import { asHalves } from "../../src/wasm/half.ts";
import { suite } from "../harness.ts";
import { type Forgery, forgedMemory } from "../hostile/forge.ts";
import { refusal } from "../refusal.ts";

const test = suite("memory file");

const names = ["a.txt", "", 'quotes", \\ and "checksum":"0"', "καλημέρα\n\u0000"];

function snapshotOf(length: number, { model, documents = names }: { model?: string; documents?: string[] } = {}) {
  const random = new Random(length);
  const [heads, width] = [2, 3];
  const floats = () => Float32Array.from({ length: heads * length * width }, () => random.normal());
  const column = (most: number) => Int32Array.from({ length }, () => Math.floor(random.next() * most));
  const columns = {
    document: column(documents.length).sort(),
    index: column(9),
    token: column(256),
    begin: column(99),
    end: column(2 ** 31 - 100).map((end) => end + 99),
  };
  const layers = new Map([2, 11].map((layer) => [layer, { keys: floats(), values: floats() }]));
  const sources = { documents, columns };
  return { name: "file", model, heads, width, size: 9, length, appended: length + 70, layers, sources };
}

test("a small example, written out: one pair of layer 2 is two tensors and a JSON header", () => {
  const pair = { keys: Float32Array.of(3, 4), values: Float32Array.of(5, 6) };
  const shape = { heads: 1, width: 2, size: 9, length: 1, appended: 1 };
  const file = encodeMemory({
    name: "file",
    model: undefined,
    ...shape,
    layers: new Map([[2, pair]]),
    sources: undefined,
  });
  const { tensors, metadata } = readSafetensors(file, "file");
  assert.equal(tensors.get("layers.2.keys"), { dtype: "F32", shape: [1, 1, 2], data: pair.keys });
  assert.equal(tensors.get("layers.2.values"), { dtype: "F32", shape: [1, 1, 2], data: pair.values });
  assert.is(metadata.shape, '{"heads":1,"width":2,"size":9,"length":1,"appended":1,"layers":[2]}');
});

for (const length of [0, 1, 7]) {
  test(`a memory of ${length} pairs is read as it was written, at any offset of its bytes`, () => {
    for (const snapshot of [snapshotOf(length, { model: "0123456789abcdef" }), snapshotOf(length)]) {
      const bytes = encodeMemory(snapshot);
      assert.equal(decodeMemory(bytes, "file"), snapshot);
      const moved = new Uint8Array(bytes.length + 3).subarray(3);
      moved.set(bytes);
      assert.equal(decodeMemory(moved, "file"), snapshot);
    }
  });
}

test("halves are halves in the file", () => {
  const floats = snapshotOf(5);
  const halved = ({ keys, values }: MemoryContents) => ({ keys: asHalves(keys), values: asHalves(values) });
  const layers = new Map([...floats.layers].map(([layer, pairs]) => [layer, halved(pairs)]));
  const bytes = encodeMemory({ ...floats, layers });
  assert.equal(decodeMemory(bytes, "file"), { ...floats, layers });
  assert.is(readSafetensors(bytes, "file").tensors.get("layers.11.values")?.dtype, "F16");
});

test("pairs of unknown origin come back without sources", () => {
  const snapshot: MemorySnapshot = { ...snapshotOf(5), sources: undefined };
  assert.equal(decodeMemory(encodeMemory(snapshot), "file"), snapshot);
});

test("the file is a plain safetensors file with named tensors", () => {
  const { tensors, metadata } = readSafetensors(encodeMemory(snapshotOf(4, { model: "m" })), "file");
  const shapes = [...tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape}`);
  const pairs = [2, 11].flatMap((layer) => [`layers.${layer}.keys F32 2,4,3`, `layers.${layer}.values F32 2,4,3`]);
  const sources = ["document", "index", "token", "begin", "end"].map((field) => `sources.${field} I32 4`);
  assert.equal(shapes, [...pairs, ...sources]);
  const { checksum, ...rest } = metadata;
  assert.match(checksum, /^[0-9a-f]{16}$/);
  assert.equal(rest, {
    format: "memorizing-memory",
    version: "1",
    model: "m",
    shape: '{"heads":2,"width":3,"size":9,"length":4,"appended":74,"layers":[2,11]}',
    documents: JSON.stringify(names),
  });
});

const bytes = encodeMemory(snapshotOf(3, { model: "m" }));

test("a file cut short at any byte is refused", () => {
  for (let length = 0; length < bytes.length; length++) {
    assert.match(
      refusal(() => decodeMemory(bytes.slice(0, length), "cut.safetensors")),
      /^cut\.safetensors\b/,
    );
  }
});

test("a file with any flipped bit, changed byte or extra byte is refused", () => {
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [1 << (at % 8), 255, 0x20 ^ 0x09]) {
      const altered = bytes.slice();
      altered[at] ^= flip;
      assert.match(
        refusal(() => decodeMemory(altered, "bad.safetensors")),
        /^bad\.safetensors\b/,
      );
    }
  }
  refusal(() => decodeMemory(Uint8Array.of(...bytes, 0), "bad"));
});

test("altered numbers are refused by the checksum, and the sentence says so", () => {
  const altered = bytes.slice();
  altered[bytes.length - 5] ^= 1;
  assert.is(
    refusal(() => decodeMemory(altered, "notes")),
    "notes was altered after it had been written: its checksum does not fit; rebuild it",
  );
});

test("another safetensors file, and a file of a later version, are refused as such", () => {
  assert.is(
    refusal(() => decodeMemory(writeSafetensors(new Map()), "weights")),
    'weights is not a memory\'s file, as "memorizing read" writes them',
  );
  assert.is(
    refusal(() => decodeMemory(writeSafetensors(new Map(), { format: "memorizing-memory", version: "2" }), "new")),
    'new has version "2" of its format, but only version 1 can be read',
  );
});

/** Returns the file with other metadata, or other numbers in some tensors. */
function forged(metadata: Record<string, string>, change: Forgery = () => {}): Uint8Array {
  return forgedMemory(snapshotOf(3), metadata, change);
}

test("a forged file with contradictory parts is refused", () => {
  const refused = (...args: Parameters<typeof forged>) => refusal(() => decodeMemory(forged(...args), "f"));
  const shape = { heads: 2, width: 3, size: 9, length: 3, appended: 73, layers: [2, 11] };
  const reshaped = (change: object) => refused({ shape: JSON.stringify({ ...shape, ...change }) });
  assert.equal(decodeMemory(forged({}), "f").length, 3);
  assert.is(reshaped({ length: 4 }), 'f: tensor "layers.2.keys" has shape [2,3,3], it should be [2,4,3]');
  assert.is(reshaped({ heads: 9999 }), 'f: tensor "layers.2.keys" has shape [2,3,3], it should be [9999,3,3]');
  assert.is(reshaped({ layers: [2] }), 'f: tensor "layers.11.keys" of shape [2,3,3] belongs to no part of this model');
  assert.is(reshaped({ layers: [2, 3] }), 'f: tensor "layers.3.keys" is missing; its shape should be [2,3,3]');
  assert.match(reshaped({ appended: -1 }), /^f: appended must be a whole number from 0/);
  assert.is(reshaped({ appended: 2 }), "f holds 3 pairs, but only 2 were remembered");
  assert.match(refused({ shape: "{" }), /^f: its metadata are not as "memorizing read" writes them/);
  assert.is(refused({ model: "x\n" }), 'f: "x\\n" is not the fingerprint of a model');
  assert.is(refused({ documents: "[1]" }), "f: documents in its metadata must be a list of names");
  assert.match(refused({ documents: '["a"]' }), /^f: tensor "sources.document" holds [123], which is not from 0 to 0$/);
  const negative: Forgery = (numbersOf) => numbersOf("sources.begin").fill(-7);
  assert.is(refused({}, negative), 'f: tensor "sources.begin" holds -7, which is not from 0 to 2147483647');
  const backwards: Forgery = (numbersOf) => numbersOf("sources.document").set([2, 1, 3]);
  assert.is(refused({}, backwards), "f: the source of pair 1 cannot come after the one before it");
  const inverted: Forgery = (numbersOf) => numbersOf("sources.end").fill(0, 2);
  assert.match(refused({}, inverted), "f: the source of pair 2 cannot");
  const infinite: Forgery = (numbersOf) => numbersOf("layers.11.values").fill(-Infinity, 4);
  assert.is(refused({}, infinite), 'f: element 4 of tensor "layers.11.values" is not a finite number');
  assert.is(reshaped({ layers: [2, 2] }), "f: layers in its metadata names layer 2 twice");
  assert.match(reshaped({ heads: 2 ** 31 }), /^f: heads must be a whole number from 1 to 65536/);
});
