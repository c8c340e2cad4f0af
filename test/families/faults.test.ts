/**
 * Faults that people found in other programs' loaders, as far as reading can have them. What
 * only a computation can get wrong is tested where logits are. Each of these faults was silent: text came out, and was worse.
 */
import { existsSync } from "node:fs";
import * as assert from "uvu/assert";
import { families } from "../../src/families/families.ts";
import { readModelFiles } from "../../src/families/foreign-model.ts";
import { loadForeign } from "../../src/families/load-foreign.ts";
import { type ExportedParameter, writeParameters } from "../../src/families/write-parameters.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { absent, describe, reference, smallConfigs } from "./golden-models.ts";
import { bytesOf, type Directory, modelFiles, smallModel, smallTensors } from "./small-models.ts";

const test = suite("faults of loaders");

const read = (directory: Directory) => readModelFiles(modelFiles(directory));
const refused = (directory: Directory) => refusal(() => read(directory));
const floats = (directory: Directory, name: string) => [...read(directory).parameters.get(name)!.floats()];

test("a small example, written out: every family's own small model is read whole", () => {
  for (const family of Object.keys(smallConfigs) as (keyof typeof smallConfigs)[]) {
    const { parameters, architecture, notes } = read(smallModel(family));
    assert.equal(notes, []);
    assert.equal(architecture, describe(family));
    for (const parameter of parameters.values()) assert.ok(parameter.floats().length > 0);
  }
});

test("rows of a half-split file stay where they are", () => {
  const shape = [8, 8];
  const numbered = Array.from({ length: shape[0] * shape[1] }, (_, i) => i + 1);
  assert.equal(floats(smallModel("llama"), "layers.0.q.weight"), numbered);
});

test("writing a model and reading it again gives the same bits, biases too", () => {
  for (const [family, changes] of [
    ["llama", { attention_bias: true }],
    ["gpt2", {}],
    ["gpt_neox", {}],
    ["gpt_neo", {}],
  ] as const) {
    const directory = smallModel(family, changes);
    const model = read(directory);
    const parameters = model.parameters as ReadonlyMap<string, ExportedParameter>;
    const written = writeSafetensors(writeParameters(model.architecture, parameters, families[family]));
    const again = read({ ...directory, "model.safetensors": written });
    for (const [name, parameter] of model.parameters) {
      assert.equal(again.parameters.get(name)!.bytes(), parameter.bytes(), name);
    }
    const original = readSafetensors(directory["model.safetensors"] as Uint8Array, "x").tensors;
    for (const [name, { data }] of readSafetensors(written, "x").tensors) {
      assert.equal(bytesOf(data), bytesOf(original.get(name)!.data), name);
    }
  }
});

test("the θ of rope_parameters is read, and a file that names none is refused", () => {
  const rope = { rope_parameters: { rope_type: "default", rope_theta: 16 }, head_dim: 4 };
  const { positions } = read(smallModel("qwen2", rope)).architecture;
  assert.ok(positions.kind === "rotary" && Math.abs(positions.frequencies[0][1] - 0.25) < 1e-15);
  assert.match(
    refused(smallModelWithout("qwen2", "rope_parameters")),
    "names neither rope_parameters with a rope_theta nor rope_theta",
  );
});

/** A small model whose config.json lacks a key. */
function smallModelWithout(family: keyof typeof smallConfigs, key: string): Directory {
  const { [key]: _, ...config } = smallConfigs[family] as Record<string, unknown>;
  return { ...smallModel(family), "config.json": config };
}

test("a scaling of Llama 3 is computed with its own factor; an unknown one is refused", () => {
  const scaling = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64, rope_theta: 1e6 };
  const slowest = (factor: number) => {
    const rope_parameters = { rope_type: "llama3", factor, ...scaling };
    const { positions } = describe("llama", { rope_parameters, head_dim: 8 });
    return positions.kind === "rotary" ? positions.frequencies[0][3] : 0;
  };
  assert.ok(Math.abs(slowest(8) / slowest(32) - 4) < 1e-12);
  assert.match(
    refusal(() => describe("llama", { rope_parameters: { rope_type: "longrope", rope_theta: 1 } })),
    'rope_parameters.rope_type is "longrope"; it must be',
  );
});

