import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import { runTraining, type TrainingRun } from "../../src/train/run.ts";
import { newestCheckpoint } from "../../src/train/run-directory.ts";
import type { StepMetrics } from "../../src/train/step-metrics.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { OutOfMemoryError } from "../../src/wasm/heap.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("training run");

const documents = randomDocuments([40, 23, 9]);
const tokenizer = byteTokenizer();
const folder = folderFor(test, "run");
let count = 0;

const newDirectory = () => join(folder, `${count++}`);

function newTrainer(options: Partial<TrainingOptions>): Trainer {
  return new Trainer(new Transformer(tinyConfig(), 1), documents, { batchSize: 2, ...options });
}

/** Returns the calls of a run's callbacks, in order. */
async function events(options: Partial<TrainingOptions>, run: Partial<TrainingRun>): Promise<string[]> {
  const told: string[] = [];
  await runTraining(newTrainer(options), {
    tokenizer,
    onStep: ({ step }) => told.push(`step ${step}`),
    onEvaluation: (result, step) => told.push(`evaluation at ${step}: ${result.results.length} sizes`),
    onCheckpoint: (directory, step) => told.push(`checkpoint at ${step}: ${newestCheckpoint(directory).record.step}`),
    ...run,
  });
  return told;
}

function metricsIn(directory: string): StepMetrics[] {
  const lines = fs.readFileSync(join(directory, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

test("a small example, written out: 5 steps with an evaluation every 3, a checkpoint every 2, and both at the end", async () => {
  const directory = newDirectory();
  const evaluation = { documents, memorySizes: [0, 17] };
  const told = await events({ steps: 5, evaluateEvery: 3, checkpointEvery: 2 }, { directory, evaluation });
  assert.equal(told, [
    "step 1",
    "step 2",
    "checkpoint at 2: 2",
    "step 3",
    "evaluation at 3: 2 sizes",
    "step 4",
    "checkpoint at 4: 4",
    "step 5",
    "evaluation at 5: 2 sizes",
    "checkpoint at 5: 5",
  ]);
});

test("an evaluation that is not finite ends the run, and the error names the last checkpoint", async () => {
  const trainer = newTrainer({ steps: 5, evaluateEvery: 3, checkpointEvery: 2 });
  const spoil = ({ step }: StepMetrics) => {
    const { size } = trainer.model.parameters.get("model.norm.weight");
    if (step === 3) trainer.model.parameters.get("model.norm.weight").set(new Float32Array(size).fill(3e38));
  };
  const run = { tokenizer, directory: newDirectory(), evaluation: { documents, memorySizes: [0] }, onStep: spoil };
  const message = await runTraining(trainer, run).then(
    () => "nothing",
    (error) => error.message,
  );
  const losses = "the model's predictions are not finite numbers: its weights are too large, or damaged";
  assert.is(message, `${losses}; the last checkpoint is of step 2`);
});

test("by default there is one checkpoint, at the end, and no evaluation", async () => {
  const run = { directory: newDirectory(), evaluation: { documents, memorySizes: [0] } };
  assert.equal(await events({ steps: 2 }, run), ["step 1", "step 2", "checkpoint at 2: 2"]);
});

test("without a directory nothing is written", async () => {
  assert.equal(await events({ steps: 2, checkpointEvery: 1 }, {}), ["step 1", "step 2"]);
});

test("an abort ends the run after its step, with a checkpoint", async () => {
  const abort = new AbortController();
  const directory = newDirectory();
  await runTraining(newTrainer({ steps: 9 }), {
    tokenizer,
    directory,
    signal: abort.signal,
    onStep: ({ step }) => step === 4 && abort.abort(),
  });
  assert.is(newestCheckpoint(directory).record.step, 4);
  assert.is(metricsIn(directory).length, 4);
  assert.equal(await events({ steps: 9 }, { signal: abort.signal }), []);
});

test("timers run while the model trains", async () => {
  const abort = new AbortController();
  let steps = 0;
  const onStep = () => {
    if (steps++ === 0) setTimeout(() => abort.abort(), 0);
  };
  await runTraining(newTrainer({ steps: 1e9 }), { tokenizer, signal: abort.signal, onStep });
  assert.ok(steps > 0);
});

test("metrics.jsonl has one line for each step, with the reported metrics", async () => {
  const directory = newDirectory();
  const reported: StepMetrics[] = [];
  await runTraining(newTrainer({ steps: 3 }), { tokenizer, directory, onStep: (metrics) => reported.push(metrics) });
  assert.equal(metricsIn(directory), reported);
});

test("metrics.jsonl has a line for each evaluation, after that of its step", async () => {
  const directory = newDirectory();
  const evaluation = { documents, memorySizes: [0] };
  const reported: unknown[] = [];
  await runTraining(newTrainer({ steps: 3, evaluateEvery: 2 }), {
    tokenizer,
    directory,
    evaluation,
    onStep: (metrics) => reported.push(metrics),
    onEvaluation: (result, step) => reported.push({ step, evaluation: result }),
  });
  assert.equal(metricsIn(directory), reported);
  assert.equal(
    metricsIn(directory).map(({ step }) => step),
    [1, 2, 2, 3, 3],
  );
});

test("a resumed run rewrites the lines after its checkpoint, a fresh run all of them", async () => {
  const directory = newDirectory();
  const whole = newTrainer({ steps: 6, checkpointEvery: 4 });
  const crash = new Error("power cut");
  const onStep = ({ step }: StepMetrics) => {
    if (step === 6) throw crash;
  };
  await runTraining(whole, { tokenizer, directory, onStep }).catch((error) => assert.is(error, crash));
  fs.appendFileSync(join(directory, "metrics.jsonl"), '{"step":7,"lo');
  assert.is(fs.readFileSync(join(directory, "metrics.jsonl"), "utf8").split("\n").length, 7);

  const { model, record, tensors } = newestCheckpoint(directory);
  const resumed = new Trainer(model, documents, record.options);
  resumed.load(record, tensors);
  await runTraining(resumed, { tokenizer, directory });
  assert.equal(
    metricsIn(directory).map(({ step }) => step),
    [1, 2, 3, 4, 5, 6],
  );

  await runTraining(newTrainer({ steps: 2 }), { tokenizer, directory });
  assert.equal(
    metricsIn(directory).map(({ step }) => step),
    [1, 2],
  );
});

test("staleness is measured at its interval, and at the end", async () => {
  const directory = newDirectory();
  await events({ steps: 5, stalenessEvery: 2 }, { directory });
  const measured = metricsIn(directory).map(({ keyCosines }) => keyCosines !== undefined);
  assert.equal(measured, [false, true, false, true, true]);
});

test("running out of memory in the middle is an error that names the last checkpoint, which stays", async () => {
  const directory = newDirectory();
  const { allocate } = heap;
  const onStep = ({ step }: StepMetrics) => {
    const fail = () => {
      throw new OutOfMemoryError("no memory is left");
    };
    if (step === 3) heap.allocate = fail;
  };
  const evaluation = { documents, memorySizes: [17] };
  let message = "";
  await runTraining(newTrainer({ steps: 9, checkpointEvery: 2, evaluateEvery: 3 }), {
    tokenizer,
    directory,
    evaluation,
    onStep,
  })
    .catch((error) => (message = `${error.name}: ${error.message}`))
    .finally(() => (heap.allocate = allocate));
  assert.is(message, "InputError: no memory is left; the last checkpoint is of step 2");
  assert.is(newestCheckpoint(directory).record.step, 2);
});

test("an error before the first checkpoint says that nothing was saved", async () => {
  const trainer = new Trainer(new Transformer(tinyConfig(), 1), documents, {
    learningRate: 1000,
    clipNorm: 0,
    steps: 99,
  });
  let message = "";
  await runTraining(trainer, { tokenizer, directory: newDirectory() }).catch((error) => (message = error.message));
  assert.match(message, /^training stopped in step \d+: .* is not finite .*; nothing was saved before$/);
});

test("a resumed run repeats an interrupted evaluation", async () => {
  const evaluation = { documents, memorySizes: [0, 17] };
  const options = { steps: 6, evaluateEvery: 2 };
  const whole = newDirectory();
  await runTraining(newTrainer(options), { tokenizer, directory: whole, evaluation });

  const stopped = newDirectory();
  const abort = new AbortController();
  const onStep = ({ step }: StepMetrics) => step === 4 && abort.abort();
  await runTraining(newTrainer(options), { tokenizer, directory: stopped, evaluation, onStep, signal: abort.signal });
  assert.equal([newestCheckpoint(stopped).record.step, metricsIn(stopped).at(-1)?.step], [4, 4]);
  const { model, record, tensors } = newestCheckpoint(stopped);
  const resumed = new Trainer(model, documents, record.options);
  resumed.load(record, tensors);
  await runTraining(resumed, { tokenizer, directory: stopped, evaluation });
  const timeless = (directory: string) =>
    metricsIn(directory).map((line) => ({ ...line, seconds: 0, secondsLeft: 0, tokensPerSecond: 0 }));
  assert.equal(timeless(stopped), timeless(whole));
});
