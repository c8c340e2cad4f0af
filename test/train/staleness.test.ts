import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("staleness");

/** Segments have 7 tokens, so the last segments of documents have 1 to 7. */
const documents = randomDocuments([100, 61, 43, 33, 22, 57]);

function newTrainer(config: Partial<ModelConfig>, options: Partial<TrainingOptions> = {}): Trainer {
  const model = new Transformer(tinyConfig({ memory_gate_init: 1, ...config }), 1);
  return new Trainer(model, documents, { steps: 100, batchSize: 3, learningRate: 0, warmupSteps: 0, ...options });
}

test("a small example, written out: without learning, keys one segment old still have a cosine of 1", () => {
  const trainer = newTrainer({});
  trainer.trainStep();
  assert.equal(
    trainer.keyCosines().map((cosine) => Math.round(cosine * 1e5) / 1e5),
    [1],
  );
  trainer.release();
});

for (const [memory_size, xl_cache_length, memory_dtype, smear_keys] of [
  [17, 0, "float32", "none"],
  [17, 5, "float32", "none"],
  [40, 16, "float32", "none"],
  [40, 7, "float16", "none"],
  [14, 0, "float32", "memory_layers"],
  [14, 0, "float32", "all"],
  [21, 7, "float32", "memory_layers"],
  [21, 7, "float32", "all"],
] as const) {
  const variant = `memory ${memory_size}, cache ${xl_cache_length}, ${memory_dtype}, smeared keys: ${smear_keys}`;
  test(`keys do not age while the weights do not change (${variant})`, () => {
    const trainer = newTrainer({ memory_size, xl_cache_length, memory_dtype, smear_keys });
    assert.equal(trainer.keyCosines(), [], "nothing is remembered yet");
    const tolerance = memory_dtype === "float16" ? 1e-3 : 1e-5;
    let longest = 0;
    for (let count = 0; count < 20; count++) {
      trainer.trainStep();
      const cosines = trainer.keyCosines();
      for (const [age, cosine] of cosines.entries())
        assert.ok(Math.abs(cosine - 1) < tolerance, `age ${age}: ${cosine}`);
      longest = Math.max(longest, cosines.length);
    }
    assert.is(longest, Math.ceil(memory_size / 7));
    trainer.release();
  });
}

test("keys from before a change of the weights are stale, later ones are not", () => {
  const trainer = newTrainer({ memory_size: 40, xl_cache_length: 7 }, { batchSize: 1 });
  const keys = trainer.model.parameters.get("model.layers.1.self_attn.k_proj.weight");
  for (let count = 0; count < 4; count++) trainer.trainStep();
  const random = new Random(7);
  keys.set(keys.toArray().map((weight) => weight + 0.3 * random.normal()));
  for (let count = 0; count < 2; count++) trainer.trainStep();
  const cosines = trainer.keyCosines();
  assert.is(cosines.length, 6, "40 tokens are five segments and a part");
  for (const cosine of cosines.slice(0, 2)) assert.ok(Math.abs(cosine - 1) < 1e-5, `${cosine}`);
  for (const cosine of cosines.slice(2)) assert.ok(cosine < 0.99 && cosine > -1, `${cosine}`);
  trainer.release();
});

test("in training, older keys are staler", () => {
  const trainer = newTrainer({ memory_size: 60 }, { learningRate: 0.01 });
  while (trainer.step < 12) trainer.trainStep();
  const cosines = trainer.keyCosines();
  assert.ok(cosines[0] < 1 && cosines[0] > 0.9, `newest: ${cosines[0]}`);
  assert.ok(cosines[cosines.length - 1] < cosines[0], `oldest: ${cosines.at(-1)}`);
  trainer.release();
});

test("measuring changes nothing and frees everything", () => {
  const losses = [false, true].map((measures) => {
    const trainer = newTrainer({ xl_cache_length: 5 }, { learningRate: 0.01 });
    const list = Array.from({ length: 12 }, () => {
      const before = heap.bytesInUse;
      if (measures) trainer.keyCosines();
      assert.is(heap.bytesInUse, before);
      return trainer.trainStep().loss;
    });
    trainer.release();
    return list;
  });
  assert.equal(losses[1], losses[0]);
});

test("a model without memory has no stale keys", () => {
  const trainer = newTrainer({ memory_layers: [] });
  trainer.trainStep();
  assert.equal(trainer.keyCosines(), []);
  trainer.release();
});
