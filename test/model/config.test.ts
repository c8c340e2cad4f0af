import * as assert from "uvu/assert";
import { describeValues } from "../../src/base/fields.ts";
import { mechanismFields } from "../../src/mechanisms/settings.ts";
import { applyOverrides, configFields, parseConfig } from "../../src/model/config.ts";
import { preset, presetNames } from "../../src/model/presets.ts";
import { GATE_POLICIES } from "../../src/nn/gate.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("config");

/** The sentence that refuses `json`. */
const refused = (json: unknown) => refusal(() => parseConfig(json, "model/config.json"));

test("a small example, written out: given keys replace the defaults", () => {
  const { hidden_size, memory_layers, memory_size } = parseConfig(
    { hidden_size: 96, memory_layers: [1] },
    "config.json",
  );
  assert.equal({ hidden_size, memory_layers, memory_size }, { hidden_size: 96, memory_layers: [1], memory_size: 8192 });
});

test("an empty object is the preset small without smeared keys and votes, so that older files keep their meaning", () => {
  const older = { smear_keys: "none", induction_init: false, memory_copy: false } as const;
  assert.equal(parseConfig({}, "config.json"), { ...preset("small"), ...older });
});

test("every preset searches exactly, by the quantised search", () => {
  assert.equal(new Set(presetNames.map((name) => preset(name).memory_search)), new Set(["quantised"]));
});

test("the defaults are the documented ones", () => {
  assert.equal(parseConfig({}, "config.json"), {
    model_type: "memorizing-transformer",
    vocab_size: 256,
    hidden_size: 256,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    head_dim: 64,
    intermediate_size: 1024,
    hidden_act: "relu",
    rms_norm_eps: 1e-6,
    dropout: 0,
    segment_length: 512,
    xl_cache_length: 0,
    memory_layers: [2],
    memory_size: 8192,
    memory_dtype: "float32",
    memory_topk: 32,
    memory_combine: "gate",
    memory_search: "quantised",
    memory_buckets: 4,
    memory_lists: 0,
    memory_probes: 32,
    memory_layer_position_bias: true,
    attention_scale_init: 8,
    memory_gate_init: 0,
    smear_keys: "none",
    induction_init: false,
    memory_copy: false,
    memory_sharpen_from: 0,
    memory_fade: 0,
    num_position_buckets: 32,
    max_position_distance: 128,
    tie_word_embeddings: true,
  });
});

test("every key has a default that its own description allows", () => {
  const config = parseConfig({}, "config.json");
  assert.equal(
    Object.keys(config),
    Object.keys(configFields).filter((key) => key !== "mechanism" && !(key in mechanismFields)),
  );
  for (const [key, value] of Object.entries(config)) assert.equal(value, configFields[key as "dropout"].default);
});

test("a configuration survives JSON and parsing unchanged", () => {
  for (const name of presetNames) {
    const config = preset(name);
    assert.equal(parseConfig(JSON.parse(JSON.stringify(config)), "config.json"), config);
  }
});

test("the preset paper is the paper's model", () => {
  const config = preset("paper");
  assert.is(config.num_hidden_layers, 12);
  assert.is(config.num_attention_heads * config.head_dim, 1024);
  assert.equal(config.memory_layers, [8]);
  assert.is(config.memory_combine, "gate");
  assert.is(config.memory_topk, 32);
  assert.is(config.attention_scale_init, 1);
  assert.is(config.smear_keys, "none");
});

test("a preset is a fresh copy, so changing one changes no other", () => {
  preset("small").memory_layers.push(3);
  assert.equal(preset("small").memory_layers, [2]);
});

test("an unknown preset is refused with the names there are", () => {
  assert.is(
    refusal(() => preset("huge")),
    'unknown preset "huge"; the presets are tiny, small, base, paper',
  );
  refusal(() => preset("toString"));
});

test("a configuration that is not an object is refused", () => {
  for (const json of [null, [], "small", 3, true, undefined]) {
    assert.match(refused(json), /^model\/config\.json: a configuration must be a JSON object/);
  }
});

