/** Damaged, incomplete or foreign models and checkpoints are refused in one sentence that names the file, key or tensor. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { StoredTensor } from "../../src/formats/safetensors.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { loadCheckpoint, loadModel, saveCheckpoint, saveModel } from "../../src/train/checkpoint.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";
import { editJson, editTensors, withdrawChecksums } from "./edited-files.ts";

const test = suite("damaged checkpoint");

const documents = randomDocuments([40, 23, 9, 31, 2, 15]);
const tokenizer = byteTokenizer();
const folder = folderFor(test, "damaged-checkpoint");
let count = 0;

const newDirectory = () => join(folder, `${count++}`);

/** A directory with a checkpoint of step 3. */
function checkpointDirectory(): string {
  const directory = newDirectory();
  const trainer = new Trainer(new Transformer(tinyConfig(), 1), documents, { batchSize: 3, steps: 9 });
  for (let i = 0; i < 3; i++) trainer.trainStep();
  saveCheckpoint(directory, trainer, tokenizer);
  return directory;
}

test("a small example, written out: step 3 changed to step 4 does not match the checksum", () => {
  const directory = checkpointDirectory();
  assert.is(loadCheckpoint(directory).record.step, 3);
  const path = join(directory, "trainer.json");
  fs.writeFileSync(path, fs.readFileSync(path, "utf8").replace(/(?<="step": ?)3/, "4"));
  const reason = `its content has changed since ${directory}/checksums.json was written`;
  assert.is(
    refusal(() => loadCheckpoint(directory)),
    `${path} is damaged: ${reason}`,
  );
});

test("a missing file is named", () => {
  for (const name of ["config.json", "model.safetensors", "tokenizer.json", "trainer.json", "trainer.safetensors"]) {
    const directory = checkpointDirectory();
    fs.rmSync(join(directory, name));
    const sentence = `cannot read ${directory}/${name}: no such file or directory`;
    assert.is(
      refusal(() => loadCheckpoint(directory)),
      sentence,
    );
    if (!name.startsWith("trainer"))
      assert.is(
        refusal(() => loadModel(directory)),
        sentence,
      );
  }
});

test("a file truncated at any place is named", () => {
  for (const name of ["config.json", "model.safetensors", "tokenizer.json", "trainer.json", "trainer.safetensors"]) {
    const directory = checkpointDirectory();
    const path = join(directory, name);
    const { size } = fs.statSync(path);
    for (const length of [size - 2, Math.floor(size / 2), 9, 1, 0]) {
      fs.truncateSync(path, length);
      assert.ok(refusal(() => loadCheckpoint(directory)).startsWith(path), `${name} cut to ${length} bytes`);
    }
  }
});

test("a file of another size is named before it is read, because it may be too large to read", () => {
  const directory = checkpointDirectory();
  const path = join(directory, "trainer.safetensors");
  fs.truncateSync(path, 2 ** 42);
  assert.is(
    refusal(() => loadCheckpoint(directory)),
    `${path} is damaged: it has ${2 ** 42} bytes since ${directory}/checksums.json was written`,
  );
});

test("a single changed bit of any file is found, and the file named", () => {
  for (const name of ["config.json", "model.safetensors", "tokenizer.json", "trainer.json", "trainer.safetensors"]) {
    const directory = checkpointDirectory();
    const path = join(directory, name);
    const bytes = fs.readFileSync(path);
    bytes[bytes.length - 3] ^= 2;
    fs.writeFileSync(path, bytes);
    const sentence = refusal(() => loadCheckpoint(directory));
    assert.is(sentence, `${path} is damaged: its content has changed since ${directory}/checksums.json was written`);
  }
});

test("a damaged checksums.json is named", () => {
  const directory = checkpointDirectory();
  const path = `${directory}/checksums.json`;
  const text = fs.readFileSync(path, "utf8");
  const refusalOf = (content: string) => {
    fs.writeFileSync(path, content);
    return refusal(() => loadCheckpoint(directory));
  };
  assert.match(refusalOf(text.slice(0, 9)), `${path} is not valid JSON`);
  assert.match(refusalOf(text.replace("config.json", "confog.json")), `since ${path} was written`);
  for (const content of ["null", "{}", "[]", "7"]) assert.match(refusalOf(content), `since ${path} was written`);
});

test("a tensor that is missing, unexpected, or of another shape or kind is named with the right one", () => {
  const edited = (edit: (tensors: Map<string, StoredTensor>) => void) => {
    const directory = newDirectory();
    saveModel(directory, new Transformer(tinyConfig(), 1), tokenizer);
    editTensors(`${directory}/model.safetensors`, edit);
    return refusal(() => loadModel(directory)).replace(directory, "DIR");
  };
  const name = "model.layers.1.mlp.up_proj.weight";
  const file = "DIR/model.safetensors: tensor";
  const odd: StoredTensor = { dtype: "F32", shape: [3, 5], data: new Float32Array(15) };
  assert.is(
    edited((tensors) => tensors.delete(name)),
    `${file} "${name}" is missing; its shape should be [19,12]`,
  );
  assert.is(
    edited((tensors) => tensors.set(name, odd)),
    `${file} "${name}" has shape [3,5], it should be [19,12]`,
  );
  assert.is(
    edited((tensors) => tensors.set("head", odd)),
    `${file} "head" of shape [3,5] belongs to no part of this model`,
  );
  assert.is(
    edited((tensors) => tensors.set("model.norm.weight", { dtype: "I32", shape: [12], data: new Int32Array(12) })),
    `${file} "model.norm.weight" has dtype I32, it should be F32 or F16`,
  );
});

