/**
 * The fast model against the model in one file, at odd sizes: logits, memory contents and gradients of each segment, and ten
 * steps of the trainer. Documents begin in the middle of a batch and end with short segments.
 */
import * as assert from "uvu/assert";
import { accumulate, adamW, forward, type Model, newModel, newState } from "../../reference/memorizing-transformer.ts";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { TrainingBatches } from "../../src/data/batches.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { segmentOf } from "../../src/nn/segment.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";
import { referenceOf, rowsOf, shared } from "./twins.ts";

const test = suite("the model in one file");

const ROWS = 3;
/** T = 7 divides none of them but one less than 36 and 8; documents of 2 predict a single token. */
const LENGTHS = [61, 2, 36, 8, 25, 90, 13];

/** H = 3, D = 5, T = 7, and M = 17, which is no multiple of T. */
function configure(overrides: Partial<ModelConfig>): ModelConfig {
  return tinyConfig({ num_attention_heads: 3, hidden_size: 11, attention_scale_init: 4, ...overrides });
}

/**
 * A fast model and its reference. Smears do not start at 0: keys that mix two tokens half and half are equal whichever comes
 * first, so which of two such pairs is retrieved would be up to rounding.
 */
function twins(overrides: Partial<ModelConfig>): { fast: Transformer; reference: Model } {
  const fast = new Transformer(configure(overrides), 4);
  for (const name of fast.parameters.names().filter((name) => name.endsWith("key_smear"))) {
    fast.parameters.get(name).set([0.5, -1, 2]);
  }
  return { fast, reference: referenceOf(fast) };
}

const VARIANTS: Readonly<Record<string, Partial<ModelConfig>>> = {
  "no memory": { memory_layers: [] },
  gate: { memory_gate_init: 0.3 },
  joint: { memory_combine: "joint" },
  "a cache of one segment": { memory_layers: [], xl_cache_length: 7 },
  "gate, a cache that is shorter": { xl_cache_length: 5, memory_gate_init: -0.5 },
  "joint, a cache that is longer": { xl_cache_length: 9, memory_combine: "joint" },
  "a memory smaller than a segment": { memory_size: 3, memory_layers: [0] },
  "smeared keys": { smear_keys: "memory_layers", memory_gate_init: 0.2 },
  "smeared keys, joint, a cache": { smear_keys: "memory_layers", memory_combine: "joint", xl_cache_length: 4 },
  "as many neighbours as pairs": { memory_size: 10, memory_topk: 10 },
};

test("a small example, written out: a model whose weights are all 0 knows nothing", () => {
  const config = { V: 4, C: 3, L: 1, H: 1, D: 2, F: 3, T: 2, W: 0, M: 2, K: 1 };
  const model = newModel({ ...config, memoryLayer: 0, gated: true, smeared: false });
  model.embedding[0].fill(0);
  const state = newState(model.config);
  const logits = forward(model, [1, 2], state).map(([x]) => [...x]);
  assert.equal(logits, [
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ]);
  assert.is(accumulate(model, [{ ids: [2, 3], state }]), Math.log(4));
  assert.is(state[0][0].memory.length, 2); // of three tokens that were read
});

for (const [title, overrides] of Object.entries(VARIANTS)) {
  test(`logits, memory contents and gradients of nine segments are those of the fast model: ${title}`, () => {
    const { fast, reference } = twins(overrides);
    const { segment_length, vocab_size } = fast.config;
    const batches = new TrainingBatches(randomDocuments(LENGTHS), {
      rows: ROWS,
      segmentLength: segment_length,
      seed: 2,
    });
    const state = fast.newState({ rows: ROWS });
    const states = Array.from({ length: ROWS }, () => newState(reference.config));
    for (let s = 0; s < 9; s++) {
      const batch = batches.next();
      const { targets, ...input } = segmentOf(batch, 0, ROWS);
      fast.parameters.zeroGradients();
      const { logits, loss } = step(() => {
        const logits = fast.forward(input, state);
        const { loss } = crossEntropy(logits, targets);
        backward(loss);
        return { logits: logits.toArray(), loss: loss.item() };
      });
      const rows = rowsOf(batch, states, () => newState(reference.config));
      for (const [b, { ids, state }] of rows.entries()) {
        const copy = state.map((heads) => heads.map((past) => ({ ...past }))); // the loss below reads them, too
        const expected = forward(reference, ids.slice(0, -1), copy).flatMap(([x]) => [...x]);
        const at = b * segment_length * vocab_size;
        assertClose(logits.subarray(at, at + expected.length), expected, 1e-5, `segment ${s}, row ${b}: logits`);
      }
      const expected = accumulate(reference, rows);
      assert.ok(Math.abs(loss - expected) < 1e-5, `segment ${s}: loss ${loss}, the reference has ${expected}`);
      for (const {
        name,
        reference: [, dx],
        fast: given,
      } of shared(reference, fast)) {
        const largest = dx.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
        const relative = (values: ArrayLike<number>) => Array.from(values, (value) => value / largest);
        assertClose(relative(given.dx), relative(dx), 1e-4, `segment ${s}: gradient of ${name}`);
        dx.fill(0);
      }
      for (const [layer, memory] of state.memories) {
        for (const [b, heads] of states.map((state) => state[layer]).entries()) {
          const { keys, values } = memory.contents(b);
          assertClose(
            keys,
            heads.flatMap(({ memory }) => memory.flatMap(([[k]]) => [...k])),
            1e-5,
            "keys",
          );
          assertClose(
            values,
            heads.flatMap(({ memory }) => memory.flatMap(([, [v]]) => [...v])),
            1e-5,
            "values",
          );
        }
      }
    }
    state.release();
    fast.parameters.release();
  });
}

for (const memory_combine of ["gate", "joint"] as const) {
  test(`ten steps of the trainer have the losses and end at the parameters of the reference: ${memory_combine}`, () => {
    const options = {
      batchSize: ROWS,
      learningRate: 3e-3,
      schedule: "constant",
      warmupSteps: 4,
      weightDecay: 0.1,
    } as const;
    const [clipNorm, seed, beta1, beta2, eps] = [0.5, 3, 0.9, 0.98, 1e-6];
    const { fast, reference } = twins({ memory_combine, smear_keys: "memory_layers" });
    const documents = randomDocuments(LENGTHS);
    const trainer = new Trainer(fast, documents, { ...options, clipNorm, seed, beta1, beta2, eps });
    const batches = new TrainingBatches(documents, { rows: ROWS, segmentLength: fast.config.segment_length, seed });
    const update = adamW(reference, { beta1, beta2, eps, decay: options.weightDecay, clip: clipNorm });
    const states = Array.from({ length: ROWS }, () => newState(reference.config));
    let clipped = 0;
    for (let t = 1; t <= 10; t++) {
      const { loss, gradientNorm } = trainer.trainStep();
      if (gradientNorm > clipNorm) clipped++;
      const expected = accumulate(
        reference,
        rowsOf(batches.next(), states, () => newState(reference.config)),
      );
      assert.ok(Math.abs(loss - expected) < 1e-4, `step ${t}: loss ${loss}, the reference has ${expected}`);
      update(options.learningRate * Math.min(1, t / options.warmupSteps));
    }
    assert.ok(clipped > 0);
    for (const {
      name,
      reference: [x],
      fast: given,
    } of shared(reference, fast))
      assertClose(given.x, x, 1e-4, name);
    trainer.release();
    fast.parameters.release();
  });
}