test("a tied head may be absent, present and equal, or present and different", () => {
  const tied = { tie_word_embeddings: true };
  const absentHead = read(smallModel("llama", tied));
  assert.ok(absentHead.architecture.tiedHead && !absentHead.parameters.has("head.weight"));
  const equal = smallModel("llama", tied, (tensors) =>
    tensors.set("lm_head.weight", tensors.get("model.embed_tokens.weight")!),
  );
  assert.equal([read(equal).architecture.tiedHead, read(equal).notes], [true, []]);
  const different = smallModel("llama", tied, (tensors) =>
    tensors.set("lm_head.weight", { dtype: "F32", shape: [5, 8], data: new Float32Array(40).fill(7) }),
  );
  assert.is(read(different).architecture.tiedHead, false);
  assert.equal(floats(different, "head.weight"), Array(40).fill(7));
  assert.match(read(different).notes[0], "the stored head differs from the embedding");
});

test("a head that is neither tied nor stored is refused, and so is a tensor of no part of the model", () => {
  const headless = smallModel("llama", {}, (tensors) => tensors.delete("lm_head.weight"));
  assert.is(
    refused(headless),
    'model.safetensors: tensor "lm_head.weight" is missing, and the configuration says that it is not the embedding (tie_word_embeddings)',
  );
  const stranger = "model.layers.0.self_attn.q_proj.bias";
  const biased = smallModel("llama", {}, (tensors) =>
    tensors.set(stranger, { dtype: "F32", shape: [8], data: new Float32Array(8) }),
  );
  assert.is(refused(biased), `model.safetensors: tensor "${stranger}" of shape [8] belongs to no part of this model`);
  const deeper = smallModel("llama", { num_hidden_layers: 2 });
  assert.match(refused({ ...deeper, "config.json": smallConfigs.llama }), "belongs to no part of this model");
});

test("shapes come from head_dim, not from the width; another is refused", () => {
  assert.equal(read(smallModel("qwen3")).parameters.get("layers.0.q.weight")!.shape, [24, 8]);
  assert.is(
    refused({ ...smallModel("llama"), "config.json": { ...smallConfigs.llama, head_dim: 4 } }),
    'model.safetensors: tensor "model.layers.0.self_attn.q_proj.weight" has shape [8,8], it should be [16,8]',
  );
});

test("Gemma's norms are 1 + w, all others w", () => {
  const offsets = Object.keys(smallConfigs).map((family) => describe(family as "llama").norm.weightOffset);
  assert.equal(offsets, [0, 0, 0, 0, 0, 0, 1]);
});

test("GPT-2's matrices are turned, the square one too; GPT-Neo's are not", () => {
  const turned = Array.from({ length: 16 }, (_, i) => 1 + (i % 4) * 4 + Math.floor(i / 4));
  assert.equal(floats(smallModel("gpt2"), "layers.0.o.weight"), turned);
  assert.equal(
    floats(smallModel("gpt_neo"), "layers.0.o.weight"),
    turned.toSorted((a, b) => a - b),
  );
});

test("GPT-NeoX rotates its share of a head", () => {
  const { positions, headWidth } = describe("gpt_neox");
  assert.equal([headWidth, positions.kind === "rotary" && positions.dimensions], [4, 2]);
});

