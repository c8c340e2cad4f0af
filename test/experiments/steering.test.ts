import * as assert from "uvu/assert";
import { Results } from "../../src/experiments/results.ts";
import { measureSteering, steeringTable } from "../../src/experiments/steering.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("steering");

const cellOf = (name: string) => ({ name, label: name, memorySizes: [0, 9] });

/** What is known of a cell with these numbers and these perplexities, without its memory and with. */
function resultOf(cell: string, perplexities: readonly number[], numbers: Record<string, number>) {
  const results = perplexities.map((perplexity, i) => ({ memory: 9 * i, perplexity, bits_per_byte: 1, nats: 1 }));
  return {
    cell,
    corpus: "math",
    recipe: {},
    parameters: 1,
    steps: 1,
    trainingTokens: 1,
    trainingSeconds: 1,
    measuringSeconds: 1,
    evaluation: { tokens: 1, bytes: 1, results },
    course: [],
    measurements: { numbers },
  };
}

test("gates and scales are measured a head, in the memory's layers alone, and no gates where heads have none", async () => {
  const config = tinyConfig({ memory_combine: "gate", memory_gate_init: -2, attention_scale_init: 7 });
  const heads = Array.from({ length: config.num_attention_heads }, (_, head) => head + 1);
  const model = new Transformer(config, 1);
  const elsewhere = config.num_hidden_layers - 1 - config.memory_layers[0];
  model.parameters
    .get(`model.layers.${elsewhere}.self_attn.attention_scale`)
    .set(new Float32Array(heads.length).fill(3));
  const { numbers = {} } = await measureSteering({ model });
  assert.equal(Object.keys(numbers), [...heads.map((head) => `scale.${head}`), ...heads.map((head) => `gate.${head}`)]);
  for (const head of heads) {
    assert.is(numbers[`scale.${head}`], 7);
    assert.ok(Math.abs(numbers[`gate.${head}`] - 1 / (1 + Math.exp(2))) < 1e-7);
  }
  model.parameters.release();
  const joint = new Transformer({ ...config, memory_combine: "joint" }, 1);
  const { numbers: ofJoint = {} } = await measureSteering({ model: joint });
  assert.equal(
    Object.keys(ofJoint),
    heads.map((head) => `scale.${head}`),
  );
  joint.parameters.release();
});

test("where keys are smeared, the share of the own key is measured a head", async () => {
  const model = new Transformer(tinyConfig({ memory_combine: "joint", smear_keys: "all" }), 1);
  model.parameters.get("model.layers.1.self_attn.key_smear").set([0, -3]);
  const { numbers = {} } = await measureSteering({ model });
  assert.equal(Object.keys(numbers), ["scale.1", "scale.2", "own.1", "own.2"]);
  assert.is(numbers["own.1"], 0.5);
  assert.ok(Math.abs(numbers["own.2"] - 1 / (1 + Math.exp(3))) < 1e-7);
  model.parameters.release();
});

test("the table tells each head's numbers, and the model with and without its memory against the first", () => {
  const known = [
    resultOf("joint", [12, 8], { "scale.1": 30, "scale.2": -0.006 }),
    resultOf("gate", [11, 10], { "scale.1": 9.876, "gate.1": 0.25, "gate.2": 0.0625, "own.1": 0.0104 }),
  ];
  const { rows } = steeringTable(new Results(["math"], 1, known), "math", ["joint", "gate", "unknown"].map(cellOf));
  assert.equal(rows, [
    ["joint", "–", "30.00, -0.01", "–", "8.000", "12.00", "–"],
    ["gate", "0.250, 0.063", "9.88", "0.010", "10.00", "11.00", "+25.0 %"],
  ]);
});
