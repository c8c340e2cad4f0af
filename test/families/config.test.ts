/** Configurations of other tools: what each family's keys mean, and what is refused because it would change a result unnoticed. */
import * as assert from "uvu/assert";
import { describeConfig } from "../../src/families/families.ts";
import { parameterShapes } from "../../src/families/parameters.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { absent, describe, described, directories, json, reference, smallConfigs } from "./golden-models.ts";

const test = suite("configurations of families");

const refused = (family: keyof typeof smallConfigs, changes: Record<string, unknown>) =>
  refusal(() => describe(family, changes)).replace(/^config\.json: /, "");

test("a small example, written out: a Llama of one layer", () => {
  const { positions, windows, ...rest } = describe("llama", { eos_token_id: [4, 2] });
  assert.equal(rest, {
    family: "llama",
    ...{ vocabulary: 5, width: 8, layers: 1, heads: 4, keyHeads: 2, headWidth: 2, mlpWidth: 3, context: 16 },
    norm: { kind: "rms", epsilon: 1e-5, weightOffset: 0 },
    ...{ outputNorms: false, headNorms: false, block: "serial", activation: "silu", gated: true },
    scoreScale: 1 / Math.sqrt(2),
    biases: { q: false, k: false, v: false, o: false, gate: false, up: false, down: false },
    ...{ embeddingScale: 1, tiedHead: false, stopIds: [2, 4] },
  });
  assert.equal(positions, { kind: "rotary", dimensions: 2, frequencies: [Float64Array.of(1)] });
  assert.equal(windows, [null]);
});

test("its parameters have the shapes of its heads, not of its width", () => {
  const names = parameterShapes(describe("qwen3", {})).map(({ name, shape }) => `${name} [${shape}]`);
  assert.equal(names, [
    ...["embed.weight [5,8]", "layers.0.input_norm.weight [8]"],
    ...["layers.0.q.weight [24,8]", "layers.0.k.weight [12,8]", "layers.0.v.weight [12,8]"],
    ...["layers.0.q_norm.weight [6]", "layers.0.k_norm.weight [6]", "layers.0.o.weight [8,24]"],
    ...["layers.0.mlp_norm.weight [8]", "layers.0.gate.weight [3,8]", "layers.0.up.weight [3,8]"],
    ...["layers.0.down.weight [8,3]", "norm.weight [8]", "head.weight [5,8]"],
  ]);
});

for (const [name, files] of Object.entries(directories)) {
  test.unless(absent, `${name}: all spellings of its configuration mean the same`, () => {
    const all = files.map((file) => describeConfig(json(`${reference}/${name}/${file}`), file).architecture);
    for (const architecture of all) assert.equal(architecture, all[0]);
  });
}

test("the head is the embedding where nothing is said, or is not, as each family has it", () => {
  const tied = Object.keys(smallConfigs).filter((family) => describe(family as "llama").tiedHead);
  assert.equal(tied, ["gpt2", "gpt_neo", "gemma3_text"]);
  assert.ok(describe("qwen2", { tie_word_embeddings: true }).tiedHead);
});

test("GPT-Neo's scores are not divided, and its windows follow the written-out pattern", () => {
  const { scoreScale, windows } = describe("gpt_neo", {
    num_layers: 5,
    attention_types: [
      [["global"], 1],
      [["local", "global"], 2],
    ],
  });
  assert.is(scoreScale, 1);
  assert.equal(windows, [null, 2, null, 2, null]);
  assert.equal(
    describe("gpt_neo", { attention_types: undefined, attention_layers: ["local", "local"] }).windows,
    [2, 2],
  );
  for (const types of [[], "local", [[["global"], 2e9]], [[["none"], 2]], [["global", 2]], undefined]) {
    assert.match(refused("gpt_neo", { attention_types: types }), /^attention_types must say for each of 2 layers/);
  }
});

test("GPT-2's scores may be left as they are, but not divided by the layer's number", () => {
  assert.is(describe("gpt2", { scale_attn_weights: false }).scoreScale, 1);
  assert.is(
    refused("gpt2", { scale_attn_by_inverse_layer_idx: true }),
    "scale_attn_by_inverse_layer_idx is true, which this program does not compute",
  );
});

test("biases of Llama, Qwen 3 and GPT-NeoX are what the configuration says; those of Qwen 2 are not in it", () => {
  const without = { q: false, k: false, v: false, o: false, gate: false, up: false, down: false };
  assert.equal(describe("llama", { attention_bias: true, mlp_bias: true }).biases, {
    ...{ q: true, k: true, v: true, o: true, gate: true, up: true, down: true },
  });
  assert.equal(describe("qwen3", { attention_bias: true }).biases, { ...without, q: true, k: true, v: true, o: true });
  assert.equal(describe("qwen2").biases, { ...without, q: true, k: true, v: true });
  assert.equal(describe("gpt_neox", { attention_bias: false }).biases, { ...without, up: true, down: true });
});

