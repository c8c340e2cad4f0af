/** What recurrent mechanisms do beyond what all mechanisms must: spans follow their price, and settings that do not fit are refused. */
import * as assert from "uvu/assert";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("recurrent mechanisms");

const refused: [Partial<ModelConfig>, RegExp][] = [
  [
    { mechanism: "expire-span", mechanism_window: 64 },
    /^test: mechanism_window 64 leaves no room for spans next to mechanism_ramp 64; make it larger$/,
  ],
  [{ mechanism: "expire-span", mechanism_span_cost: 2 }, /mechanism_span_cost/],
  [{ mechanism: "block-recurrent", mechanism_block: 3 }, /segment_length 7 is not a multiple of mechanism_block 3/],
  [{ mechanism: "read-twice", mechanism_block: 2 }, /segment_length 7 is not a multiple of mechanism_block 2/],
  [{ mechanism: "lstm", xl_cache_length: 4 }, /xl_cache_length is 4, but the mechanism lstm keeps what it needs/],
  [{ mechanism: "feedback", memory_layers: [0] }, /the mechanism feedback has no keys and values to remember/],
];

for (const [settings, message] of refused) {
  test(`refused: ${JSON.stringify(settings)}`, () => {
    assert.throws(() => tinyConfig({ memory_layers: [], ...settings }), message);
  });
}

/** Biases of the spans of all layers after some steps. */
function spanBiases(price: number): number[] {
  const settings = { mechanism_window: 24, mechanism_ramp: 16, mechanism_span_cost: price };
  const model = new Transformer(tinyConfig({ mechanism: "expire-span", memory_layers: [], ...settings }), 1);
  const options = { batchSize: 2, warmupSteps: 2, learningRate: 0.02, steps: 30 };
  const trainer = new Trainer(model, randomDocuments([40, 23, 31]), options);
  for (let n = 0; n < 30; n++) trainer.trainStep();
  const layers = Array.from({ length: model.config.num_hidden_layers }, (_, n) => n);
  const biases = layers.map((n) => model.parameters.get(`model.layers.${n}.mechanism.span.bias`).item());
  for (const part of [trainer, model]) part.release();
  return biases;
}

test("spans begin at a tenth of the longest, and shrink when they are dear", () => {
  const model = new Transformer(tinyConfig({ mechanism: "expire-span", memory_layers: [] }), 1);
  const bias = model.parameters.get("model.layers.0.mechanism.span.bias").item();
  assertClose([1 / (1 + Math.exp(-bias))], [0.1], 1e-6, "the share");
  model.release();
  const [free, dear] = [spanBiases(0), spanBiases(1)];
  for (const [layer, bias] of dear.entries()) assert.ok(bias < free[layer] - 0.05, `${dear} next to ${free}`);
});

test("a mechanism in the place of all blocks has its parameters once, and none of a block", () => {
  const model = new Transformer(tinyConfig({ mechanism: "feedback", memory_layers: [] }), 1);
  const names = model.parameters.names();
  assert.ok(names.includes("model.mechanism.k_proj.weight"));
  assert.equal(
    names.filter((name) => name.startsWith("model.layers.")),
    [],
  );
  assert.is(model.parameters.get("model.mechanism.layer_shares").size, model.config.num_hidden_layers + 1);
  model.release();
});
