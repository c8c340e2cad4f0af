/** The bytes of a training are known beforehand, and they are right. */
import * as assert from "uvu/assert";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { arena } from "../../src/autodiff/tensor.ts";
import { type ModelConfig, parseConfig } from "../../src/model/config.ts";
import { preset } from "../../src/model/presets.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { activationBytes, requireTrainingRoom, trainingBytes } from "../../src/train/bytes.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("training bytes");

/** A configuration so large that the rounding of each tensor to a cache line is negligible. */
const config = (overrides: Partial<ModelConfig> = {}): ModelConfig => {
  const small = { vocab_size: 300, hidden_size: 96, num_hidden_layers: 3, num_attention_heads: 3, head_dim: 29 };
  const rest = { intermediate_size: 210, segment_length: 48, memory_layers: [1], memory_size: 150, memory_topk: 9 };
  return parseConfig({ ...small, ...rest, ...overrides }, "test");
};

/** Bytes in the arena at the end of a step that retrieves from its memories. */
function usedActivations(config: ModelConfig, rows: number): number {
  const model = new Transformer(config, 1);
  const state = model.newState({ rows });
  const ids = new Int32Array(rows * config.segment_length).fill(7);
  let used = 0;
  for (let segment = 0; segment < 3; segment++) {
    step(() => {
      backward(crossEntropy(model.forward({ ids, dropoutKey: 1 }, state), ids).loss);
      used = arena.bytesUsed;
    });
  }
  state.release();
  model.parameters.release();
  return used;
}

test("a small example, written out: a parameter takes 16 bytes with AdamW, for value, gradient and two moments", () => {
  const model = new Transformer(tinyConfig(), 1);
  assert.is(trainingBytes(tinyConfig()).parameters, 16 * model.parameters.count);
  model.release();
});

const variants: [string, Partial<ModelConfig>][] = [
  ["a memory", {}],
  ["no memory", { memory_layers: [] }],
  ["two joint memories of many neighbours", { memory_layers: [0, 2], memory_combine: "joint", memory_topk: 64 }],
  ["a cache", { xl_cache_length: 90 }],
  ["smeared keys everywhere, in wide heads", { smear_keys: "all", head_dim: 290, hidden_size: 16, memory_layers: [] }],
  ["dropout", { dropout: 0.1 }],
  ["a large vocabulary", { vocab_size: 5000 }],
  ["predictions that copy", { smear_keys: "memory_layers", memory_copy: true, vocab_size: 3000 }],
  ["a wide feed-forward", { intermediate_size: 900, hidden_act: "gelu" }],
];
for (const [variant, overrides] of variants) {
  for (const rows of [1, 5]) {
    test(`the estimated activations of ${rows} rows are within 5 per cent: ${variant}`, () => {
      const [told, used] = [activationBytes(config(overrides), rows), usedActivations(config(overrides), rows)];
      assert.ok(Math.abs(told / used - 1) < 0.05, `told ${told}, used ${used}`);
    });
  }
}

const options: [string, Partial<TrainingOptions>][] = [
  ["AdamW", {}],
  ["Adafactor", { optimizer: "adafactor" }],
  ["accumulation", { gradientAccumulation: 3 }],
];
for (const [variant, given] of options) {
  test(`the bytes of parameters, moments and memories are within 2 per cent: ${variant}`, () => {
    const before = heap.bytesInUse;
    const chosen = { batchSize: 2, ...given };
    const model = new Transformer(config(), 1);
    const trainer = new Trainer(model, randomDocuments([100, 90, 80, 70, 60, 50]), chosen);
    const used = heap.bytesInUse - before;
    const { parameters, memories } = trainingBytes(config(), chosen);
    assert.ok(Math.abs((parameters + memories) / used - 1) < 0.02, `told ${parameters + memories}, used ${used}`);
    trainer.release();
    model.parameters.release();
    assert.is(heap.bytesInUse, before);
  });
}

test("smeared keys take two keys for each row and layer that has them", () => {
  const shape = { head_dim: 32, num_attention_heads: 3, memory_size: 0 }; // whole cache lines
  const [told, used] = [[], []] as [number[], number[]];
  for (const smear_keys of ["none", "memory_layers", "all"] as const) {
    const smearing = config({ ...shape, smear_keys });
    const before = heap.bytesInUse;
    const model = new Transformer(smearing, null);
    const state = model.newState({ rows: 4 });
    used.push(heap.bytesInUse - before);
    state.release();
    model.parameters.release();
    assert.is(heap.bytesInUse, before);
    told.push(trainingBytes(smearing, { batchSize: 4 }).memories);
  }
  const scales = 64; // a parameter and its gradient each begin on a cache line
  const layer = 2 * 4 * 96 * 4;
  assert.equal([told[1] - told[0], told[2] - told[0]], [layer, 3 * layer]);
  assert.equal([used[1] - used[0], used[2] - used[0]], [layer + 2 * scales, 3 * (layer + 2 * scales)]);
});

test("an evaluation needs its own memories", () => {
  const [without, withOne] = [0, 5].map((evaluateEvery) => trainingBytes(tinyConfig(), { evaluateEvery }).memories);
  assert.is(withOne, 2 * without);
});

test("a training that cannot fit is refused with the bytes and the key of the largest part, before anything is allocated", () => {
  const before = heap.bytesInUse;
  const base = preset("small");
  const refused = (config: ModelConfig, options: Partial<TrainingOptions>) =>
    refusal(() => requireTrainingRoom(config, options));
  const batch = refused(base, { batchSize: 4096 });
  assert.match(
    batch,
    /^this training needs [\d,]+ MiB \(parameters \d+, activations [\d,]+, memories [\d,]+\), but [34],\d+ are left/,
  );
  assert.match(batch, /; lower batchSize, which is 4096: \d+ would do$/);
  const [, fits] = /: (\d+) would do/.exec(batch) ?? [];
  requireTrainingRoom(base, { batchSize: Number(fits) });
  assert.match(refused({ ...base, memory_size: 2 ** 24 }, {}), /lower memory_size, which is 16777216: \d+ would do$/);
  assert.match(refused({ ...base, hidden_size: 2 ** 16 }, { batchSize: 1 }), /lower hidden_size, which is 65536: \d+/);
  assert.match(refused({ ...base, segment_length: 2 ** 16, memory_size: 9 }, { batchSize: 1 }), "lower segment_length");
  assert.match(refused({ ...base, memory_size: 2 ** 24, hidden_size: 2 ** 16 }, {}), /, and more$/);
  assert.is(heap.bytesInUse, before);
});

test("every preset fits with its own batch of one", () => {
  for (const name of ["tiny", "small", "base"]) requireTrainingRoom(preset(name), { batchSize: 1 });
});