test("GPT-NeoX's rotation may be written twice, in the same way", () => {
  const old = { rotary_emb_base: 5000, rotary_pct: 0.5, rope_parameters: undefined };
  const twice = { rope_theta: 5000, partial_rotary_factor: 0.5 };
  assert.equal(describe("gpt_neox", { ...old, ...twice }).positions, describe("gpt_neox", old).positions);
  assert.is(
    refused("gpt_neox", { ...old, ...twice, rope_theta: 9 }),
    "rope_theta is 9 and rotary_emb_base is 5000; they must be the same",
  );
});

test("Gemma has four norms with 1 + w, a scaled embedding, and layers of two kinds", () => {
  const { norm, outputNorms, headNorms, embeddingScale, scoreScale, windows, positions } = describe("gemma3_text");
  assert.equal(norm, { kind: "rms", epsilon: 1e-5, weightOffset: 1 });
  assert.ok(outputNorms && headNorms);
  assert.equal([embeddingScale, scoreScale], [Math.sqrt(8), 1 / 3]);
  assert.equal(windows, [3, null]);
  const [sliding, full] = positions.kind === "rotary" ? positions.frequencies : [];
  assert.ok(Math.abs(sliding[1] - 10000 ** (-1 / 3)) < 1e-12 && Math.abs(full[1] - 0.01) < 1e-12);
});

test("Qwen's window counts only where it is switched on, from max_window_layers on", () => {
  const window = { num_hidden_layers: 3, sliding_window: 7, max_window_layers: 2 };
  assert.equal(describe("qwen2", window).windows, [null, null, null]);
  assert.equal(describe("qwen2", { ...window, use_sliding_window: true }).windows, [null, null, 7]);
  assert.equal(describe("qwen2", { ...window, use_sliding_window: true, max_window_layers: 0 }).windows, [7, 7, 7]);
  assert.is(
    refused("qwen2", { layer_types: ["chunked_attention"] }),
    'layer_types must be a list of 1 items, each "full_attention" or "sliding_attention"',
  );
});

test("a model of another family is refused", () => {
  assert.is(
    refusal(() => describeConfig({ model_type: "qwen4" }, "x")),
    'x: model_type is "qwen4"; did you mean qwen2?',
  );
  assert.match(
    refusal(() => describeConfig({}, "x")),
    /^x: model_type is undefined; readable are gpt2, gpt_neo, /,
  );
  assert.match(
    refusal(() => describeConfig({ model_type: "constructor" }, "x")),
    /^x: model_type is "constructor"; readable/,
  );
  assert.match(
    refusal(() => describeConfig([], "x")),
    /^x: /,
  );
});

test("a size that is missing, or is none, is refused by its key", () => {
  assert.is(
    refused("llama", { hidden_size: undefined }),
    "hidden_size is missing; it must be a whole number from 1 to 16,777,216",
  );
  for (const value of [0, -1, 1.5, "8", 2 ** 25, []]) {
    assert.match(refused("gpt2", { n_embd: value }), /^n_embd is .*; it must be a whole number from 1 to/);
  }
  assert.is(refused("gpt2", { n_embd: 5 }), "the width 5 must be a multiple of the number of heads, 2");
  assert.is(
    refused("llama", { num_key_value_heads: 3 }),
    "num_attention_heads is 4; it must be a multiple of num_key_value_heads, 3",
  );
  assert.is(refused("llama", { head_dim: 3 }), "a head is 3 wide; it must be even to be rotated");
  assert.match(refused("llama", { num_hidden_layers: 1025 }), /^num_hidden_layers is 1,?025; it must be/);
  assert.match(refused("qwen3", { head_dim: undefined }), /^head_dim is missing/);
});

test("what would change a result and is not computed is refused", () => {
  const cases: [keyof typeof smallConfigs, Record<string, unknown>][] = [
    ["gemma3_text", { attn_logit_softcapping: 50 }],
    ["gemma3_text", { final_logit_softcapping: 30 }],
    ["gemma3_text", { use_bidirectional_attention: true }],
    ["gpt2", { add_cross_attention: true }],
    ["llama", { quantization_config: { bits: 4 } }],
    ["llama", { rope_interleaved: true }],
  ];
  for (const [family, changes] of cases)
    assert.match(refused(family, changes), /, which this program does not compute$/);
  assert.match(refused("llama", { hidden_act: "relu" }), /^hidden_act is "relu"; it must be "silu" or "gelu_new"/);
});

test("an unknown key is refused if its name sounds as if it changed a result, and said once otherwise", () => {
  for (const key of ["logits_scaling", "sliding_window", "num_local_experts", "residual_multiplier", "qk_layernorm"]) {
    assert.is(refused("llama", { [key]: 2 }), `the key ${key} is unknown and may change what the model computes`);
    for (const value of [null, false, 0, {}, []]) describe("llama", { [key]: value });
  }
  const { notes } = described("llama", { unsloth_version: "2025", _name_or_path: "x", bos_token_id: 1 });
  assert.equal(notes, ["config.json: the key unsloth_version is unknown and was ignored"]);
});

test("tokens that end a text are one, several or none", () => {
  assert.equal(describe("llama", { eos_token_id: 3 }).stopIds, [3]);
  assert.equal(describe("llama", { eos_token_id: null }).stopIds, []);
  assert.is(refused("llama", { eos_token_id: -1 }), "eos_token_id is -1; it must be a token id or a list of them");
});
