/** A memory saved by `read` works in every later process as if the documents had just been read. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readMemory } from "../../src/memory/disk.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { trainBpe } from "../../src/text/bpe-trainer.ts";
import { tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { loadModel, saveModel } from "../../src/train/checkpoint.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { HANGS } from "../in-time.ts";
import { documentOf, tinyConfig } from "../tiny.ts";
import { commandLine, interrupted, meanwhile, memorizing, terminated } from "./child.ts";

const test = suite("read");

const folder = folderFor(test, "read");
const at = (name: string) => join(folder, name);

const texts = {
  "notes/a.txt": "one fish, two fish, red fish, blue fish. ".repeat(3),
  "notes/b.txt": "black fish, blue fish, old fish: καλημέρα 🐟\n",
  "c.txt": "this one has a little star, this one has a little car",
};

test.before(() => {
  fs.mkdirSync(at("notes"));
  for (const [name, text] of Object.entries(texts)) fs.writeFileSync(at(name), text);
  const tokenizer = tokenizerFromJson(trainBpe(Object.values(texts), { vocabSize: 300 }), "test");
  const config = tinyConfig({ vocab_size: tokenizer.vocabSize, memory_gate_init: 2, memory_layers: [0, 1] });
  for (const [name, seed] of [["model", 1] as const, ["other", 2] as const]) {
    saveModel(at(name), new Transformer(config, seed), tokenizer);
  }
  saveModel(at("plain"), new Transformer({ ...config, memory_layers: [] }, 1), tokenizer);
});

/** Runs a command that must succeed; what it prints. */
function run(...args: string[]): string {
  const { code, stdout, stderr } = memorizing(...args);
  assert.is(code, 0, stderr);
  return stdout;
}

/** Runs a command that must be refused; the sentence. */
function refused(...args: string[]): string {
  const { code, stdout, stderr } = memorizing(...args);
  assert.equal([code, stdout], [1, ""], stderr);
  assert.match(stderr, /^[^\n]+\n$/);
  return stderr.trimEnd();
}

/** A reader in this process, and what it read; without a detour through files. */
async function readerOf(memorySize: number, ...names: (keyof typeof texts)[]): Promise<Reader> {
  const { model, tokenizer } = loadModel(at("model"));
  const reader = new Reader(model, tokenizer, { memorySize });
  for (const name of names) await reader.read(texts[name], { name: at(name) });
  return reader;
}

test("a file holds what reading in this process remembers, of files and of directories in their order", async () => {
  const file = at("all.memory.safetensors");
  const args = ["read", at("model"), at("c.txt"), at("notes"), "--save", file, "--memory", "120", "--json"];
  const printed = JSON.parse(run(...args));
  const expected = (await readerOf(120, "c.txt", "notes/a.txt", "notes/b.txt")).snapshot();
  assert.equal(readMemory(file), { ...expected, name: file });
  assert.equal(printed, { file, documents: 3, tokens: expected.length, memory: 120 });
});

test("every remembered token is found again in its document, at the bytes that are noted", () => {
  const { tokenizer } = loadModel(at("model"));
  const { sources, length } = readMemory(at("all.memory.safetensors"));
  assert.ok(sources && length > 50);
  const { document, token, begin, end } = sources.columns;
  for (let n = 0; n < length; n++) {
    const bytes = fs.readFileSync(sources.documents[document[n]]).subarray(begin[n], end[n]);
    assert.equal([...bytes], [...tokenizer.bytes(token[n])]);
  }
});

test("a new process that loads the file gives predictions bit-identical to one that has just read", async () => {
  const file = at("kept.memory.safetensors");
  run("read", at("model"), at("notes/a.txt"), at("notes/b.txt"), "--save", file);
  const reader = await readerOf(17, "notes/a.txt", "notes/b.txt");
  const args = ["--data", at("c.txt"), "--losses", at("losses.jsonl"), "--json"];
  const { results } = JSON.parse(run("eval", at("model"), "--load", file, ...args));
  const lines = fs.readFileSync(at("losses.jsonl"), "utf8").trimEnd().split("\n");
  const losses = lines.map((line) => JSON.parse(line)).filter(({ memory }) => memory === 17);
  const nats: number[] = [];
  const document = documentOf("c", reader.tokenizer.encode(texts["c.txt"]));
  evaluate(reader.model, [document], reader.tokenizer, {
    memorySizes: [17],
    known: reader.snapshot(),
    onToken: (loss) => nats.push(loss.nats),
  });
  assert.equal(
    losses.map((loss) => loss.nats),
    nats,
  );
  assert.equal(
    results.map(({ memory }: { memory: number }) => memory),
    [0, 17],
  );
  let written = "";
  for await (const { text } of reader.generate("blue", { tokens: 9, seed: 3 })) written += text;
  const options = ["--prompt", "blue", "--tokens", "9", "--seed", "3"];
  assert.is(run("generate", at("model"), "--load", file, ...options, "--save", at("more.safetensors")), `${written}\n`);
  const [more, expected] = [readMemory(at("more.safetensors")), reader.snapshot()];
  assert.equal(more.layers, expected.layers);
  assert.equal(
    more.sources?.documents,
    expected.sources?.documents.map((name) => name),
  );
});

test("appending gives the same memory as reading everything at once into the larger memory", () => {
  const [whole, parts] = [at("whole.safetensors"), at("parts.safetensors")];
  run("read", at("model"), at("notes/a.txt"), at("c.txt"), "--save", whole, "--memory", "500");
  run("read", at("model"), at("notes/a.txt"), "--save", parts, "--memory", "150");
  run("read", at("model"), at("c.txt"), "--save", parts, "--append", "--memory", "500");
  assert.ok(fs.readFileSync(whole).equals(fs.readFileSync(parts)));
});

