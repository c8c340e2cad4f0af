/** Training row by row: close to whole batches, and the same to the bit however the rows are shared. */
import * as assert from "uvu/assert";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import type { RowGradients, RowRange } from "../../src/train/row-gradients.ts";
import type { StepMetrics } from "../../src/train/step-metrics.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("gradients of rows");

const documents = randomDocuments([40, 23, 9, 31, 2, 15]);
const ROWS: Partial<TrainingOptions> = { gradients: "rows", warmupSteps: 2, learningRate: 0.01 };

interface Outcome {
  /** Metrics without times. */
  readonly steps: unknown[];
  readonly weights: number[][];
}

function outcome(model: Transformer, metrics: readonly StepMetrics[]): Outcome {
  const steps = metrics.map(({ seconds: _, secondsLeft: __, tokensPerSecond: ___, ...rest }) => rest);
  return { steps, weights: model.parameters.names().map((name) => [...model.parameters.get(name).toArray()]) };
}

function alone(options: Partial<TrainingOptions>, steps: number, config: Partial<ModelConfig> = {}): Outcome {
  const model = new Transformer(tinyConfig(config), 1);
  const trainer = new Trainer(model, documents, options);
  const metrics = Array.from({ length: steps }, () => trainer.trainStep());
  trainer.release();
  const found = outcome(model, metrics);
  model.release();
  return found;
}

/** Trains with several trainers, each with some rows and a model of its own. */
async function shared(
  options: Partial<TrainingOptions>,
  steps: number,
  ranges: readonly RowRange[],
  config: Partial<ModelConfig> = {},
): Promise<Outcome[]> {
  const models = ranges.map(() => new Transformer(tinyConfig(config), 1));
  const trainers = ranges.map((rows, index) => new Trainer(models[index], documents, options, rows));
  const metrics: StepMetrics[][] = ranges.map(() => []);
  for (let step = 0; step < steps; step++) {
    const sent: RowGradients[] = [];
    let all = (_: RowGradients[]) => {};
    const whole = new Promise<RowGradients[]>((resolve) => (all = resolve));
    const taken = trainers.map((trainer) =>
      trainer.trainStepTogether((own) => {
        sent.push({ ...own, nodes: own.nodes.map((node) => ({ ...node, sum: node.sum.slice() })) });
        if (sent.length === ranges.length) all(sent);
        return whole.then((parts) =>
          parts.map((part) => ({ ...part, nodes: part.nodes.map((node) => ({ ...node, sum: node.sum.slice() })) })),
        );
      }),
    );
    for (const [index, one] of (await Promise.all(taken)).entries()) metrics[index].push(one);
  }
  const found = models.map((model, index) => outcome(model, metrics[index]));
  for (const one of [...trainers, ...models]) one.release();
  return found;
}

test("a batch of one row is that row: both kinds of gradients have the same bits", () => {
  const options = { batchSize: 1, warmupSteps: 2, learningRate: 0.01 };
  assert.equal(alone({ ...options, gradients: "rows" }, 6), alone(options, 6));
});

test("row by row the first step's gradient is that of the batch, but for rounding", () => {
  const [rows] = alone({ ...ROWS, batchSize: 3 }, 1).steps as StepMetrics[];
  const [batch] = alone({ batchSize: 3, warmupSteps: 2, learningRate: 0.01 }, 1).steps as StepMetrics[];
  for (const key of ["loss", "gradientNorm"] as const) {
    assert.ok(Math.abs(rows[key] / batch[key] - 1) < 1e-5, `${key}: ${rows[key]} and ${batch[key]}`);
  }
  assert.is(rows.tokens, batch.tokens);
});

test("trainers that share the rows take the steps of one, bit for bit", async () => {
  const cases: readonly (readonly [Partial<TrainingOptions>, number[], Partial<ModelConfig>])[] = [
    [{ batchSize: 2 }, [0, 1, 2], {}],
    [{ batchSize: 3 }, [0, 2, 3], { dropout: 0.1, xl_cache_length: 7 }],
    [{ batchSize: 5, memorySizes: [0, 2, 17] }, [0, 1, 4, 5], { smear_keys: "memory_layers", memory_copy: true }],
    [{ batchSize: 2, gradientAccumulation: 2 }, [0, 3, 4], {}],
    [{ batchSize: 3, optimizer: "adafactor" }, [0, 1, 2, 3], {}],
  ];
  for (const [options, borders, config] of cases) {
    const ranges = borders.slice(1).map((to, index) => ({ from: borders[index], to }));
    const one = alone({ ...ROWS, ...options }, 5, config);
    for (const each of await shared({ ...ROWS, ...options }, 5, ranges, config)) assert.equal(each, one);
  }
});

test("states of shared rows are those of a trainer with all, by the same names", async () => {
  const options = { ...ROWS, batchSize: 3 };
  const model = new Transformer(tinyConfig(), 1);
  const whole = new Trainer(model, documents, options);
  const { tensors } = whole.save();
  const part = new Trainer(model, documents, options, { from: 1, to: 3 });
  const own = [...part.save().tensors];
  assert.ok(own.some(([name]) => name.startsWith("state.2.")));
  assert.not.ok(own.some(([name]) => name.startsWith("state.0.")));
  const same = new Map(own.map(([name]) => [name, tensors.get(name)!]));
  assert.equal(writeSafetensors(new Map(own)), writeSafetensors(same));
  part.load(whole.save().record, new TensorReader(same, "the whole"));
  for (const one of [part, whole, model]) one.release();
});

test("missing rows, and rows of a trainer of whole batches, are refused in a sentence", async () => {
  const model = new Transformer(tinyConfig(), 1);
  const refusal = (work: () => unknown) =>
    Promise.resolve()
      .then(work)
      .then(
        () => "nothing was refused",
        (error: Error) => error.message,
      );
  const half = new Trainer(model, documents, { ...ROWS, batchSize: 2 }, { from: 0, to: 1 });
  const missing = "a step needs the gradients of 2 rows; those of some are missing";
  assert.is(await refusal(() => half.trainStep()), missing);
  assert.is(await refusal(() => half.trainStepTogether((own) => [own])), missing);
  const whole = new Trainer(model, documents, { batchSize: 2 });
  assert.match(await refusal(() => whole.trainStepTogether((own) => [own])), "gradients: got ");
  assert.match(await refusal(() => new Trainer(model, documents, { batchSize: 2 }, { from: 0, to: 1 })), "gradients");
  assert.match(
    await refusal(() => new Trainer(model, documents, { ...ROWS, batchSize: 2 }, { from: 1, to: 3 })),
    "own.to",
  );
  for (const one of [half, whole, model]) one.release();
});

test("whoever waits between rows is awaited after each of a step, before the sums are sent", async () => {
  const trainer = new Trainer(new Transformer(tinyConfig(), 1), documents, { batchSize: 3, gradients: "rows" });
  const seen: string[] = [];
  const between = async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    seen.push("row");
  };
  await trainer.trainStepTogether((own) => {
    seen.push("sent");
    return [own];
  }, between);
  assert.equal(seen, ["row", "row", "row", "sent"]);
  trainer.release();
});
