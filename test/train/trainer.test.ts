import * as assert from "uvu/assert";
import { arena } from "../../src/autodiff/tensor.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import type { StepMetrics } from "../../src/train/step-metrics.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { documentOf, randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("trainer");

const documents = randomDocuments([40, 23, 9, 31, 2, 15]);

/** Trains a tiny model and frees everything; `visit` sees the trainer after every step. */
function train(
  options: Partial<TrainingOptions>,
  config: Partial<ModelConfig> = {},
  visit: (trainer: Trainer, metrics: StepMetrics) => void = () => {},
): { metrics: StepMetrics[]; weights: Float32Array[] } {
  const model = new Transformer(tinyConfig(config), 1);
  const trainer = new Trainer(model, documents, { batchSize: 3, warmupSteps: 2, learningRate: 0.01, ...options });
  const metrics: StepMetrics[] = [];
  while (!trainer.done) {
    metrics.push(trainer.trainStep());
    visit(trainer, metrics[metrics.length - 1]);
  }
  const weights = model.parameters.names().map((name) => model.parameters.get(name).toArray());
  trainer.release();
  model.parameters.release();
  return { metrics, weights };
}

const losses = (metrics: StepMetrics[]) => metrics.map(({ loss }) => loss);

test("a small example, written out: without an embedding all 256 bytes are equally likely, so the loss is ln 256", () => {
  const model = new Transformer(tinyConfig(), 1);
  model.parameters.get("model.embed_tokens.weight").fill(0);
  const trainer = new Trainer(model, [documentOf("five", [1, 2, 3, 4, 5])], { batchSize: 1 });
  const { step, loss, tokens } = trainer.trainStep();
  assert.ok(Math.abs(loss - Math.log(256)) < 1e-5, `loss ${loss}`);
  assert.equal({ step, tokens }, { step: 1, tokens: 4 }); // the first token is never predicted
  trainer.release();
  model.release();
});

test("a row with a reach of 0 trains like a model without memory, and one with full reach like any other", () => {
  const config = { memory_combine: "joint" } as const;
  const off = train({ steps: 9 }, { ...config, memory_size: 0 });
  assert.equal(losses(train({ steps: 9, memorySizes: [0] }, config).metrics), losses(off.metrics));
  const whole = train({ steps: 9 }, config);
  assert.equal(losses(train({ steps: 9, memorySizes: [17, 99] }, config).metrics), losses(whole.metrics));
  const drawn = losses(train({ steps: 9, memorySizes: [0, 2, 17] }, config).metrics);
  assert.not.equal(drawn, losses(whole.metrics));
  assert.equal(losses(train({ steps: 9, memorySizes: [0, 2, 17] }, config).metrics), drawn);
});

test("a tiny model memorizes one document, to a loss below 0.1", () => {
  const text = "Call me Ishmael. Some years ago - never mind how long precisely - having little";
  const model = new Transformer(tinyConfig({ hidden_size: 32, head_dim: 16, intermediate_size: 65 }), 1);
  const whole = documentOf("moby", byteTokenizer().encode(text));
  const trainer = new Trainer(model, [whole], { steps: 500, batchSize: 2, learningRate: 0.01, attentionRate: 5 });
  let last: number[] = [];
  while (!trainer.done) last = [...last.slice(-11), trainer.trainStep().loss]; // the document has 12 segments
  assert.ok(
    last.every((loss) => loss < 0.1),
    `the last losses are ${last}`,
  );
});

test("Adafactor learns too", () => {
  const { metrics } = train({ steps: 60, optimizer: "adafactor", learningRate: 0.05, schedule: "constant" });
  assert.ok(metrics[59].loss < 0.6 * metrics[0].loss, `from ${metrics[0].loss} to ${metrics[59].loss}`);
});

for (const dropout of [0, 0.2]) {
  test(`the same seed gives bit-identical losses and weights, another seed others (dropout ${dropout})`, () => {
    const config = { dropout, xl_cache_length: 5 };
    const [first, second] = [train({ steps: 15, seed: 7 }, config), train({ steps: 15, seed: 7 }, config)];
    assert.equal(losses(second.metrics), losses(first.metrics));
    assert.equal(second.weights, first.weights);
    assert.not.equal(losses(train({ steps: 15, seed: 8 }, config).metrics), losses(first.metrics));
  });
}

test("two accumulated batches of B equal one batch of 2B, including memories and contexts", () => {
  const config = { xl_cache_length: 5 };
  const [whole, halves] = [
    train({ steps: 12, batchSize: 6 }, config),
    train({ steps: 12, batchSize: 3, gradientAccumulation: 2 }, config),
  ];
  for (const [step, { loss, tokens, gradientNorm, memoryFill }] of halves.metrics.entries()) {
    const expected = whole.metrics[step];
    assert.is(tokens, expected.tokens);
    assert.is(memoryFill.toFixed(12), expected.memoryFill.toFixed(12));
    assert.ok(Math.abs(loss - expected.loss) < 1e-4, `step ${step}: ${loss} is not ${expected.loss}`);
    assert.ok(Math.abs(gradientNorm / expected.gradientNorm - 1) < 1e-3, `step ${step}: ${gradientNorm}`);
  }
});

test("the loss is the mean over all predicted tokens of a step, over all its batches", () => {
  const uneven = [documentOf("long", new Int32Array(8).fill(3)), documentOf("short", [5, 6])];
  const model = new Transformer(tinyConfig(), 1);
  const { results, tokens } = evaluate(model, uneven, byteTokenizer(), { memorySizes: [0] });
  for (const options of [{ batchSize: 2 }, { batchSize: 1, gradientAccumulation: 2 }]) {
    const trainer = new Trainer(model, uneven, { learningRate: 0, ...options });
    const metrics = trainer.trainStep();
    assert.is(metrics.tokens, tokens);
    assert.ok(Math.abs(metrics.loss - results[0].nats / tokens) < 1e-6, `${metrics.loss}`);
    trainer.release();
  }
});

test("after the second step neither the arena nor the heap grows", () => {
  const before = heap.bytesInUse;
  let [reserved, bytes, inUse] = [0, 0, 0];
  train({ steps: 300 }, { xl_cache_length: 5 }, ({ step }) => {
    if (step === 2) [reserved, bytes, inUse] = [arena.bytesReserved, heap.memory.buffer.byteLength, heap.bytesInUse];
    if (step < 2) return;
    assert.is(arena.bytesReserved, reserved, `the arena, step ${step}`);
    assert.is(heap.memory.buffer.byteLength, bytes, `the memory, step ${step}`);
    assert.is(heap.bytesInUse, inUse, `the heap, step ${step}`);
  });
  assert.ok(heap.bytesInUse - before < arena.bytesReserved + 65536, "a trainer frees everything");
});

test("an evaluation during training changes neither its memory nor its losses", () => {
  const contents = (trainer: Trainer) => [...trainer.save().tensors.values()].map(({ data }) => data);
  const undisturbed = train({ steps: 9 });
  const disturbed = train({ steps: 9 }, {}, (trainer) => {
    const before = contents(trainer);
    evaluate(trainer.model, randomDocuments([50, 8], 9), byteTokenizer(), { memorySizes: [0, 30], rows: 2 });
    assert.equal(contents(trainer), before);
  });
  assert.equal(losses(disturbed.metrics), losses(undisturbed.metrics));
  assert.equal(disturbed.weights, undisturbed.weights);
});

test("a step reports its rate, its memories and the time left", () => {
  const options: Partial<TrainingOptions> = { steps: 8, warmupSteps: 4, schedule: "constant", learningRate: 0.5 };
  const { metrics } = train({ ...options, clipNorm: 0 }, { memory_size: 7 });
  assert.equal(
    metrics.map(({ learningRate }) => learningRate),
    [0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5, 0.5],
  );
  assert.equal(
    metrics.map(({ step }) => step),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
  assert.equal(
    metrics.map(({ gates }) => gates.length),
    [0, 1, 1, 1, 1, 1, 1, 1],
    "nothing is retrieved in the first step",
  );
  assert.is(metrics[7].secondsLeft, 0);
  for (const { loss, perplexity, tokens, tokensPerSecond, seconds, secondsLeft, memoryFill, gradientNorm } of metrics) {
    assert.ok(Math.abs(perplexity / Math.exp(loss) - 1) < 1e-12);
    assert.ok(tokens > 0 && tokens <= 21 && tokensPerSecond > 0 && seconds > 0 && secondsLeft >= 0);
    assert.ok(memoryFill > 0 && memoryFill <= 1, `${memoryFill}`);
    assert.ok(gradientNorm > 0);
  }
});

test("long gradients are shortened; a clipNorm of 0 turns that off", () => {
  const clipped = (clipNorm: number) => train({ steps: 3, clipNorm, eps: 1 }).weights;
  assert.equal(clipped(0), clipped(1e9));
  assert.not.equal(clipped(0.01), clipped(0));
});

test("a step reports the gates that it computed, for every policy; a model without memory has none", () => {
  const second = (config: Partial<ModelConfig>) => train({ steps: 2, learningRate: 0 }, config).metrics[1].gates;
  assert.equal(second({ num_hidden_layers: 3, memory_layers: [0, 2] }), [0.5, 0.5]);
  assert.equal(second({ memory_combine: "content" }), [0.5], "weights begin at 0");
  const [joint] = second({ memory_combine: "joint" });
  assert.ok(joint > 0.01 && joint < 0.99, `${joint}`);
  const plain = train({ steps: 2 }, { memory_layers: [] }).metrics[1];
  assert.equal([plain.gates, plain.memoryFill], [[], 0]);
});

for (const [rate, own] of [
  ["attentionRate", /scale|bias|gate/],
  ["embeddingRate", /embed/],
] as const) {
  test(`${rate} moves its own parameters, and no others`, () => {
    const [still, moving] = [0, 1].map((factor) => train({ steps: 3, [rate]: factor, weightDecay: 0 }));
    const first = new Transformer(tinyConfig(), 1).parameters;
    for (const [i, name] of first.names().entries()) {
      const unmoved = still.weights[i].join() === first.get(name).toArray().join();
      assert.is(unmoved, own.test(name), `${name} without a rate`);
      assert.not.equal(moving.weights[i], first.get(name).toArray(), `${name} with a rate`);
    }
  });
}

test("only the matrices of the layers decay", () => {
  const [decayed, free] = [5, 0].map((weightDecay) => train({ steps: 1, weightDecay }));
  for (const [i, name] of new Transformer(tinyConfig(), 1).parameters.names().entries()) {
    assert.is(decayed.weights[i].join() !== free.weights[i].join(), /proj/.test(name), name);
  }
});

test("a number that is not finite ends the training with a sentence that names step and op", () => {
  const model = new Transformer(tinyConfig(), 1);
  const trainer = new Trainer(model, documents, { batchSize: 2 });
  trainer.trainStep();
  const weight = model.parameters.get("model.layers.1.mlp.up_proj.weight");
  const before = weight.toArray();
  weight.set(before.map((value, i) => (i === 3 ? Number.NaN : value)));
  const embedding = model.parameters.get("model.embed_tokens.weight").toArray();
  assert.is(
    refusal(() => trainer.trainStep()),
    "training stopped in step 2: the output of linear is not finite ([2,7,19]); try a lower learning rate or a longer warm-up",
  );
  assert.equal(model.parameters.get("model.embed_tokens.weight").toArray(), embedding, "parameters stay as they were");
  weight.set(before);
  assert.is(trainer.trainStep().step, 2);
});

test("an overflowing gradient is reported with the op that made it", () => {
  const model = new Transformer(tinyConfig(), 1);
  const trainer = new Trainer(model, documents, { batchSize: 2 });
  const [up, down] = ["up_proj", "down_proj"].map((name) => model.parameters.get(`model.layers.0.mlp.${name}.weight`));
  up.set(up.toArray().map((_, i) => (i % 12 === 0 ? 1e37 : 0))); // its result is finite, and the next op makes it 0
  down.fill(0);
  model.parameters.get("model.norm.weight").fill(1e4);
  assert.is(
    refusal(() => trainer.trainStep()),
    "training stopped in step 1: the backward of linear made a gradient that is not finite ([12,19]); " +
      "try a lower learning rate or a longer warm-up",
  );
});

test("an update that is not finite ends the training before a checkpoint can hold it", () => {
  const model = new Transformer(tinyConfig(), 1);
  const options = {
    batchSize: 2,
    learningRate: 1000,
    weightDecay: 1000,
    warmupSteps: 0,
    schedule: "constant",
  } as const;
  const trainer = new Trainer(model, documents, options);
  model.parameters.get("model.layers.0.mlp.up_proj.weight").fill(1e33);
  model.parameters.get("model.layers.0.mlp.down_proj.weight").fill(0);
  assert.is(
    refusal(() => trainer.trainStep()),
    "training stopped in step 1: the update of the matrices made a parameter that is not finite; try a lower learning rate",
  );
});

test("a moment that overflowed is not saved, because it could not be loaded", () => {
  const model = new Transformer(tinyConfig(), 1);
  const trainer = new Trainer(model, documents, { batchSize: 2, clipNorm: 0, learningRate: 1e-9 });
  model.parameters.get("model.layers.0.mlp.up_proj.weight").fill(1e30);
  model.parameters.get("model.layers.0.mlp.down_proj.weight").fill(0);
  trainer.trainStep();
  assert.is(
    refusal(() => trainer.save()),
    "training stopped in step 1: the optimizer's matrices.v is not finite; clip the gradients",
  );
});

test("impossible options are refused by name", () => {
  const model = new Transformer(tinyConfig(), 1);
  const refused = (options: object) => refusal(() => new Trainer(model, documents, options));
  assert.is(refused({ batchSize: 0 }), "training options: batchSize must be a whole number from 1 to 65536, not 0");
  assert.is(refused({ optimiser: "adamw" }), 'training options: unknown key "optimiser"; did you mean optimizer?');
  assert.is(
    refused({ schedule: "linear" }),
    'training options: schedule must be "cosine" or "rsqrt" or "constant", not "linear"',
  );
});
