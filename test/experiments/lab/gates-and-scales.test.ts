import * as assert from "uvu/assert";
import { gatesTable, measureScales } from "../../../src/experiments/lab/gates-and-scales.ts";
import { Results } from "../../../src/experiments/lab/results.ts";
import { Transformer } from "../../../src/model/transformer.ts";
import { suite } from "../../harness.ts";
import { tinyConfig } from "../../tiny.ts";

const test = suite("gates and scales");

const cellOf = (name: string) => ({ name, label: name, memorySizes: [0, 9] });

/** The result of a cell with these numbers and these perplexities, without its memory and with it. */
function resultOf(cell: string, perplexities: readonly number[], gates: number[], numbers: Record<string, number>) {
  const results = perplexities.map((perplexity, i) => ({
    memory: 9 * i,
    perplexity,
    bits_per_byte: 1,
    nats: 1,
    gates,
  }));
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

test("scales are measured for each head of the memory layers only", async () => {
  const config = tinyConfig({ attention_scale_init: 7 });
  const heads = Array.from({ length: config.num_attention_heads }, (_, head) => head + 1);
  const model = new Transformer(config, 1);
  const elsewhere = config.num_hidden_layers - 1 - config.memory_layers[0];
  model.parameters
    .get(`model.layers.${elsewhere}.self_attn.attention_scale`)
    .set(new Float32Array(heads.length).fill(3));
  const { numbers } = await measureScales({ model });
  assert.equal(numbers, Object.fromEntries(heads.map((head) => [`scale.${head}`, 7])));
  model.parameters.release();
});

test("where keys are smeared, the share of the own key is measured for each head", async () => {
  const model = new Transformer(tinyConfig({ smear_keys: "all" }), 1);
  model.parameters.get("model.layers.1.self_attn.key_smear").set([0, -3]);
  const { numbers = {} } = await measureScales({ model });
  assert.equal(Object.keys(numbers), ["scale.1", "scale.2", "own.1", "own.2"]);
  assert.is(numbers["own.1"], 0.5);
  assert.ok(Math.abs(numbers["own.2"] - 1 / (1 + Math.exp(3))) < 1e-7);
  model.parameters.release();
});

test("the table has each head's numbers, and compares the model with the first, with and without memory", () => {
  const known = [
    resultOf("joint", [12, 8], [], { "scale.1": 30, "scale.2": -0.006 }),
    resultOf("gate", [11, 10], [0.25, 0.0625], { "scale.1": 9.876, "own.1": 0.0104 }),
  ];
  const { rows } = gatesTable(new Results(["math"], 1, known), "math", ["joint", "gate", "unknown"].map(cellOf));
  assert.equal(rows, [
    ["joint", "–", "30.00, -0.01", "–", "8.000", "12.00", "–"],
    ["gate", "0.250, 0.063", "9.88", "0.010", "10.00", "11.00", "+25.0 %"],
  ]);
});
