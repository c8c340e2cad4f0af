/** Training models that others trained: what learns and what does not, checkpoints, and what is written. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { FORMAT } from "../../src/families/calibration.ts";
import { loadForeign } from "../../src/families/load-foreign.ts";
import { fingerprintOf } from "../../src/families/load-weights.ts";
import { type LearningPart, learningParts, OFFSETS_FILE } from "../../src/families/offsets-file.ts";
import type { TrainedDecoder } from "../../src/families/trained-decoder.ts";
import { offsetName } from "../../src/families/weights.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import type { TrainableModel } from "../../src/nn/language-model.ts";
import { loadAnyCheckpoint, loadCheckpoint, saveCheckpoint, saveModel } from "../../src/train/checkpoint.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { openModel, openModelForTraining } from "../../src/train/open-model.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { randomDocuments } from "../tiny.ts";
import { writeSmallLlama } from "./small-foreign.ts";

const test = suite("training of models that others trained");
const folder = folderFor(test, "foreign-training");
const at = (name: string) => join(folder, name);

const documents = randomDocuments([90, 33, 70, 5, 61]);
const reading = { segment: 5, window: 9, sinks: 2, memorySize: 30, neighbours: 4 };
const options: Partial<TrainingOptions> = { steps: 20, batchSize: 2, learningRate: 0.05, warmupSteps: 2, seed: 3 };

test.before(() => writeSmallLlama(at("llama")));

const open = (only: LearningPart, layers?: readonly number[]) =>
  openModelForTraining(at("llama"), only, { ...reading, memoryLayers: layers });

/** Bits of every parameter of the model in `directory`, as floats. */
function weightsIn(directory: string): Map<string, Float32Array> {
  return new Map([...loadForeign(directory).parameters].map(([name, { floats }]) => [name, floats()]));
}

function train(only: LearningPart, directory: string, layers?: readonly number[]): number[] {
  const { model, tokenizer } = open(only, layers);
  const trainer = new Trainer(model, documents, options);
  const losses: number[] = [];
  while (!trainer.done) losses.push(trainer.trainStep().loss);
  saveModel(directory, model, tokenizer);
  trainer.release();
  model.release();
  return losses;
}

for (const only of learningParts) {
  test(`--only ${only}: that and nothing else moves, and the directory has the same bits for the rest`, () => {
    train(only, at(only), [1]);
    const [before, after] = [weightsIn(at("llama")), weightsIn(at(only))];
    const learns = (name: string) => only === "all" || (only === "memory-layers" && name.startsWith("layers.1."));
    assert.equal([...after.keys()], [...before.keys()]);
    for (const [name, values] of before) {
      const same = after.get(name)!.every((value, i) => Object.is(value, values[i]));
      assert.is(same, !learns(name), name);
    }
    const { tensors } = readSafetensors(fs.readFileSync(join(at(only), "model.safetensors")), "test");
    const isStored = (name: string) => tensors.get(name)?.dtype;
    assert.is(isStored("model.layers.1.self_attn.q_proj.weight"), only === "offsets" ? "BF16" : "F32");
    assert.is(isStored("model.layers.0.self_attn.q_proj.weight"), only === "all" ? "F32" : "BF16");
    const { offsets } = loadForeign(at(only)).trained!;
    assert.equal([...offsets.keys()], [1]);
    assert.ok(offsets.get(1)!.every((offset) => offset !== 0));
  });
}

test("a model that was calibrated learns with its memories where calibration found them, unless others are asked for", () => {
  const places = (options: object) => {
    const { model } = openModelForTraining(at("calibrated"), "offsets", { ...reading, ...options });
    model.release();
    return (model as TrainedDecoder).settings.memoryHeads;
  };
  fs.cpSync(at("llama"), at("calibrated"), { recursive: true });
  const everywhere = places({});
  const fingerprint = fingerprintOf(loadForeign(at("calibrated")));
  const calibration = { format: FORMAT, model: fingerprint, memory_layers: "1:0" };
  fs.writeFileSync(join(at("calibrated"), "memory.json"), JSON.stringify(calibration));
  assert.equal(places({}), [[1, 0]]);
  assert.equal(places({ memoryLayers: "all" }), everywhere);
  assert.ok(everywhere.length > 1);
});