test("brain floats are read, with all that half of a float can be", () => {
  const bits = Uint16Array.from({ length: 8 }, (_, i) => [0x3f80, 0x0001, 0x8000, 0xc040][i % 4]);
  const model = (data: Uint16Array) =>
    smallModel("llama", {}, (tensors) => tensors.set("model.norm.weight", { dtype: "BF16", shape: [8], data }));
  const values = [1, 2 ** -133, -0, -3];
  assert.equal(floats(model(bits), "norm.weight"), [...values, ...values]);
  assert.is(
    refusal(() => floats(model(bits.with(5, 0x7f80)), "norm.weight")),
    'model.safetensors: element 5 of tensor "model.norm.weight" is not a finite number',
  );
});

test("a text ends at any of the tokens that the configurations and the tokenizer name", () => {
  const directory = {
    ...smallModel("llama", { eos_token_id: 4 }),
    "generation_config.json": { eos_token_id: [4, 2] },
    "tokenizer.json": {
      added_tokens: [
        { id: 0, content: "<s>" },
        { id: 3, content: "<|im_end|>" },
      ],
    },
    "tokenizer_config.json": { eos_token: { content: "<|im_end|>" } },
  };
  assert.equal(read(directory).architecture.stopIds, [2, 3, 4]);
  assert.match(
    refused({ ...directory, "generation_config.json": { eos_token_id: "2" } }),
    "must be a token id or a list",
  );
});

test.unless(absent, "seven query heads share a key head in Qwen 2", () => {
  const { heads, keyHeads } = loadForeign(`${reference}/qwen2`).architecture;
  assert.equal([heads, keyHeads], [14, 2]);
});

test("tensors that are no weights are passed over, with and without a prefix", () => {
  const mask = { dtype: "U8", shape: [1, 1, 3, 3], data: new Uint8Array(9) } as const;
  const tensors = smallTensors("gpt2", {}, "");
  tensors.set("h.0.attn.bias", mask);
  read({ ...smallModel("gpt2"), "model.safetensors": writeSafetensors(tensors) });
  read(smallModel("gpt_neox", {}, (tensors) => tensors.set("gpt_neox.layers.0.attention.masked_bias", mask)));
  read(smallModel("llama", {}, (tensors) => tensors.set("model.layers.0.self_attn.rotary_emb.inv_freq", mask)));
});

test("a directory that lacks a file is refused, and told what it has instead", () => {
  const { "config.json": config, "model.safetensors": weights } = smallModel("llama");
  assert.is(refused({ "model.safetensors": weights }), "the model has no config.json; it says what the model is");
  assert.is(
    refused({ "config.json": config }),
    "the model has neither model.safetensors nor model.safetensors.index.json",
  );
  assert.match(
    refused({ "config.json": config, "pytorch_model.bin": new Uint8Array(1) }),
    "; pytorch_model.bin must be converted to safetensors first",
  );
  const index = { weight_map: { a: "model-1.safetensors" } };
  assert.match(
    refused({ "config.json": config, "model.safetensors.index.json": index }),
    "the model has no model-1.safetensors; model.safetensors.index.json says that weights are in it",
  );
  assert.match(
    refused({ "config.json": new Uint8Array([0xff]), "model.safetensors": weights }),
    "config.json is not UTF-8 text",
  );
});

test("an integer where a weight should be is refused", () => {
  const broken = smallModel("llama", {}, (tensors) =>
    tensors.set("model.norm.weight", { dtype: "I32", shape: [8], data: new Int32Array(8) }),
  );
  assert.match(
    refused(broken),
    'model.safetensors: tensor "model.norm.weight" has dtype "I32"; weights can be F32, F16, BF16',
  );
});

const noFile = existsSync("/dev/null") ? undefined : "there is no /dev/null";

test.unless(noFile, "a path that is no model is one sentence", () => {
  assert.match(
    refusal(() => loadForeign("/nowhere/at/all")),
    /^cannot read \/nowhere\/at\/all: no such file or directory/,
  );
  assert.is(
    refusal(() => loadForeign("/dev/null")),
    "/dev/null is not a regular file, whose parts could be read",
  );
});
