/** `--set key=value`: what is read, what is checked together, and what is refused. */
import * as assert from "uvu/assert";
import { applyOverrides, type ModelConfig, parseConfig } from "../../src/model/config.ts";
import { preset } from "../../src/model/presets.ts";
import { GATE_POLICIES } from "../../src/nn/gate.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("overrides of a configuration");

const policies = GATE_POLICIES.map((policy) => `"${policy}"`).join(" or ");

test("overrides are read as numbers, words, truths and lists", () => {
  const config = applyOverrides(preset("small"), [
    "hidden_size=96",
    "dropout = 0.25",
    "memory_combine=joint",
    'hidden_act="gelu"',
    "memory_layer_position_bias=false",
    "memory_layers=3,1",
  ]);
  assert.equal(config, {
    ...preset("small"),
    hidden_size: 96,
    dropout: 0.25,
    memory_combine: "joint",
    hidden_act: "gelu",
    memory_layer_position_bias: false,
    memory_layers: [1, 3],
  });
});

test("a list is overridden with brackets, without them, and by nothing at all", () => {
  for (const [text, layers] of Object.entries({ "[1,2]": [1, 2], "1, 2": [1, 2], "3": [3], "[]": [], "": [] })) {
    assert.equal(applyOverrides(preset("small"), [`memory_layers=${text}`]).memory_layers, layers);
  }
});

test("of two overrides of one key the last wins", () => {
  assert.is(applyOverrides(preset("small"), ["memory_topk=4", "memory_topk=8"]).memory_topk, 8);
});

test("overrides are checked together, so that two may need each other", () => {
  const overrides = ["memory_layers=9", "num_hidden_layers=10"];
  assert.equal(applyOverrides(preset("small"), overrides).memory_layers, [9]);
  const alone = refusal(() => applyOverrides(preset("small"), ["memory_layers=9"]));
  assert.match(alone, "--set: memory_layers has layer 9");
});

test("copying ends with the memory layers or smeared keys that it needs, unless it is asked for", () => {
  const [copies, needs] = [preset("small"), ["memory_layers=", "smear_keys=none"]];
  assert.ok(copies.memory_copy);
  for (const without of needs) assert.not.ok(applyOverrides(copies, [without]).memory_copy, without);
  for (const without of needs) {
    assert.match(
      refusal(() => applyOverrides(copies, [without, "memory_copy=true"])),
      /^--set: memory_copy is true, but /,
    );
  }
  assert.ok(applyOverrides(copies, ["memory_layers=1"]).memory_copy);
  assert.not.ok(applyOverrides({ ...copies, memory_copy: false }, ["memory_layers=1"]).memory_copy);
});

test("a configuration that is none is refused by its key, whether it copies or not", () => {
  const layers = (memory_layers: unknown) => ({ ...preset("small"), memory_layers }) as ModelConfig;
  assert.match(
    refusal(() => applyOverrides(layers(5), [])),
    "--set: memory_layers must be a list",
  );
  assert.equal(applyOverrides(layers(undefined), []).memory_layers, parseConfig({}, "defaults").memory_layers);
});

test("overrides do not change the original configuration", () => {
  const config = preset("small");
  applyOverrides(config, ["hidden_size=96", "memory_layers=1"]);
  assert.equal(config, preset("small"));
});

test("a bad override is refused with its key and the right values", () => {
  const cases = {
    memory_topk: "an override must be written key=value",
    "=3": "an override must be written key=value",
    "memory_topk=": 'memory_topk must be a whole number from 1 to 65536, not ""',
    "memory_topk=many": 'memory_topk must be a whole number from 1 to 65536, not "many"',
    "memory_top=3": 'unknown key "memory_top"; did you mean memory_topk?',
    "memory_layers=a,b": "memory_layers must be a list of whole numbers",
    "memory_combine=": `memory_combine must be ${policies}, not ""`,
    "dropout=1": "dropout must be a number from 0 to below 1, not 1",
  };
  for (const [override, expected] of Object.entries(cases)) {
    const message = refusal(() => applyOverrides(preset("small"), [override]));
    assert.match(message, expected);
    assert.match(message, /^--set/);
  }
});
