/** `--sync H` over a directory: rounds have the bits of one machine, and can be closed again, late, or without some parts. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { requireRows } from "../../../src/cli/cluster-training.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { Transformer } from "../../../src/model/transformer.ts";
import { byteTokenizer } from "../../../src/text/tokenizer.ts";
import { saveCheckpoint } from "../../../src/train/checkpoint.ts";
import { flatCopy } from "../../../src/train/flat-parameters.ts";
import { newestCheckpoint } from "../../../src/train/run-directory.ts";
import type { StepMetrics } from "../../../src/train/step-metrics.ts";
import { OuterTrainer } from "../../../src/train/together/outer-trainer.ts";
import { partsOf } from "../../../src/train/together/parts.ts";
import { Trainer } from "../../../src/train/trainer.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { refusal } from "../../refusal.ts";
import { randomDocuments, tinyConfig } from "../../tiny.ts";
import { mortal } from "./mortal.ts";
import {
  documents,
  filesOf,
  LEASE,
  lead,
  newModel,
  newWorker,
  requireOwnStart,
  type Training,
  trainAlone,
} from "./world.ts";

const test = suite("training together in rounds");

const folder = folderFor(test, "together-rounds");
const at = (name: string) => join(folder, name);

const rounds = { every: 3, parts: 2, outerRate: 0.7, outerMomentum: 0.9 };
const options = {
  batchSize: 3,
  steps: 11,
  warmupSteps: 2,
  learningRate: 0.01,
  checkpointEvery: 6,
  evaluateEvery: 3,
  stalenessEvery: 3,
  keep: 9,
};
const training: Training = { options, rounds };

function requireSame(out: string): void {
  const [found, wanted] = [filesOf(at(out)), filesOf(at("alone"))];
  assert.equal([...found.keys()], [...wanted.keys()]);
  for (const [path, content] of wanted) assert.is(found.get(path), content, path);
}

function linesIn(out: string): (StepMetrics & { evaluation?: unknown })[] {
  return fs
    .readFileSync(at(`${out}/metrics.jsonl`), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test.before(() => trainAlone(training, at("alone")));

test("one part with outer rate 1 and no momentum is plain AdamW, bit for bit", async () => {
  const plain = { ...options, checkpointEvery: 0, evaluateEvery: 0, stalenessEvery: 0 };
  const [model, other] = [newModel(), newModel()];
  const trainer = new Trainer(model, documents, plain);
  const outer = new OuterTrainer(other, documents, plain, { every: 3, parts: 1, outerRate: 1, outerMomentum: 0 });
  const told: StepMetrics[] = [];
  while (!outer.done) told.push(...(await outer.advance()));
  for (const { loss, gradientNorm, learningRate, step } of told) {
    const metrics = trainer.trainStep();
    assert.equal(
      [metrics.step, metrics.loss, metrics.gradientNorm, metrics.learningRate],
      [step, loss, gradientNorm, learningRate],
    );
  }
  assert.is(trainer.done, true);
  assert.equal(flatCopy(other.parameters, "values"), flatCopy(model.parameters, "values"));
  for (const one of [trainer, outer, model, other]) one.release();
});

test("two parts, written out: their documents, rows and rounds", () => {
  const parts = partsOf(randomDocuments([10, 9, 1, 8, 2]), { ...optionsOf(), batchSize: 3, seed: 7 }, 2);
  const dealt = parts.map((part) => [
    part.options.batchSize,
    part.options.seed,
    ...part.documents.map(({ name }) => name),
  ]);
  // 10 goes to the first of one row; 9 and 8 to the second, of two rows: 8.5 a row; 2 to the second as well
  assert.equal(dealt, [
    [1, 7, "document 0"],
    [2, 8, "document 1", "document 3", "document 4"],
  ]);
  const last = linesIn("alone").filter((line) => line.parts !== undefined);
  assert.equal(
    last.map(({ step, parts }) => [step, parts]),
    [3, 6, 9, 11].map((step) => [step, [0, 1]]),
  );
  assert.equal(
    linesIn("alone").flatMap(({ step, evaluation }) => (evaluation === undefined ? [] : [step])),
    [3, 6, 9, 11],
  );
});

test("one worker, and two, give every file of one machine", async () => {
  for (const workers of [1, 2]) {
    const place = at(`exchange-${workers}`);
    const led = await lead(place, training);
    const all = await Promise.all(Array.from({ length: workers }, () => newWorker(place)));
    await led.run(at(`together-${workers}`));
    await Promise.all(all.map(({ ended }) => ended));
    requireSame(`together-${workers}`);
  }
});

test("a worker that is killed at any write is replaced: its parts go on from their last states", async () => {
  for (const killAfter of [2, 5, 11]) {
    const place = at(`killed-${killAfter}`);
    const led = await lead(place, training);
    const [first, second] = [await newWorker(place), await newWorker(place, { killAfter })];
    await led.run(at(`killed-out-${killAfter}`));
    await Promise.all([first.ended, second.ended]);
    assert.ok(second.writes() >= killAfter, "it was never killed");
    requireSame(`killed-out-${killAfter}`);
  }
});

test("a round whose leader was killed is closed again, from the same arrivals to the same bits", async () => {
  const place = at("again");
  const worker = newWorker(place);
  const silent = mortal(await openExchange(place, { lease: LEASE }));
  const first = await lead(place, training, { exchange: silent.exchange });
  await first.course.advance();
  const closed = flatCopy(first.course.model.parameters, "values"); // the round is not written to the exchange's record
  silent.kill();
  await (await worker).ended;
  const second = await lead(place, training);
  const metrics = await second.course.advance(); // nobody is there to compute
  assert.is(metrics.length, 3);
  assert.equal(flatCopy(second.course.model.parameters, "values"), closed);
  silent.revive();
  await first.rounds.end();
  const next = newWorker(place);
  await second.run(at("again-out"));
  await (await next).ended;
  const [found, wanted] = [filesOf(at("again-out")), filesOf(at("alone"))];
  for (const path of ["model.safetensors", "checkpoint-11/trainer.safetensors", "checkpoint-11/trainer.json"]) {
    assert.is(found.get(path), wanted.get(path), path);
  }
});

test("a checkpoint resumes to the same bits, here and on a cluster", async () => {
  const tokenizer = byteTokenizer();
  const whole = new OuterTrainer(newModel(), documents, options, rounds);
  for (let round = 0; round < 2; round++) await whole.advance();
  saveCheckpoint(at("middle"), whole, tokenizer);
  while (!whole.done) await whole.advance();
  const { model, record, tensors } = newestCheckpoint(at("middle"));
  assert.equal(record.rounds?.options, rounds);
  const resumed = new OuterTrainer(model, documents, record.options, rounds);
  resumed.load(record, tensors);
  assert.is(resumed.step, 6);
  while (!resumed.done) await resumed.advance();
  assert.equal(flatCopy(resumed.model.parameters, "values"), flatCopy(whole.model.parameters, "values"));
  for (const one of [whole, whole.model, resumed, resumed.model]) one.release();
});

test("with a quorum a round ends without a part that is late, which stays where it was", async () => {
  const place = at("late");
  const led = await lead(place, { ...training, closing: { quorum: 1, deadline: 0 } });
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const [worker, late] = [await newWorker(place), await newWorker(place, { gate })];
  await Promise.all([worker.seated, late.seated]);
  const advance = led.course.advance.bind(led.course);
  led.course.advance = async (signal) => {
    const metrics = await advance(signal);
    open(); // the first round is over
    return metrics;
  };
  await led.run(at("late-out"));
  await Promise.all([worker.ended, late.ended]);
  const ends = linesIn("late-out").flatMap(({ parts }) => (parts === undefined ? [] : [parts]));
  assert.is(ends.length, 4);
  for (const parts of ends) assert.ok(parts.length >= 1 && parts.every((part) => part === 0 || part === 1));
  assert.is(ends[0].length, 1, "the part of the worker that may not write yet is late");
  const { record } = newestCheckpoint(at("late-out"));
  const done = record.rounds?.parts.map(({ step }) => step) ?? [];
  const stepsOf = (part: number) =>
    ends.reduce((sum, parts, index) => sum + (parts.includes(part) ? [3, 3, 3, 2][index] : 0), 0);
  assert.equal(done, [stepsOf(0), stepsOf(1)]);
});

test("what cannot be is refused in a sentence", () => {
  const model = newModel();
  const refused = (more: object, inRounds: object = {}, texts = documents) =>
    refusal(() => new OuterTrainer(model, texts, { ...options, ...more }, { ...rounds, ...inRounds }));
  assert.match(refused({}, { parts: 4 }), "4 workers are more than the 3 rows of a batch (batchSize); each needs one");
  assert.match(
    refused({}, {}, randomDocuments([9, 1])),
    "2 workers need 2 documents of two tokens or more, one each, and there are 1",
  );
  const trainer = new OuterTrainer(model, documents, options, rounds); // as a run that goes on has it
  assert.match(
    refusal(() => requireRows(trainer, { workers: undefined, quorum: 8 })),
    "--quorum 8 is more than the 2 parts of the run",
  );
  requireRows(trainer, { workers: undefined, quorum: 2 });
  trainer.release();
  assert.match(refused({ evaluateEvery: 4 }), "evaluateEvery is 4, but only every 3 steps (--sync 3) the workers have");
  model.release();
});

function optionsOf() {
  const model = newModel();
  const trainer = new Trainer(model, documents, options);
  const all = trainer.options;
  trainer.release();
  model.release();
  return all;
}

test("the same command with other first weights is another training, though the exchange has the end of the first", () =>
  requireOwnStart(training, at));

test("directions that are drawn anew in training are refused, since each part would draw its own", () => {
  const config = tinyConfig({ mechanism: "performer", mechanism_redraw: 24, memory_layers: [] });
  const make = () => new OuterTrainer(new Transformer(config, 1), documents, options, rounds);
  assert.match(
    refusal(make),
    /^mechanism_redraw is 24: each part of a training in rounds would draw directions of its own/,
  );
});
