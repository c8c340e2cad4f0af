import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { loadCheckpoint, loadModel, saveCheckpoint, saveModel } from "../../src/train/checkpoint.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { asFloats, asHalves } from "../../src/wasm/half.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";
import { editTensors } from "./edited-files.ts";

const test = suite("checkpoint");

const documents = randomDocuments([40, 23, 9, 31, 2, 15]);
const tokenizer = byteTokenizer();
const folder = folderFor(test, "checkpoint");
let count = 0;

const newDirectory = () => join(folder, `${count++}`);

test("a small example, written out: a scale of ½ is saved as 12 floats, and is ½ when loaded", () => {
  const directory = newDirectory();
  const model = new Transformer(tinyConfig(), 1);
  model.parameters.get("model.norm.weight").fill(0.5);
  saveModel(directory, model, tokenizer);
  const { tensors } = readSafetensors(fs.readFileSync(join(directory, "model.safetensors")), "test");
  assert.equal(tensors.get("model.norm.weight"), { dtype: "F32", shape: [12], data: new Float32Array(12).fill(0.5) });
  const loaded = loadModel(directory).model.parameters.get("model.norm.weight");
  assert.equal(loaded.toArray(), new Float32Array(12).fill(0.5));
});

test("a saved model is loaded unchanged, with its tokenizer", () => {
  const directory = newDirectory();
  const model = new Transformer(tinyConfig({ memory_combine: "joint", memory_layers: [0, 1] }), 3);
  saveModel(directory, model, tokenizer);
  assert.equal(fs.readdirSync(directory).sort(), ["config.json", "model.safetensors", "tokenizer.json"]);
  const loaded = loadModel(directory);
  assert.equal(loaded.model.config, model.config);
  assert.equal(loaded.model.parameters.names(), model.parameters.names());
  for (const name of model.parameters.names()) {
    assert.equal(loaded.model.parameters.get(name).toArray(), model.parameters.get(name).toArray(), name);
  }
  assert.is(loaded.tokenizer.decode(loaded.tokenizer.encode("naïve")), "naïve");
  const [first, second] = [model, loaded.model].map((m) => evaluate(m, documents, tokenizer, { memorySizes: [0, 9] }));
  assert.equal(second, first);
});

test("a checkpoint can be loaded as a model", () => {
  const directory = newDirectory();
  saveCheckpoint(directory, new Trainer(new Transformer(tinyConfig(), 1), documents, { batchSize: 3 }), tokenizer);
  assert.equal(loadModel(directory).model.config, tinyConfig());
});

test("weights may be half floats", () => {
  const directory = newDirectory();
  saveModel(directory, new Transformer(tinyConfig(), 1), tokenizer);
  editTensors(join(directory, "model.safetensors"), (tensors) => {
    tensors.set("model.norm.weight", { dtype: "F16", shape: [12], data: new Uint16Array(12).fill(0x3800) });
  });
  assert.equal(
    loadModel(directory).model.parameters.get("model.norm.weight").toArray(),
    new Float32Array(12).fill(0.5),
  );
});

test("a model can be written as half floats, and is loaded with the rounded numbers", () => {
  const directory = newDirectory();
  const model = new Transformer(tinyConfig({ memory_layers: [0, 1] }), 3); // 12·5·2, 12·19, 256·12, 2: odd and even
  saveModel(directory, model, tokenizer, { dtype: "float16" });
  const { tensors } = readSafetensors(fs.readFileSync(join(directory, "model.safetensors")), "test");
  assert.equal([...new Set([...tensors.values()].map(({ dtype }) => dtype))], ["F16"]);
  const { parameters } = loadModel(directory).model;
  assert.equal(parameters.names(), model.parameters.names());
  for (const name of model.parameters.names()) {
    assert.equal(parameters.get(name).toArray(), asFloats(asHalves(model.parameters.get(name).toArray())), name);
    const error = (value: number, i: number) => Math.abs(value - model.parameters.get(name).toArray()[i]);
    const bound = (value: number) => Math.abs(value) * 2 ** -11 + 2 ** -25;
    assert.ok(
      parameters
        .get(name)
        .toArray()
        .every((value, i) => error(value, i) <= bound(value)),
      name,
    );
  }
});

