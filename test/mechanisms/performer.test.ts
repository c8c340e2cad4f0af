/** Performer's directions: orthogonal, of the lengths of normal vectors, the same in every run, and drawn anew when a setting says so. */
import * as assert from "uvu/assert";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { Random } from "../../src/base/random.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import { directions } from "../../src/mechanisms/performer.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("performer");

function product(all: Float32Array, a: number, b: number, width: number): number {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += all[a * width + d] * all[b * width + d];
  return sum;
}

test("directions of a group are orthogonal, and those of different layers differ", () => {
  const [width, features] = [8, 20];
  const all = directions(features, width, 3);
  assert.is(all.length, features * width);
  for (let a = 0; a < features; a++) {
    for (let b = 0; b < a; b++) {
      if (Math.floor(a / width) !== Math.floor(b / width)) continue;
      assert.ok(Math.abs(product(all, a, b, width)) < 1e-4, `directions ${b} and ${a}`);
    }
  }
  assert.equal(directions(features, width, 3), all);
  assert.not.equal(directions(features, width, 4), all);
});

test("their mean squared length is the width, as that of normal vectors is", () => {
  const [width, features] = [16, 2000];
  const all = directions(features, width, 1);
  let sum = 0;
  for (const x of all) sum += x * x;
  assert.ok(Math.abs(sum / features / width - 1) < 0.03, `it is ${sum / features}`);
});

const SEEDS = ["model.layers.0.mechanism.directions.seed", "model.layers.1.mechanism.directions.seed"];

function performerOf(mechanism_redraw: number, seed = 1): Transformer {
  const settings = { mechanism: "performer", mechanism_features: 9, mechanism_redraw } as const;
  return new Transformer(tinyConfig({ ...settings, memory_layers: [] }), seed);
}

function seedsOf(model: Transformer): number[] {
  return SEEDS.map((name) => model.parameters.get(name).item());
}

const documents = randomDocuments([40, 23, 9, 31, 2, 15]);
const options = { batchSize: 2, gradientAccumulation: 2, warmupSteps: 2, learningRate: 0.01, steps: 40 };

test("an example: with an interval of 3, directions of all layers are drawn before the fourth and the seventh step", () => {
  const model = performerOf(3);
  const trainer = new Trainer(model, documents, options);
  const before = seedsOf(model);
  const changed = Array.from({ length: 8 }, () => {
    const old = seedsOf(model);
    trainer.trainStep();
    return seedsOf(model).filter((seed, layer) => seed !== old[layer]).length;
  });
  assert.equal(changed, [0, 0, 0, 2, 0, 0, 2, 0]);
  const all = [...before, ...seedsOf(model)];
  assert.is(new Set(all).size, 4, "layers differ");
  assert.ok(all.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 24));
  trainer.release();
  model.release();
});

test("without an interval there is no seed among the parameters, and a trainer draws nothing", () => {
  const model = performerOf(0);
  assert.not.ok(model.parameters.names().some((name) => name.includes("directions")));
  const random = new Random(3);
  model.beforeStep(3, random, []);
  assert.equal(random.state(), new Random(3).state());
  model.release();
});

test("a training resumed before, at and after a drawing goes on with the same bits", () => {
  for (const saved of [2, 3, 4]) {
    const model = performerOf(3);
    const trainer = new Trainer(model, documents, options);
    for (let n = 0; n < saved; n++) trainer.trainStep();
    const { record, tensors } = trainer.save();
    const twin = performerOf(3, 2);
    for (const name of model.parameters.names()) twin.parameters.get(name).set(model.parameters.get(name).toArray());
    const resumed = new Trainer(twin, documents, options);
    resumed.load(record, new TensorReader(readSafetensors(writeSafetensors(tensors), "saved").tensors, "saved"));
    for (let n = 0; n < 9; n++)
      assert.is(resumed.trainStep().loss, trainer.trainStep().loss, `saved at ${saved}, step ${n}`);
    assert.equal(seedsOf(twin), seedsOf(model));
    for (const part of [trainer, resumed, model, twin]) part.release();
  }
});

test("sums that were made with earlier directions are forgotten, and nothing else of the state is", () => {
  const model = performerOf(3);
  const [state, fresh] = [model.newState({ rows: 1 }), model.newState({ rows: 1 })];
  const read = (ids: number[], where: typeof state) =>
    step(() => noGrad(() => model.forward({ ids: Int32Array.from(ids) }, where).toArray()));
  read([1, 2, 3, 4, 5, 6, 7], state);
  model.beforeStep(3, new Random(5), [state]);
  assert.equal(read([8, 9], state), read([8, 9], fresh));
  for (const part of [state, fresh, model]) part.release();
});

test("the first values of the seeds follow from the model's seed, and other seeds are other features", () => {
  const [one, same, other] = [performerOf(3, 1), performerOf(3, 1), performerOf(3, 2)];
  assert.equal(seedsOf(same), seedsOf(one));
  assert.not.equal(seedsOf(other), seedsOf(one));
  const read = () => {
    const state = one.newState({ rows: 1 });
    const logits = step(() => noGrad(() => one.forward({ ids: Int32Array.of(1, 2, 3) }, state).toArray()));
    state.release();
    return logits;
  };
  const before = read();
  one.parameters.get(SEEDS[0]).fill(77);
  assert.not.equal(read(), before);
  for (const model of [one, same, other]) model.release();
});

test("a fingerprint does not tell how often directions would be drawn, but which they are", () => {
  const [often, seldom] = [performerOf(3), performerOf(5)];
  assert.is(seldom.fingerprint(), often.fingerprint());
  seldom.parameters.get(SEEDS[1]).fill(1);
  assert.is.not(seldom.fingerprint(), often.fingerprint());
  for (const model of [often, seldom]) model.release();
});
