import * as assert from "uvu/assert";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { exists } from "../src/platform/files.ts";
import { readFile } from "../src/platform/read-file.ts";
import { golden, goldenVariants } from "./golden.ts";
import { suite } from "./harness.ts";

const test = suite("golden");
const reference = "../shared/reference";

test("a small example, written out: both rows begin a document in the first segment, the second row another in the fourth", () => {
  const starts = [...(golden("plain").tensors.get("starts")?.data ?? [])];
  assert.equal(
    [starts.slice(0, 2), starts.slice(2, 6), starts.slice(6, 8)],
    [
      [1, 1],
      [0, 0, 0, 0],
      [0, 1],
    ],
  );
});

test("every variant is complete: inputs, parameters of its layers, logits of five segments, losses", () => {
  for (const variant of goldenVariants) {
    const { config, tensors, f32 } = golden(variant);
    assert.equal(tensors.get("tokens")?.shape, [5, 2, config.segment_length + 1]);
    assert.equal(tensors.get("starts")?.data, Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 1, 0, 0));
    assert.is(f32("losses").length, 5);
    assert.is(f32("adam.losses").length, 15);
    assert.is(f32("param.emb").length, config.vocab_size * config.hidden_size);
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      assert.is(f32(`param.layers.${layer}.w2.weight`).length, config.hidden_size * config.intermediate_size);
    }
    for (let segment = 0; segment < 5; segment++) {
      const shape = [2, config.segment_length, config.vocab_size];
      assert.equal(tensors.get(`seg${segment}.logits`)?.shape, shape);
    }
  }
});

test("the variants match their names", () => {
  assert.equal(golden("plain").config.memory_layers, []);
  assert.is(golden("plain").config.xl_cache_length, 0);
  assert.is(golden("xl").config.xl_cache_length, 16);
  assert.equal(golden("memory").config.memory_layers, [1]);
  assert.is(golden("memory").config.memory_size, 40);
  assert.is(golden("memory-xl").config.xl_cache_length, 16);
  assert.is(golden("memory-joint").config.memory_combine, "joint");
});

test("a missing tensor is an error, not an empty array", () => {
  assert.throws(() => golden("plain").f32("param.layers.1.gate"), "golden plain has no F32 tensor param.layers.1.gate");
  assert.throws(() => golden("plain").f32("tokens"), "golden plain has no F32 tensor tokens");
});

test.unless(exists(reference) ? "" : `no ${reference}`, "every tensor is bit-identical to the reference's", () => {
  for (const variant of goldenVariants) {
    const path = `${reference}/${variant}.safetensors`;
    const original = readSafetensors(readFile(path), path).tensors;
    for (const [name, tensor] of golden(variant).tensors)
      assert.equal(tensor, original.get(name), `${variant} ${name}`);
  }
});
