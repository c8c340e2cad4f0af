import * as assert from "uvu/assert";
import { gateTable, measureGates } from "../../src/experiments/gates.ts";
import { Results } from "../../src/experiments/results.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("gates");

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

test("gates are measured a head, through the sigmoid, and none where heads have none", async () => {
  const config = tinyConfig({ memory_combine: "gate", memory_gate_init: -2 });
  const model = new Transformer(config, 1);
  const { numbers = {} } = await measureGates({ model });
  const heads = Array.from({ length: config.num_attention_heads }, (_, head) => `gate.${head + 1}`);
  assert.equal(Object.keys(numbers), heads);
  for (const gate of Object.values(numbers)) assert.ok(Math.abs(gate - 1 / (1 + Math.exp(2))) < 1e-7, `${gate}`);
  model.parameters.release();
  const joint = new Transformer({ ...config, memory_combine: "joint" }, 1);
  assert.equal(await measureGates({ model: joint }), { numbers: {} });
  joint.parameters.release();
});

test("the table tells each gate, and the model with and without its memory against the one that has none", () => {
  const known = [resultOf("joint", [12, 8], {}), resultOf("gate", [11, 10], { "gate.1": 0.25, "gate.2": 0.0625 })];
  const cells = ["gate", "unknown"].map(cellOf);
  const { rows } = gateTable(new Results(["math"], 1, known), "math", cells, cellOf("joint"));
  assert.equal(rows, [["gate", "0.250, 0.063", "10.00", "11.00", "+25.0 %"]]);
});