test("a mistyped key is refused with the key that was meant", () => {
  const cases = {
    hiden_size: "hidden_size",
    memory_top_k: "memory_topk",
    num_layers: undefined,
    xl_cache_len: "xl_cache_length",
  };
  for (const [key, meant] of Object.entries(cases)) {
    const message = refused({ [key]: 1 });
    assert.match(message, `unknown key "${key}"`);
    assert.match(message, meant === undefined ? "the keys are model_type" : `did you mean ${meant}?`);
  }
});

test("keys that every JavaScript object has are unknown keys too", () => {
  for (const key of ["__proto__", "constructor", "toString", ""]) {
    assert.match(refused(JSON.parse(`{${JSON.stringify(key)}: 1}`)), `unknown key "${key}"`);
  }
});

test("every key describes its values and its purpose", () => {
  assert.is(describeValues(configFields.hidden_size), "a whole number from 1 to 65536");
  assert.is(describeValues(configFields.dropout), "a number from 0 to below 1");
  assert.is(describeValues(configFields.rms_norm_eps), "a number above 0, up to 1");
  assert.is(describeValues(configFields.memory_layers), "a list of whole numbers from 0 to 1023");
  assert.is(describeValues(configFields.memory_layer_position_bias), "true or false");
  assert.is(describeValues(configFields.hidden_act), '"relu" or "gelu"');
  for (const field of Object.values(configFields)) {
    assert.ok(field.about.length > 10 && field.about.length < 90, field.about);
    assert.not.match(describeValues(field), "undefined");
  }
});

test("an endless unknown key is cut short in the message", () => {
  assert.ok(refused({ ["x".repeat(1e6)]: 1 }).length < 1000);
});

test("every key refuses every value of a wrong type, naming file, key and the right values", () => {
  const wrong: unknown[] = [null, "8", "", {}, [1.5], ["1"], [null], [[]], -1.5, Number.NaN, Number.POSITIVE_INFINITY];
  for (const [key, field] of Object.entries(configFields)) {
    for (const value of field.kind === "boolean" ? [...wrong, 0, 1] : [...wrong, false]) {
      if (key === "memory_gate_init" && value === -1.5) continue;
      assert.match(refused({ [key]: value }), `model/config.json: ${key} must be ${describeValues(field)}, not `);
    }
  }
});

test("whole numbers are required where things are counted", () => {
  assert.is(
    refused({ hidden_size: 255.5 }),
    "model/config.json: hidden_size must be a whole number from 1 to 65536, not 255.5",
  );
});

test("ranges include their ends and nothing beyond", () => {
  for (const [key, field] of Object.entries(configFields)) {
    if (field.kind !== "integer" && field.kind !== "number") continue;
    const step = field.kind === "integer" ? 1 : 1e-9;
    const { min, above, max, below } = field;
    const inside = [min ?? (above ?? 0) + step, max ?? (below ?? 0) - step];
    const outside = [min === undefined ? above : min - step, max === undefined ? below : max + step];
    // One layer cannot hold the default memory layer 2.
    for (const value of inside) parseConfig({ memory_layers: [], [key]: value }, "config.json");
    for (const value of outside) assert.match(refused({ [key]: value }), `${key} must be a`);
  }
});

test("the limits of numbers are the documented ones", () => {
  const limits = Object.entries(configFields).flatMap(([key, field]) => {
    if ((field.kind !== "integer" && field.kind !== "number") || key in mechanismFields) return [];
    return [[key, field.min ?? field.above, field.max ?? field.below]];
  });
  assert.equal(limits, [
    ["vocab_size", 1, 16777216],
    ["hidden_size", 1, 65536],
    ["num_hidden_layers", 1, 1024],
    ["num_attention_heads", 1, 1024],
    ["head_dim", 1, 4096],
    ["intermediate_size", 1, 262144],
    ["rms_norm_eps", 0, 1],
    ["dropout", 0, 1],
    ["segment_length", 1, 65536],
    ["xl_cache_length", 0, 1048576],
    ["memory_size", 0, 16777216],
    ["memory_topk", 1, 65536],
    ["memory_buckets", 1, 64],
    ["memory_lists", 0, 65535],
    ["memory_probes", 1, 65535],
    ["attention_scale_init", 0, 1000],
    ["memory_gate_init", -30, 30],
    ["memory_sharpen_from", 0, 16777216],
    ["memory_fade", 0, 100],
  ]);
});

