/** Checkpoints in several files: one of two shards, and all ways in which an index and its files can disagree. */
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { sourceOf } from "../../src/formats/byte-source.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { safetensorsWeights } from "../../src/formats/safetensors-weights.ts";
import { shardedWeights } from "../../src/formats/sharded-weights.ts";
import { floatsOf, weightTypeOf } from "../../src/formats/weight-file.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { fileOf } from "./safetensors-files.ts";

const test = suite("sharded weights");

const shards: Record<string, Uint8Array> = {
  "1.safetensors": writeSafetensors(new Map([["a", { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) }]])),
  "2.safetensors": writeSafetensors(new Map([["b", { dtype: "BF16", shape: [1], data: Uint16Array.of(0xc040) }]])),
};

function open(shard: string) {
  if (!Object.hasOwn(shards, shard)) throw new InputError(`no ${shard}`);
  return sourceOf(shards[shard], shard);
}

const read = (index: unknown) => shardedWeights(index, "index.json", open);
const refused = (index: unknown) => refusal(() => read(index));

test("a small example, written out: two tensors in two files", () => {
  const { tensors } = read({ metadata: { total_size: 10 }, weight_map: { a: "1.safetensors", b: "2.safetensors" } });
  assert.equal(floatsOf(tensors.get("a")!, "x"), Float32Array.of(1, 2));
  assert.equal(floatsOf(tensors.get("b")!, "x"), Float32Array.of(-3));
});

test("an index that is none is refused", () => {
  for (const index of [[], null, {}, { weight_map: ["a"] }, { weight_map: null }]) {
    assert.is(refused(index), "index.json has no weight_map, an object that gives the file of each tensor");
  }
  assert.is(refused({ weight_map: {} }), "index.json: its weight_map names no tensor");
});

test("a shard is a file next to the index, not a path", () => {
  for (const shard of [3, "", "../1.safetensors", "/tmp/1.safetensors", "a\\1.safetensors", "1.bin", "..", null]) {
    assert.match(
      refused({ weight_map: { a: shard } }),
      /^index\.json: the file of tensor "a" is .*; it must be the name of/,
    );
  }
});

test("a shard that is missing or damaged is refused", () => {
  assert.is(refused({ weight_map: { a: "3.safetensors" } }), "no 3.safetensors");
  shards["4.safetensors"] = shards["1.safetensors"].slice(0, -1);
  assert.match(refused({ weight_map: { a: "4.safetensors" } }), "it may be truncated");
});

test("a tensor that is not where the index says, or that it does not list, is refused", () => {
  assert.is(
    refused({ weight_map: { a: "1.safetensors", c: "1.safetensors" } }),
    'index.json says that tensor "c" is in "1.safetensors", but that file has none',
  );
  assert.is(
    refused({ weight_map: { b: "2.safetensors", a: "2.safetensors", x: "1.safetensors" } }),
    '"1.safetensors" has the tensor "a", but index.json says that it is in "2.safetensors"',
  );
  shards["5.safetensors"] = shards["1.safetensors"];
  assert.is(
    refused({ weight_map: { a: "1.safetensors", b: "5.safetensors" } }),
    '"5.safetensors" has the tensor "a", but index.json says that it is in "1.safetensors"',
  );
  assert.is(
    refused({ weight_map: { x: "1.safetensors" } }),
    '"1.safetensors" has the tensor "a", but index.json does not list it',
  );
});

test("a tensor of any kind of number may stand in a file; only reading it as a weight is refused", () => {
  const header = {
    mask: { dtype: "BOOL", shape: [3], data_offsets: [0, 3] },
    new: { dtype: "F4", shape: [3], data_offsets: [3, 5] },
  };
  const { tensors } = safetensorsWeights(sourceOf(fileOf(header, 5), "x"));
  assert.is(tensors.get("mask")!.size, 3);
  assert.match(
    refusal(() => weightTypeOf(tensors.get("new")!, "x")),
    /^x: tensor "new" has dtype "F4"; weights can be F32, F16, BF16, /,
  );
  const wrong = fileOf({ mask: { dtype: "BOOL", shape: [4], data_offsets: [0, 3] } }, 3);
  assert.is(
    refusal(() => safetensorsWeights(sourceOf(wrong, "x"))),
    'x: tensor "mask" has 3 bytes, but BOOL and shape [4] needs 4',
  );
});
