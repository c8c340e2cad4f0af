import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { loadModel, saveModel } from "../../src/train/checkpoint.ts";
import { absent, stories } from "../families/golden-models.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";
import { memorizing } from "./child.ts";

const test = suite("memorizing export");

const folder = folderFor(test, "export");
const at = (name: string) => join(folder, name);
const weightsIn = (directory: string) => fs.statSync(at(`${directory}/model.safetensors`)).size;

test.before(() => {
  saveModel(at("model"), new Transformer(tinyConfig(), 1), byteTokenizer());
});

test("writes a model in half the bytes, which every command reads", () => {
  const { code, stdout, stderr } = memorizing("export", at("model"), "--out", at("small"), "--dtype", "float16");
  assert.is(code, 0, stderr);
  assert.match(stdout, /small: [\d,]+ weights as float16\n$/);
  assert.equal(fs.readdirSync(at("small")).sort(), ["config.json", "model.safetensors", "tokenizer.json"]);
  assert.ok(weightsIn("small") < 0.6 * weightsIn("model"));
  fs.writeFileSync(at("text.md"), "one fish, two fish");
  assert.is(memorizing("eval", at("small"), "--data", at("text.md")).code, 0);
});

test("without a dtype the weights stay as they are, and --set replaces keys of the configuration", () => {
  const args = ["--out", at("large"), "--set", "memory_size=99", "--json"];
  const { code, stdout, stderr } = memorizing("export", at("model"), ...args);
  assert.is(code, 0, stderr);
  assert.is(JSON.parse(stdout).dtype, "float32");
  const [before, after] = ["model", "large"].map((name) => loadModel(at(name)).model);
  assert.is(after.config.memory_size, 99);
  for (const name of before.parameters.names()) {
    assert.equal(after.parameters.get(name).toArray(), before.parameters.get(name).toArray(), name);
  }
});

test("another dtype, and a missing place for the model, are refused in one sentence", () => {
  const dtype = memorizing("export", at("model"), "--out", at("none"), "--dtype", "int8");
  assert.is(dtype.code, 2);
  assert.match(dtype.stderr, /^[^\n]*"float32" or "float16"[^\n]*\n$/);
  const out = memorizing("export", at("model"));
  assert.equal([out.code, out.stderr], [2, "memorizing export: --out DIR must be given\n"]);
  assert.not.ok(fs.existsSync(at("none")));
});

test.unless(absent, "a file of another model that would be taken for one of this stays, and is named", () => {
  const [from, to] = [`${stories}/hf`, at("mixed")];
  assert.is(memorizing("export", from, "--out", to).code, 0);
  assert.is(memorizing("export", from, "--out", to, "--dtype", "float16").code, 0, "the same model has the same files");
  const before = fs.readFileSync(join(to, "model.safetensors"));
  fs.writeFileSync(join(to, "chat_template.jinja"), "{{ messages }}");
  const { code, stderr } = memorizing("export", from, "--out", to, "--force");
  assert.is(code, 1);
  assert.match(
    stderr,
    /^[^\n]*mixed\/chat_template\.jinja is of another model and would be taken for a part of this one/,
  );
  assert.ok(fs.readFileSync(join(to, "model.safetensors")).equals(before), "nothing is written");
  fs.writeFileSync(at("story.md"), "one fish, two fish, red fish, blue fish. ".repeat(20));
  const training = [
    "--only",
    "offsets",
    "--window",
    "32",
    "--segment",
    "32",
    "--steps",
    "1",
    "--warmup",
    "0",
    "--force",
  ];
  fs.mkdirSync(at("run"));
  fs.writeFileSync(at("run/chat_template.jinja"), "{{ messages }}");
  const late = memorizing("train", "--from", from, "--data", at("story.md"), "--out", at("run"), ...training);
  assert.match(late.stderr, "chat_template.jinja is of another model");
  assert.not.ok(fs.existsSync(at("run/metrics.jsonl")), "a training is refused before its first step");
});

test.unless(absent, "a calibration goes with the weights that it was made for, and with no others", () => {
  const [from, to] = [at("calibrated"), at("copied")];
  assert.is(memorizing("export", `${stories}/hf`, "--out", from).code, 0);
  fs.writeFileSync(at("fish.md"), "one fish, two fish, red fish, blue fish. ".repeat(30));
  const options = ["--rounds", "1", "--window", "32", "--memory-dtype", "float16", "--gain", "50"];
  const calibrated = memorizing("calibrate", from, "--data", at("fish.md"), ...options);
  assert.is(calibrated.code, 0, calibrated.stderr);
  assert.is(memorizing("export", from, "--out", to).code, 0);
  assert.is(fs.readFileSync(join(to, "memory.json"), "utf8"), fs.readFileSync(join(from, "memory.json"), "utf8"));
  assert.is(memorizing("eval", to, "--data", at("fish.md")).code, 0);
  const { code, stderr } = memorizing("export", from, "--out", to, "--dtype", "float16", "--force");
  assert.is(code, 1);
  assert.match(stderr, "copied/memory.json is of another model and would be taken for a part of this one");
  assert.is(memorizing("export", from, "--out", at("halves"), "--dtype", "float16").code, 0);
  assert.not.ok(fs.existsSync(at("halves/memory.json")));
});