test("a configuration that does not fit the weights is refused before anything is allocated", () => {
  const directory = newDirectory();
  saveModel(directory, new Transformer(tinyConfig(), 1), tokenizer);
  editJson(`${directory}/config.json`, (config) => {
    config.num_hidden_layers = 1024;
    config.intermediate_size = 2 ** 18;
  });
  assert.match(
    refusal(() => loadModel(directory)),
    'tensor "model.layers.0.mlp.up_proj.weight" has shape [19,12], it should be [262144,12]',
  );
});

test("a vocabulary of another size than the tokenizer's is refused, in a file and before one is written", () => {
  const directory = newDirectory();
  saveModel(directory, new Transformer(tinyConfig(), 1), tokenizer);
  const size = (vocab_size: number) =>
    editJson(`${directory}/config.json`, (config) => Object.assign(config, { vocab_size }));
  const sentence = (size: number, where: string) =>
    `${where}/config.json: vocab_size is ${size}, but ${where}/tokenizer.json has 256 tokens; the two must be equal`;
  for (const wrong of [255, 257]) {
    size(wrong);
    assert.is(
      refusal(() => loadModel(directory)),
      sentence(wrong, directory),
    );
  }
  const other = newDirectory();
  const small = new Transformer(tinyConfig({ vocab_size: 99 }), 1);
  assert.is(
    refusal(() => saveModel(other, small, tokenizer)),
    sentence(99, other),
  );
  assert.not.ok(fs.existsSync(other));
});

test("files of different checkpoints are refused", () => {
  for (const name of ["model.safetensors", "trainer.safetensors"]) {
    const directory = checkpointDirectory();
    const mixed = `${directory}/${name}`;
    editTensors(mixed, (_, metadata) => Object.assign(metadata, { step: "2" }));
    const record = `${directory}/trainer.json`;
    assert.is(
      refusal(() => loadCheckpoint(directory)),
      `${mixed} is of step 2 but ${record} of step 3: they belong to different checkpoints`,
    );
  }
  const directory = checkpointDirectory();
  saveModel(directory, loadModel(directory).model, tokenizer);
  withdrawChecksums(join(directory, "any"));
  assert.match(
    refusal(() => loadCheckpoint(directory)),
    "model.safetensors is of no step but",
  );
});

test("a damaged trainer.json is refused by key", () => {
  const refused = (edit: (record: Record<string, unknown>) => void) => {
    const directory = checkpointDirectory();
    editJson(`${directory}/trainer.json`, edit);
    return refusal(() => loadCheckpoint(directory)).replace(directory, "DIR");
  };
  const batches = (change: object) => refused((record) => Object.assign(record.batches as object, change));
  assert.is(
    refused((record) => delete record.step),
    "DIR/trainer.json: step must be a whole number; the file is damaged",
  );
  assert.match(
    refused((record) => (record.seconds = "long")),
    "seconds must be a number",
  );
  assert.match(
    refused((record) => (record.random = [1, 2, 3])),
    "random must be four whole numbers",
  );
  assert.match(
    refused((record) => (record.batches = null)),
    "batches.documents must be a whole number",
  );
  assert.match(batches({ taken: 7 }), "batches.taken must be a whole number, at most the number of documents");
  assert.match(batches({ random: [0, 0, 0, 2 ** 32] }), "batches.random must be");
  assert.match(batches({ places: [{ document: 6, offset: 0 }] }), "batches.places must be");
  assert.match(batches({ places: [{ document: 1, offset: -1 }] }), "batches.places must be");
  assert.match(
    refused((record) => Object.assign(record.options as object, { steps: "many" })),
    "options: steps must be",
  );
});

test("a run cannot be resumed with other data, other options or tensors of another model", () => {
  const refused = (change: {
    texts?: number[];
    options?: Partial<TrainingOptions>;
    edit?: (tensors: Map<string, StoredTensor>) => void;
  }) => {
    const directory = checkpointDirectory();
    if (change.edit) editTensors(`${directory}/trainer.safetensors`, change.edit);
    const { model, record, tensors } = loadCheckpoint(directory);
    const texts = change.texts ? randomDocuments(change.texts) : documents;
    const trainer = new Trainer(model, texts, { ...record.options, ...change.options });
    return refusal(() => trainer.load(record, tensors)).replace(directory, "DIR");
  };
  assert.match(refused({ texts: [40, 23] }), "the training data has 2 documents, the run to resume had 6");
  assert.match(refused({ options: { batchSize: 4 } }), "a batch has 4 rows, in the run to resume it had 3");
  assert.match(
    refused({ options: { optimizer: "adafactor" } }),
    /^DIR\/trainer.safetensors: tensor "optimizer\..*" is missing; its shape should be \[256\]$/,
  );
  const one: StoredTensor = { dtype: "F32", shape: [1], data: new Float32Array(1) };
  assert.match(
    refused({ edit: (tensors) => tensors.set("more", one) }),
    'tensor "more" of shape [1] belongs to no part',
  );
  assert.match(refused({ edit: (tensors) => tensors.delete("state.0.first") }), 'tensor "state.0.first" is missing');
  const far: StoredTensor = { dtype: "I64", shape: [1], data: BigInt64Array.of(7n) };
  assert.match(
    refused({ edit: (tensors) => tensors.set("state.0.offset", far) }),
    'tensor "state.0.offset" holds 7, which is not from 0 to 6',
  );
});