test("a wrong value is shown up to sixty characters, and cut beyond", () => {
  const shown = (characters: number) => refused({ memory_combine: "x".repeat(characters - 2) }); // and two quotation marks
  assert.ok(shown(60).endsWith(`, not "${"x".repeat(58)}"`));
  assert.ok(shown(61).endsWith(`, not "${"x".repeat(59)}…`));
});

const policies = GATE_POLICIES.map((policy) => `"${policy}"`).join(" or ");

test("a choice names all its values", () => {
  assert.is(refused({ memory_combine: "mix" }), `model/config.json: memory_combine must be ${policies}, not "mix"`);
  assert.is(
    refused({ model_type: "gpt2" }),
    'model/config.json: model_type must be "memorizing-transformer", not "gpt2"',
  );
  assert.is(refused({ num_position_buckets: 64 }), "model/config.json: num_position_buckets must be 32, not 64");
});

test("a memory layer that the model does not have is refused", () => {
  assert.is(
    refused({ num_hidden_layers: 4, memory_layers: [1, 4] }),
    "model/config.json: memory_layers has layer 4, but num_hidden_layers is 4, so the layers are 0 to 3",
  );
  assert.match(refused({ num_hidden_layers: 1 }), "has layer 2, but num_hidden_layers is 1, so the only layer is 0");
  assert.match(refused({ memory_layers: [-1] }), "memory_layers must be a list of whole numbers from 0");
});

test("a memory layer named twice is refused", () => {
  assert.match(refused({ memory_layers: [3, 1, 3] }), "memory_layers has layer 3 twice");
});

test("memory layers come back in ascending order, and the caller's list stays as it was", () => {
  const layers = [3, 0, 2];
  assert.equal(parseConfig({ memory_layers: layers }, "config.json").memory_layers, [0, 2, 3]);
  assert.equal(layers, [3, 0, 2]);
});

test("no memory layers, and memory layers of size 0, are both a baseline that parses", () => {
  assert.equal(parseConfig({ memory_layers: [] }, "config.json").memory_layers, []);
  assert.is(parseConfig({ memory_size: 0 }, "config.json").memory_size, 0);
  assert.match(refused({ memory_topk: 0 }), "memory_topk must be a whole number from 1");
});

test("sizes may be odd, and one, and need not be multiples of anything", () => {
  const odd = { hidden_size: 37, num_attention_heads: 3, head_dim: 5, intermediate_size: 11, segment_length: 7 };
  assert.equal(parseConfig(odd, "config.json"), { ...parseConfig({}, "config.json"), ...odd });
  const ones = Object.fromEntries(Object.keys(odd).map((key) => [key, 1]));
  assert.equal(parseConfig(ones, "config.json"), { ...parseConfig({}, "config.json"), ...ones });
});

test("a mechanism brings its settings, and without one a configuration has no key of it", () => {
  const config = applyOverrides(preset("small"), ["mechanism=window", "mechanism_window=9"]);
  assert.equal(
    Object.keys(config).filter((key) => key.startsWith("mechanism")),
    ["mechanism", "mechanism_window", "mechanism_dilation"],
  );
  assert.equal(applyOverrides(config, ["mechanism=none"]), preset("small"));
  assert.equal(parseConfig(JSON.parse(JSON.stringify(config)), "config.json"), config);
  assert.is(
    refused({ mechanism: "window", xl_cache_length: 4 }),
    "model/config.json: xl_cache_length is 4, but the mechanism window keeps what it needs of the past itself; set it to 0",
  );
});
