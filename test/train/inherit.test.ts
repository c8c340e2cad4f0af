import * as assert from "uvu/assert";
import { Transformer } from "../../src/model/transformer.ts";
import { inheritingModel } from "../../src/train/inherit.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("inherited weights");

const gate = "model.layers.1.self_attn.memory_gate";
const plain = tinyConfig({ memory_layers: [] });
const remembering = tinyConfig({ memory_layers: [1], memory_combine: "gate" });

test("a small example, written out: a scale of 7 is inherited, and a new gate begins at its initial value", () => {
  const source = new Transformer(plain, 1);
  source.parameters.get("model.norm.weight").fill(7);
  const { parameters } = inheritingModel(source, { ...remembering, memory_gate_init: -2 }, 2, "m");
  assert.equal([...parameters.get("model.norm.weight").toArray()], Array(12).fill(7));
  assert.equal([...parameters.get(gate).toArray()], [-2, -2]);
});

test("shared parameters are inherited, new ones are initialised from the seed, and others are ignored", () => {
  const source = new Transformer(plain, 1);
  const [model, fresh] = [inheritingModel(source, remembering, 2, "m"), new Transformer(remembering, 2)];
  for (const name of model.parameters.names()) {
    const from = source.parameters.has(name) ? source : fresh;
    assert.equal(model.parameters.get(name).toArray(), from.parameters.get(name).toArray(), name);
  }
  assert.ok(model.parameters.has(gate));
  assert.not.ok(inheritingModel(model, plain, 2, "m").parameters.has(gate));
});

test("new key smears start with equal shares for any seed", () => {
  const source = new Transformer(remembering, 1);
  const model = inheritingModel(source, { ...remembering, smear_keys: "memory_layers" }, 2, "m");
  assert.equal([...model.parameters.get("model.layers.1.self_attn.key_smear").toArray()], [0, 0]);
  assert.not.ok(model.parameters.has("model.layers.0.self_attn.key_smear"));
  const onward = inheritingModel(model, { ...remembering, smear_keys: "all" }, 2, "m");
  assert.ok(onward.parameters.has("model.layers.0.self_attn.key_smear"));
});

test("heads with smeared keys begin as induction heads, with the keys that the source learned, if it has none", () => {
  const source = new Transformer(plain, 1);
  const inductive = { ...remembering, smear_keys: "memory_layers", induction_init: true } as const;
  const model = inheritingModel(source, inductive, 2, "m");
  const of = ({ parameters }: Transformer, layer: number, name: string) =>
    parameters.get(`model.layers.${layer}.self_attn.${name}`).toArray();
  assert.equal(of(model, 1, "k_proj.weight"), of(source, 1, "k_proj.weight"));
  assert.equal(of(model, 1, "q_proj.weight"), of(source, 1, "k_proj.weight"));
  assert.equal(of(model, 0, "q_proj.weight"), of(source, 0, "q_proj.weight"), "its keys are not smeared");
  assert.equal([...of(model, 1, "key_smear")], [-3, -3]);
  const blending = new Transformer({ ...inductive, induction_init: false }, 1);
  assert.equal([...of(blending, 1, "key_smear")], [0, 0]);
  assert.equal(
    [...of(inheritingModel(blending, inductive, 2, "m"), 1, "key_smear")],
    [-3, -3],
    "smears begin anew too",
  );
  model.parameters.get("model.layers.1.self_attn.q_proj.weight").fill(7);
  const onward = inheritingModel(model, inductive, 3, "m");
  assert.equal(of(onward, 1, "q_proj.weight"), of(model, 1, "q_proj.weight"), "it has learned since");
});

test("a parameter of another shape is refused, with both shapes", () => {
  const wider = { ...plain, intermediate_size: plain.intermediate_size + 1 };
  const [, width] = new Transformer(plain, 1).parameters.get("model.layers.0.mlp.down_proj.weight").shape;
  assert.match(
    refusal(() => inheritingModel(new Transformer(plain, 1), wider, 2, "models/plain")),
    new RegExp(
      `^models/plain has model.layers.0.mlp.* of shape \\[.*${width}.*\\], but .* asks for \\[.*${width + 1}.*\\]$`,
    ),
  );
});
