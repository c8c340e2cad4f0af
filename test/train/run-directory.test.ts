/** The directory of a run: the checkpoints kept, the one used if the newest is damaged, and the cleanup after a crash. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { loadModel, saveCheckpoint } from "../../src/train/checkpoint.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import { runTraining } from "../../src/train/run.ts";
import {
  addCheckpoint,
  holdsRun,
  holdsTraining,
  newestCheckpoint,
  removeUnfinished,
  settleCheckpoint,
} from "../../src/train/run-directory.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("run directory");

const documents = randomDocuments([40, 23, 9]);
const tokenizer = byteTokenizer();
const FILES = ["config.json", "model.safetensors", "tokenizer.json", "trainer.json", "trainer.safetensors"];
const folder = folderFor(test, "run-directory");
let count = 0;

function newTrainer(options: Partial<TrainingOptions>): Trainer {
  return new Trainer(new Transformer(tinyConfig(), 1), documents, { batchSize: 2, ...options });
}

/** Returns the directory of a run that saved after each of `steps` steps. */
function runOf(steps: number, keep: number): string {
  const directory = join(folder, `${count++}`);
  const trainer = newTrainer({ keep });
  for (let step = 0; step < steps; step++) {
    trainer.trainStep();
    addCheckpoint(directory, trainer, tokenizer);
    settleCheckpoint(directory, trainer, tokenizer);
  }
  return directory;
}

const checkpointsIn = (directory: string) => fs.readdirSync(directory).filter((name) => name.startsWith("checkpoint"));

test("a small example, written out: three checkpoints, of which the newest and one older stay", () => {
  const directory = runOf(3, 1);
  assert.equal(checkpointsIn(directory), ["checkpoint-2", "checkpoint-3"]);
  assert.is(newestCheckpoint(directory).record.step, 3);
});

test("the newest checkpoint and `keep` older ones stay, next to the newest model", () => {
  const names = (keep: number) => checkpointsIn(runOf(12, keep)).sort();
  assert.equal(names(0), ["checkpoint-12"]);
  assert.equal(names(1), ["checkpoint-11", "checkpoint-12"]);
  assert.equal(names(4), ["checkpoint-10", "checkpoint-11", "checkpoint-12", "checkpoint-8", "checkpoint-9"]);
  assert.is(names(99).length, 12);
  const directory = runOf(2, 1);
  assert.equal(
    fs.readdirSync(directory).filter((name) => !name.startsWith("checkpoint")),
    FILES.slice(0, 3),
  );
  const path = "model.safetensors";
  const [top, newest] = [directory, `${directory}/checkpoint-2`].map((at) => loadModel(at).model.parameters);
  for (const name of top.names()) assert.equal(top.get(name).toArray(), newest.get(name).toArray(), path);
});

test("the newest is found by number, not by name", () => {
  const { record, directory, refusals } = newestCheckpoint(runOf(12, 99));
  assert.equal([record.step, directory.split("/").at(-1), refusals.length], [12, "checkpoint-12", 0]);
});

for (const name of [...FILES, "checksums.json"]) {
  test(`a damaged or missing ${name} of the newest leads to the one before`, () => {
    const damages: [string, (path: string) => void][] = [
      ["cut", (path) => fs.truncateSync(path, Math.floor(fs.statSync(path).size / 2))],
      ["empty", (path) => fs.truncateSync(path, 0)],
      ["zeroed", (path) => fs.writeFileSync(path, new Uint8Array(fs.statSync(path).size))],
      ["missing", (path) => fs.rmSync(path)],
    ];
    for (const [damage, inflict] of damages) {
      if (damage === "missing" && name === "checksums.json") continue; // deleted on purpose: nothing else is damaged
      const run = runOf(3, 1);
      inflict(`${run}/checkpoint-3/${name}`);
      const { record, directory, refusals } = newestCheckpoint(run);
      assert.equal([record.step, directory], [2, `${run}/checkpoint-2`], damage);
      assert.is(refusals.length, 1);
      assert.match(refusals[0], `${run}/checkpoint-3/${name}`);
    }
  });
}

test("if none can be used, one sentence explains why", () => {
  const run = runOf(3, 2);
  for (const step of [1, 2, 3]) fs.rmSync(`${run}/checkpoint-${step}/trainer.json`);
  const reason = `cannot read ${run}/checkpoint-3/trainer.json: no such file or directory`;
  assert.is(
    refusal(() => newestCheckpoint(run)),
    `none of the 3 checkpoints in ${run} can be used; of the newest, ${reason}`,
  );
  const single = runOf(1, 0);
  fs.rmSync(`${single}/checkpoint-1/trainer.json`);
  assert.match(
    refusal(() => newestCheckpoint(single)),
    /^cannot read [^;]*$/,
  );
});

test("a run can resume from a directory that is itself a checkpoint", () => {
  const directory = join(folder, `${count++}`);
  const trainer = newTrainer({});
  trainer.trainStep();
  saveCheckpoint(directory, trainer, tokenizer);
  assert.equal([newestCheckpoint(directory).record.step, holdsRun(directory)], [1, true]);
});

test("a run resumed from an older checkpoint replaces the damaged one and removes later ones", async () => {
  const run = runOf(5, 9);
  for (const step of [3, 5]) fs.truncateSync(`${run}/checkpoint-${step}/trainer.safetensors`, 99);
  fs.rmSync(`${run}/checkpoint-4/config.json`);
  const { model, record, tensors, refusals } = newestCheckpoint(run);
  assert.equal([record.step, refusals.length], [2, 3]);
  const trainer = new Trainer(model, documents, { ...record.options, steps: 3 });
  trainer.load(record, tensors);
  await runTraining(trainer, { tokenizer, directory: run });
  assert.equal(checkpointsIn(run), ["checkpoint-1", "checkpoint-2", "checkpoint-3"]);
  assert.is(newestCheckpoint(run).record.step, 3);
});

