import * as assert from "uvu/assert";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { modelFromTensors, modelTensors } from "../../src/model/pretrained.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("fingerprint");

const of = (overrides: Partial<ModelConfig>, seed = 1) => new Transformer(tinyConfig(overrides), seed).fingerprint();
const own = of({});

test("a small example, written out: a scale of 1 set to 2 changes the fingerprint, and set to 1 restores it", () => {
  const model = new Transformer(tinyConfig(), 1);
  const scale = model.parameters.get("model.norm.weight");
  assert.equal([...scale.toArray()], Array(12).fill(1));
  scale.fill(2);
  assert.not.equal(model.fingerprint(), own);
  scale.fill(1);
  assert.is(model.fingerprint(), own);
  model.release();
});

test("a model that was saved and loaded has the same fingerprint", () => {
  const model = new Transformer(tinyConfig(), 1);
  const { tensors } = readSafetensors(writeSafetensors(modelTensors(model)), "test");
  assert.is(modelFromTensors(tinyConfig(), tensors, "test").fingerprint(), own);
});

test("every weight counts, and so do keys that change the meaning of weights", () => {
  const model = new Transformer(tinyConfig(), 1);
  for (const name of model.parameters.names()) {
    const { ptr, size } = model.parameters.get(name);
    const last = size - 1;
    const before = heap.f32(ptr, size)[last];
    heap.f32(ptr, size)[last] = before + 1;
    assert.is.not(model.fingerprint(), own, name);
    heap.f32(ptr, size)[last] = before;
  }
  assert.is(model.fingerprint(), own);
  assert.is.not(of({ rms_norm_eps: 1e-5 }), own);
  assert.is.not(of({ hidden_act: "gelu" }), own);
  assert.is.not(of({ segment_length: 8 }), own);
  assert.is.not(of({}, 2), own);
});

test("smeared keys count if there are any, and models without them keep their old fingerprint", () => {
  assert.is(of({ memory_layers: [] }), of({ memory_layers: [], smear_keys: "memory_layers" }));
  const smeared = [of({}), of({ smear_keys: "memory_layers" }), of({ smear_keys: "all" })];
  assert.is(new Set(smeared).size, 3);
  assert.is(own, "b31c4874918ebe28");
});

test("copying counts where there is some", () => {
  assert.is.not(of({ smear_keys: "memory_layers", memory_copy: true }), of({ smear_keys: "memory_layers" }));
});

test("the size of a memory and its search do not count", () => {
  const overrides: Partial<ModelConfig> = { memory_size: 99, memory_topk: 2, memory_search: "bucketed", dropout: 0.1 };
  assert.is(of({ ...overrides, memory_buckets: 2 }), own);
});