test("a weight outside the range of half floats is refused, and nothing is written", () => {
  const directory = newDirectory();
  for (const value of [65_505, -1e6, Number.NaN]) {
    const model = new Transformer(tinyConfig(), 1);
    const norm = model.parameters.get("model.norm.weight");
    norm.set(norm.toArray().with(11, value));
    const sentence = refusal(() => saveModel(directory, model, tokenizer, { dtype: "float16" }));
    assert.match(sentence, `tensor "model.norm.weight" has ${value} at element 11, but float16`);
  }
  assert.not.ok(fs.existsSync(join(directory, "config.json")));
});

const variants: [string, Partial<ModelConfig>, Partial<TrainingOptions>][] = [
  ["with a memory", {}, {}],
  ["with a Transformer-XL cache longer than a segment and dropout", { xl_cache_length: 10, dropout: 0.1 }, {}],
  [
    "with accumulation and two joint memories",
    { memory_layers: [0, 1], memory_combine: "joint" },
    { gradientAccumulation: 2 },
  ],
  ["with a memory of half floats", { memory_dtype: "float16" }, {}],
  ["with bucketed search", { memory_search: "bucketed", memory_topk: 2 }, {}],
  ["with Adafactor and the rsqrt schedule", {}, { optimizer: "adafactor", schedule: "rsqrt", learningRate: 0.05 }],
  ["with smeared keys in the memory's layer", { smear_keys: "memory_layers" }, {}],
  ["that copies", { smear_keys: "memory_layers", memory_copy: true, xl_cache_length: 3 }, {}],
  [
    "with smeared keys everywhere, a cache, accumulation and Adafactor",
    { smear_keys: "all", xl_cache_length: 10 },
    { gradientAccumulation: 2, optimizer: "adafactor", schedule: "rsqrt" },
  ],
  ["with memory sizes drawn for every row", {}, { memorySizes: [0, 3, 17] }],
  ["without a memory", { memory_layers: [] }, {}],
];
for (const [variant, config, options] of variants) {
  test(`a resumed run gives bit-identical results ${variant}`, () => {
    const start = () => {
      const model = new Transformer(tinyConfig(config), 1);
      return new Trainer(model, documents, { batchSize: 2, steps: 20, warmupSteps: 3, seed: 4, ...options });
    };
    const steps = (trainer: Trainer, n: number) => Array.from({ length: n }, () => trainer.trainStep());
    const results = (trainer: Trainer, n: number) =>
      steps(trainer, n).map(({ step, loss, learningRate, gradientNorm, gates, memoryFill }) => {
        return { step, loss, learningRate, gradientNorm, gates, memoryFill };
      });
    const weights = ({ model: { parameters } }: Trainer) => parameters.names().map((n) => parameters.get(n).toArray());

    const whole = start();
    steps(whole, 11);
    const expected = results(whole, 9);

    const interrupted = start();
    steps(interrupted, 11);
    const directory = newDirectory();
    saveCheckpoint(directory, interrupted, tokenizer);
    const { model, record, tensors } = loadCheckpoint(directory);
    const resumed = new Trainer(model, documents, record.options);
    resumed.load(record, tensors);
    assert.equal(results(resumed, 9), expected);
    assert.equal(weights(resumed), weights(whole));
    assert.equal(results(interrupted, 9), expected, "saving does not disturb the run that goes on");
  });
}

test("a checkpoint is five files and their checksums, and each replaces the old file", () => {
  const directory = newDirectory();
  const trainer = new Trainer(new Transformer(tinyConfig(), 1), documents, { batchSize: 3 });
  for (const step of [1, 2]) {
    trainer.trainStep();
    saveCheckpoint(directory, trainer, tokenizer);
    assert.is(loadCheckpoint(directory).record.step, step);
  }
  assert.equal(fs.readdirSync(directory).sort(), [
    "checksums.json",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "trainer.json",
    "trainer.safetensors",
  ]);
});

test("a directory that cannot be written is named, and stays empty", () => {
  const path = join(folder, "a-file");
  fs.writeFileSync(path, "");
  const trainer = new Trainer(new Transformer(tinyConfig(), 1), documents, { batchSize: 3 });
  assert.match(
    refusal(() => saveCheckpoint(path, trainer, tokenizer)),
    `cannot write ${path}/config.json: `,
  );
});