test("Ctrl-C leaves the file as it was and says so", () => {
  const file = at("all.memory.safetensors");
  const before = fs.readFileSync(file);
  fs.writeFileSync(at("long.txt"), texts["c.txt"].repeat(20_000));
  const names = fs.readdirSync(folder);
  const args = ["read", at("model"), at("long.txt"), "--save", file, "--append", "--threads", "1"];
  const { code, stdout, stderr } = interrupted("stderr", "reading", ...args);
  assert.equal([code, stdout], [130, ""], stderr);
  assert.match(stderr, `interrupted; ${file} is as it was\n`);
  assert.ok(fs.readFileSync(file).equals(before));
  assert.equal(fs.readdirSync(folder), names, "nothing is left next to it");
});

test("what another program writes into the file meanwhile is kept, and said", () => {
  const [file, other] = [at("shared.safetensors"), at("other.safetensors")];
  run("read", at("model"), at("notes/a.txt"), "--save", file);
  run("read", at("model"), at("c.txt"), "--save", other);
  fs.writeFileSync(at("more.txt"), texts["c.txt"].repeat(100));
  const args = ["read", at("model"), at("more.txt"), "--save", file, "--append", "--threads", "1"];
  const { code, stderr } = meanwhile("reading", `mv ${other} ${file}`, ...args);
  assert.is(code, 1, stderr);
  assert.match(stderr, `${file} was changed while documents were read, and is left as it is now`);
  assert.equal(readMemory(file).sources?.documents, [at("c.txt")]);
});

test("a reader of the output that ends early does not keep the memory from being saved", () => {
  const file = at("early.safetensors");
  const [executable, line] = commandLine(["generate", at("model"), "--prompt", "a", "--tokens", "200"]);
  const shell = (...more: string[]) =>
    spawnSync("bash", ["-c", `"$@" | head -c 1; exit \${PIPESTATUS[0]}`, "bash", executable, ...line, ...more], {
      encoding: "utf8",
      timeout: HANGS,
    });
  const saving = shell("--save", file, "--memory", "300");
  assert.is(saving.status, 0, saving.stderr);
  assert.ok(readMemory(file).length >= 200);
  assert.equal([shell().status, shell().stderr], [0, ""], "without a file it ends in silence");
});

test("kill is as good as Ctrl-C, and an evaluation leaves no part of its losses", () => {
  const [file, losses] = [at("killed.safetensors"), at("single.jsonl")];
  const names = fs.readdirSync(folder);
  const reading = terminated(
    "stderr",
    "reading",
    "read",
    at("model"),
    at("long.txt"),
    "--save",
    file,
    "--threads",
    "1",
  );
  assert.is(reading.code, 130, reading.stderr);
  assert.match(reading.stderr, `interrupted; ${file} was not written\n`);
  const args = ["eval", at("model"), "--data", at("long.txt"), "--losses", losses, "--threads", "1"];
  for (const stop of [terminated, interrupted]) {
    const { code, stdout, stderr } = stop("stderr", "evaluating", ...args);
    assert.equal([code, stdout], [130, ""], stderr);
    assert.match(stderr, `interrupted; ${losses} was not written\n`);
  }
  assert.equal(fs.readdirSync(folder), names, "nothing is left");
});

test("Ctrl-C while generate reads saves nothing and says so; while it writes, all that was read and written is saved", () => {
  const [reading, writing] = [at("reading.safetensors"), at("writing.safetensors")];
  const generated = (stream: "stdout" | "stderr", text: string, ...args: string[]) =>
    interrupted(stream, text, "generate", at("model"), "--tokens", "1000000", "--threads", "1", ...args);
  const early = generated("stderr", "reading", "--read", at("long.txt"), "--save", reading);
  assert.equal([early.code, early.stdout], [130, ""], early.stderr);
  assert.match(early.stderr, `interrupted; ${reading} was not written\n`);
  assert.not.ok(fs.existsSync(reading));
  const late = generated("stdout", "", "--read", at("c.txt"), "--memory", "1000", "--save", writing);
  assert.is(late.code, 130, late.stderr);
  assert.match(late.stderr, `interrupted; ${writing} has all that was read and written\n`);
  assert.equal(readMemory(writing).sources?.documents, [at("c.txt"), "(written)"]);
  const plain = generated("stdout", "", "--read", at("c.txt"));
  assert.equal([plain.code, plain.stderr.includes("interrupted")], [130, false], plain.stderr);
});

test("a memory of another model, one that is damaged, and a model without memory are refused", () => {
  const file = at("all.memory.safetensors");
  const pattern = /^(.*) was made by the model ([0-9a-f]{16}), this is the model ([0-9a-f]{16}); /;
  const [, name, made, own] = pattern.exec(refused("generate", at("other"), "--load", file)) ?? [];
  assert.is(name, file);
  assert.is.not(made, own);
  fs.truncateSync(file, 3000);
  const damaged = refused("eval", at("model"), "--data", at("c.txt"), "--load", file);
  assert.ok(damaged.startsWith(`${file}: tensor "layers.0.`) && damaged.endsWith("it may be truncated"), damaged);
  const missing = refused("read", at("model"), at("c.txt"), "--save", at("missing"), "--append");
  assert.is(missing, `cannot read ${at("missing")}: no such file or directory`);
  assert.is(
    refused("read", at("plain"), at("c.txt"), "--save", file),
    `${at("plain")} has no memory to save: it needs memory_layers, and a memory size above 0`,
  );
  assert.is(
    refused("read", at("model"), at("c.txt"), "--save", at("notes")),
    `cannot write ${at("notes")}: it is a directory, a file is needed`,
  );
});
