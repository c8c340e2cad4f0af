import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Transformer } from "../../src/model/transformer.ts";
import { trainBpe } from "../../src/text/bpe-trainer.ts";
import { byteTokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { saveModel } from "../../src/train/checkpoint.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";
import { memorizing } from "./child.ts";

const test = suite("bad input");

const folder = folderFor(test, "bad-input");
const at = (name: string) => join(folder, name);

test.before(() => {
  for (const name of ["empty", "good", "binary", "latin1"]) fs.mkdirSync(at(name));
  fs.writeFileSync(at("good/text.txt"), "one fish, two fish, red fish, blue fish");
  fs.writeFileSync(at("binary/image.png"), Uint8Array.of(137, 80, 0, 71));
  fs.writeFileSync(at("latin1/text.txt"), Uint8Array.of(99, 97, 102, 0xe9, 33));
  fs.writeFileSync(at("file"), "a regular file");
  saveModel(at("model"), new Transformer(tinyConfig(), 1), byteTokenizer());
});

/** Every path below the folder with its size. */
function contents(): string[] {
  const names = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return names.map((name) => `${name} ${fs.statSync(at(name)).size}`);
}

/** The one sentence with which the program refuses what is in files, having printed and written nothing else. */
function refusalOf(...args: string[]): string {
  return sentenceOf(1, args);
}

/** The same of what is wrong in the command line itself. */
function misuseOf(...args: string[]): string {
  return sentenceOf(2, args);
}

function sentenceOf(exitCode: number, args: readonly string[]): string {
  const before = contents();
  const { code, stdout, stderr } = memorizing(...args);
  assert.is(code, exitCode, stderr);
  assert.is(stdout, "");
  assert.match(stderr, /^[^\n]+\n$/, `not one line on standard error: ${stderr}`);
  assert.not.match(stderr, / at .*:\d+:\d+/, "no stack trace");
  assert.equal(contents(), before, "nothing written");
  return stderr.trimEnd();
}

function training(data: string, ...more: string[]): string[] {
  return ["train", "--data", at(data), "--out", at("out"), ...more];
}

function train(data: string, ...more: string[]): string {
  return refusalOf(...training(data, ...more));
}

function mistrain(...more: string[]): string {
  return misuseOf(...training("good", ...more));
}

test("a directory without documents is refused by name", () => {
  assert.match(train("empty"), `the directory ${at("empty")} holds no file`);
});

test("a binary file is refused by name", () => {
  assert.match(
    refusalOf("eval", at("model"), "--data", at("binary/image.png")),
    `${at("binary/image.png")} is a binary`,
  );
});

test("a file that is not UTF-8 is refused by name and place", () => {
  const sentence = refusalOf(
    "tokenizer",
    "train",
    "--data",
    at("latin1"),
    "--vocab-size",
    "300",
    "--out",
    at("t.json"),
  );
  assert.match(sentence, `${at("latin1/text.txt")} is not UTF-8 at byte offset 3`);
});

test("an unknown configuration key is refused, with the nearest one", () => {
  assert.match(mistrain("--set", "memory_sise=3"), '--set: unknown key "memory_sise"; did you mean memory_size?');
});

test("a memory layer that the model does not have is refused", () => {
  assert.match(
    train("good", "--set", "num_hidden_layers=4", "memory_layers=4"),
    "memory_layers has layer 4, but num_hidden_layers is 4",
  );
});

test("a K of 0 is refused", () => {
  assert.match(mistrain("--set", "memory_topk=0"), "memory_topk must be a whole number from 1 to 65536, not 0");
});

test("a vocabulary size that is not the tokenizer's is refused, naming both", () => {
  const sentence = train("good", "--preset", "tiny", "--set", "vocab_size=300");
  assert.match(sentence, "--set: vocab_size is 300, but the byte tokenizer (there is no --tokenizer) has 256 tokens");
});

test("a checkpoint with a tokenizer of another vocabulary is refused, naming both files", () => {
  const tokenizer = tokenizerFromJson(trainBpe(["abc abc"], { vocabSize: 258 }), "test");
  fs.cpSync(at("model"), at("mixed"), { recursive: true });
  fs.writeFileSync(at("mixed/tokenizer.json"), JSON.stringify(tokenizer.toJSON()));
  const sentence = refusalOf("eval", at("mixed"), "--data", at("good"));
  assert.match(
    sentence,
    `${at("mixed/config.json")}: vocab_size is 256, but ${at("mixed/tokenizer.json")} has 258 tokens`,
  );
});

test("a checkpoint without its weights is refused, naming the file", () => {
  fs.cpSync(at("model"), at("missing"), { recursive: true });
  fs.rmSync(at("missing/model.safetensors"));
  const sentence = refusalOf("generate", at("missing"));
  assert.is(sentence, `cannot read ${at("missing/model.safetensors")}: no such file or directory`);
});

test("a checkpoint with truncated weights is refused, naming the file", () => {
  fs.cpSync(at("model"), at("truncated"), { recursive: true });
  fs.truncateSync(at("truncated/model.safetensors"), 5000);
  assert.match(refusalOf("eval", at("truncated"), "--data", at("good/text.txt")), at("truncated/model.safetensors"));
});

test("a model is not overwritten", () => {
  const sentence = refusalOf("train", "--data", at("good"), "--out", at("model"));
  assert.is(sentence, `${at("model")} holds a model already; give --resume to go on with it, or another --out`);
});

test("a run that was never saved cannot be resumed", () => {
  const sentence = train("good", "--resume");
  assert.is(sentence, `${at("out")} holds no checkpoint to resume from; begin a new run there`);
});

test("a directory that cannot be written is refused before training", () => {
  const sentence = refusalOf("train", "--data", at("good"), "--out", at("file/out"));
  assert.is(sentence, `cannot make ${at("file/out")}: a part of the path is a file, a directory is needed`);
});

test("a file for losses that cannot be written is refused before the evaluation", () => {
  const sentence = refusalOf("eval", at("model"), "--data", at("good"), "--losses", at("file/losses.jsonl"));
  const reason = "a part of the path is a file, a directory is needed";
  assert.is(sentence, `cannot write ${at("file/losses.jsonl")}: ${reason}`);
});

test("an evaluation that cannot be leaves no file of losses", () => {
  saveModel(at("plain"), new Transformer(tinyConfig({ memory_layers: [] }), 1), byteTokenizer());
  const losses = at("losses.jsonl");
  const sentence = refusalOf("eval", at("plain"), "--data", at("good"), "--memory", "0,512", "--losses", losses);
  assert.match(sentence, "the model has no memory layers, so a memory of 512 is impossible");
});

test("a configuration that is not JSON is refused in one line, even if it has several", () => {
  fs.writeFileSync(at("broken.json"), '{\n  "hidden_size":\n}\n');
  assert.match(train("good", "--config", at("broken.json")), `${at("broken.json")} is not valid JSON`);
});

test("evaluations without documents for them are refused", () => {
  assert.is(mistrain("--eval-every", "5"), "--eval-every N and --eval-data DIR need each other; give both, or none");
  for (const option of ["--weight-decay", "--beta1", "--beta2", "--eps"]) {
    const message = `${option} is one of AdamW; with --optimizer adafactor it means nothing`;
    assert.is(mistrain("--optimizer", "adafactor", option, "0.5"), message);
  }
});

test("options about other machines are refused where nobody would read them", () => {
  const evaluation = ["eval", at("plain"), "--data", at("good"), "--cluster", at("exchange")];
  for (const [line, message] of [
    [["experiment", "gates", "--credentials", at("login")], "--credentials means nothing without --cluster"],
    [[...evaluation, "--patience", "5"], "--patience is about the memory of --memory-at, which must be given with it"],
    [[...evaluation, "--best-effort"], "--best-effort is about the memory of --memory-at, which must be given with it"],
    [[...evaluation, "--threads", "1"], "--threads means nothing with --cluster; give it to the workers"],
  ] as const) {
    assert.is(misuseOf(...line), message);
  }
  assert.not.ok(fs.existsSync(at("exchange")));
});

test("an unknown command is refused, with the nearest one", () => {
  assert.is(misuseOf("evil", "x"), 'memorizing: unknown command "evil"; did you mean memorizing eval?');
});

test("an unknown option is refused, with the nearest one", () => {
  assert.is(mistrain("--step", "3"), "memorizing train: unknown option --step; did you mean --steps?");
});