test("a damaged checkpoint with a foreign file in it is moved away, as often as it takes, and nothing of it is lost", async () => {
  const run = runOf(3, 1);
  for (const moved of ["checkpoint-3.in-the-way", "checkpoint-3.in-the-way-2"]) {
    fs.truncateSync(`${run}/checkpoint-3/trainer.safetensors`, 99);
    fs.writeFileSync(`${run}/checkpoint-3/.DS_Store`, moved);
    const { model, record, tensors } = newestCheckpoint(run);
    assert.is(record.step, 2);
    const trainer = new Trainer(model, documents, { ...record.options, steps: 3 });
    trainer.load(record, tensors);
    await runTraining(trainer, { tokenizer, directory: run });
    assert.is(fs.readFileSync(`${run}/${moved}/.DS_Store`, "utf8"), moved);
    assert.is(newestCheckpoint(run).record.step, 3);
  }
  const names = ["checkpoint-2", "checkpoint-3", "checkpoint-3.in-the-way", "checkpoint-3.in-the-way-2"];
  assert.equal(checkpointsIn(run), names);
});

test("unfinished files of a killed process are removed, and nothing else", async () => {
  const run = runOf(2, 1);
  const before = fs.readdirSync(run);
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "close");
  const dead = `.tmp-${child.pid}`;
  const elsewhere = ".tmp-7-01234567-0123456789abcdef"; // of a container that is gone
  const left = [`checkpoint-3${dead}`, `checkpoint-1.old${dead}`, `checkpoint-4${elsewhere}`];
  for (const name of left) fs.cpSync(`${run}/checkpoint-2`, join(run, name), { recursive: true });
  for (const name of ["model.safetensors", "metrics.jsonl", "staleness.html", "config.json"]) {
    for (const suffix of [dead, elsewhere]) fs.writeFileSync(join(run, name + suffix), "");
  }
  const living = `model.safetensors.tmp-${process.ppid}`;
  const others = ["checkpoint-3.tmp-x", `notes.memory.safetensors${dead}`, `a${elsewhere}`, "checkpoint-x", living];
  for (const name of others) fs.writeFileSync(join(run, name), "");
  removeUnfinished(run);
  assert.equal(fs.readdirSync(run).sort(), [...before, ...others].sort());
});

test("a run killed before it replaced the model at the top replaces it when resumed", async () => {
  const run = runOf(3, 1);
  fs.cpSync(`${run}/checkpoint-2/model.safetensors`, `${run}/model.safetensors`);
  const { model, record, tensors } = newestCheckpoint(run);
  const trainer = new Trainer(model, documents, { ...record.options, steps: 3 });
  trainer.load(record, tensors);
  await runTraining(trainer, { tokenizer, directory: run }); // it is done already
  const name = "model.norm.weight";
  assert.equal(loadModel(run).model.parameters.get(name).toArray(), model.parameters.get(name).toArray());
});

test("a failed save does not change the checkpoints, and the error names the last one", async () => {
  const run = runOf(2, 1);
  const { model, record, tensors } = newestCheckpoint(run);
  const trainer = new Trainer(model, documents, { ...record.options, steps: 3 });
  trainer.load(record, tensors);
  fs.writeFileSync(`${run}/checkpoint-3`, "in the way");
  let message = "";
  await runTraining(trainer, { tokenizer, directory: run }).catch((error) => (message = error.message));
  assert.match(message, /^cannot write .*\/checkpoint-3: .*; the last checkpoint is of step 2$/);
  assert.equal(checkpointsIn(run), ["checkpoint-1", "checkpoint-2", "checkpoint-3"]);
  assert.is(fs.readFileSync(`${run}/checkpoint-3`, "utf8"), "in the way");
  assert.is(newestCheckpoint(run).record.step, 2);
});

test("a failure after a checkpoint was written names that checkpoint, even the first", async () => {
  const run = join(folder, `${count++}`);
  const onStep = () => fs.mkdirSync(`${run}/model.safetensors`); // the model at the top cannot be written
  let message = "";
  await runTraining(newTrainer({ steps: 1 }), { tokenizer, directory: run, onStep }).catch((error) => {
    message = error.message;
  });
  const reason = "it is a directory, a file is needed";
  assert.is(message, `cannot write ${run}/model.safetensors: ${reason}; the last checkpoint is of step 1`);
  assert.is(newestCheckpoint(run).record.step, 1);
});

test("an old checkpoint with a foreign file in it stays", () => {
  const run = runOf(1, 0);
  fs.writeFileSync(`${run}/checkpoint-1/notes.txt`, "my own");
  const { model, record, tensors } = newestCheckpoint(run);
  const trainer = new Trainer(model, documents, record.options);
  trainer.load(record, tensors);
  for (let step = 2; step < 5; step++) {
    trainer.trainStep();
    addCheckpoint(run, trainer, tokenizer);
    settleCheckpoint(run, trainer, tokenizer);
  }
  assert.equal(checkpointsIn(run), ["checkpoint-1", "checkpoint-4"]);
  assert.equal(fs.readdirSync(`${run}/checkpoint-1`).length, FILES.length + 2);
});

test("a training is recognised by the files that only trainings write", () => {
  const run = runOf(1, 0);
  assert.ok(holdsTraining(run));
  assert.ok(holdsTraining(`${run}/checkpoint-1`));
  fs.rmSync(`${run}/checkpoint-1`, { recursive: true });
  assert.not.ok(holdsTraining(run));
  assert.ok(holdsRun(run));
});