test("with offsets of 0 the directory is the model that it was, with the same digest", () => {
  const { model, tokenizer } = open("offsets");
  saveModel(at("untrained"), model, tokenizer);
  model.release();
  const [before, after] = ["llama", "untrained"].map((name) => openModel(at(name), reading).model);
  assert.is(after.fingerprint(), before.fingerprint());
  const evaluated = [before, after].map((one) => evaluate(one, documents, tokenizer, { memorySizes: [0, 30] }));
  assert.equal(evaluated[1], evaluated[0]);
});

test("a directory reads as its memory was trained, unless it is told otherwise, and is another model", () => {
  train("offsets", at("trained"), [1]);
  const { model } = openModel(at("trained"));
  assert.equal([model.memoryLayers, model.memorySize], [[1], 30]);
  const state = model.newState({ rows: 1 });
  assert.is(state.segmentLength, 5);
  state.release();
  assert.is.not(model.fingerprint(), openModel(at("llama")).model.fingerprint());
  assert.equal(openModel(at("trained"), { memoryLayers: "all", memorySize: 7 }).model.memoryLayers, [0, 1]);
  const again = openModelForTraining(at("trained"), "memory-layers");
  assert.equal(again.model.parameters.get(offsetName(1)).toArray(), loadForeign(at("trained")).trained!.offsets.get(1));
});

test("training lowers the loss on what is trained, offsets alone a little, everything by much", () => {
  const mean = (losses: number[]) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const [offsets, all] = (["offsets", "all"] as const).map((only) => train(only, at(`lower-${only}`)));
  assert.ok(mean(all.slice(-5)) < mean(all.slice(0, 5)) - 0.3, `${all}`);
  assert.ok(mean(offsets.slice(-5)) < mean(offsets.slice(0, 5)) + 0.3, `${offsets}`);
});

const kinds: [only: LearningPart, others: Partial<TrainingOptions>][] = [
  ["offsets", {}],
  ["memory-layers", { optimizer: "adafactor" }],
  ["all", { gradientAccumulation: 2, memorySizes: [0, 8, 30] }],
];
for (const [only, others] of kinds) {
  test(`--only ${only}: a run that was interrupted gives the same bits as one that was not`, () => {
    const given = { ...options, steps: 12, ...others };
    const whole = open(only);
    const uninterrupted = new Trainer(whole.model, documents, given);
    const losses = Array.from({ length: 12 }, () => uninterrupted.trainStep().loss);
    for (const step of [1, 5, 9]) {
      const { model, tokenizer } = open(only);
      const first = new Trainer(model, documents, given);
      while (first.step < step) first.trainStep();
      const directory = at(`resumed-${only}-${step}`);
      saveCheckpoint(directory, first, tokenizer);
      first.release();
      model.release();
      const found = loadAnyCheckpoint(directory);
      const second = new Trainer(found.model, documents, found.record.options);
      second.load(found.record, found.tensors);
      const rest = Array.from({ length: 12 - step }, () => second.trainStep().loss);
      assert.equal(rest, losses.slice(step), `from step ${step}`);
      for (const name of whole.model.parameters.names()) {
        assert.equal(found.model.parameters.get(name).toArray(), whole.model.parameters.get(name).toArray(), name);
      }
      second.release();
      found.model.release();
    }
    uninterrupted.release();
    whole.model.release();
  });
}

test("damage and mistakes are one sentence", () => {
  const { model, tokenizer } = open("offsets");
  const trainer = new Trainer(model, documents, options);
  trainer.trainStep();
  const directory = at("damaged");
  saveCheckpoint(directory, trainer, tokenizer);
  const sentence = refusal(() => loadCheckpoint(directory));
  assert.match(sentence, "config.json");
  fs.rmSync(join(directory, "checksums.json"));
  const file = join(directory, OFFSETS_FILE);
  const bytes = fs.readFileSync(file);
  fs.writeFileSync(file, bytes.subarray(0, bytes.length - 4));
  assert.match(
    refusal(() => loadAnyCheckpoint(directory)),
    OFFSETS_FILE,
  );
  fs.rmSync(file);
  assert.match(
    refusal(() => loadAnyCheckpoint(directory)),
    "has no memory_offsets.safetensors",
  );
  assert.match(
    refusal(() => new Trainer(model, documents, { ...options, stalenessEvery: 2 })),
    "models of this program only",
  );
  assert.match(
    refusal(() => openModelForTraining(at("llama"), "offsets", { ...reading, memorySize: 0 })),
    /without a memory nothing could learn of "offsets"/,
  );
  const plain = openModel(at("llama")).model;
  assert.match(
    refusal(() => new Trainer(plain as unknown as TrainableModel, documents, options)),
    /model: .*whose parameters learn/,
  );
});
