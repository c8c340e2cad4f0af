import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { documentsInDirectory, tokenizeDocuments } from "../../src/data/corpus.ts";
import { generate, readDocuments } from "../../src/model/generate.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { loadModel } from "../../src/train/checkpoint.ts";
import { newestCheckpoint } from "../../src/train/run-directory.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { documentOf } from "../tiny.ts";
import { commandLine, memorizing, type Outcome } from "./child.ts";

const test = suite("commands");

const folder = folderFor(test, "commands");
const at = (name: string) => join(folder, name);

/** A model of two layers with a memory of 17 in the second, so small that a step takes a millisecond. */
const MODEL = ["hidden_size=12", "num_hidden_layers=2", "num_attention_heads=2", "head_dim=5", "intermediate_size=19"];
const MEMORY = ["segment_length=7", "memory_layers=1", "memory_size=17", "memory_topk=4"];

/** Not the default. */
const RATE = ["--learning-rate", "0.004"];

test.before(() => {
  fs.mkdirSync(at("data/repository"), { recursive: true });
  fs.writeFileSync(at("data/fish.txt"), "one fish, two fish, red fish, blue fish. ".repeat(5));
  fs.writeFileSync(at("data/repository/a.txt"), "black fish, ");
  fs.writeFileSync(at("data/repository/b.txt"), "blue fish, old fish, new fish: καλημέρα\n");
});

function good(...args: string[]): Outcome {
  const outcome = memorizing(...args);
  assert.is(outcome.code, 0, outcome.stderr);
  return outcome;
}

function trainingArguments(out: string, ...more: string[]): string[] {
  const tokenizer = ["--tokenizer", at("tokenizer.json")];
  const options = ["--batch-size", "2", "--schedule", "constant", "--threads", "1"];
  return [
    "train",
    "--data",
    at("data"),
    "--out",
    at(out),
    ...tokenizer,
    ...options,
    "--set",
    ...MODEL,
    ...MEMORY,
    ...more,
  ];
}

function lossesIn(directory: string): number[] {
  const lines = fs
    .readFileSync(at(`${directory}/metrics.jsonl`), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => JSON.parse(line).loss).filter((loss) => loss !== undefined); // evaluations have none
}

test("tokenizer train writes a vocabulary of the size asked for", () => {
  const { stdout } = good(
    "tokenizer",
    "train",
    "--data",
    at("data"),
    "--vocab-size",
    "270",
    "--out",
    at("tokenizer.json"),
  );
  assert.is(stdout, `${at("tokenizer.json")}: a vocabulary of 270 tokens\n`);
  assert.is(Object.keys(JSON.parse(fs.readFileSync(at("tokenizer.json"), "utf8")).model.vocab).length, 270);
});

test("train writes a checkpoint, metrics and evaluations, and keeps standard output for the result", () => {
  const evaluation = ["--eval-every", "3", "--eval-data", at("data"), "--eval-tokens", "9"];
  const { stdout, stderr } = good(...trainingArguments("whole", "--steps", "5", ...RATE, ...evaluation));
  assert.is(stdout, `${at("whole")}: checkpoint of step 5\n`);
  assert.match(stderr, /step 3 {2}memory 0: perplexity [\d.]+ {2}memory 17: perplexity [\d.]+\n/);
  assert.match(
    stderr,
    /step 5\/5 {2}loss [\d.]+ {2}perplexity [\d.]+ .* tokens\/s {2}gate 0\.50 {2}memory \d+ % full {2}0 s left\n/,
  );
  assert.is(lossesIn("whole").length, 5);
  assert.is(JSON.parse(fs.readFileSync(at("whole/config.json"), "utf8")).vocab_size, 270);
});

test("train measures how stale the memories are, and charts it", () => {
  good(...trainingArguments("stale", "--steps", "5", ...RATE, "--staleness-every", "2"));
  const lines = fs.readFileSync(at("stale/metrics.jsonl"), "utf8").trimEnd().split("\n");
  const measured = lines.filter((line) => Array.isArray(JSON.parse(line).keyCosines));
  assert.is(measured.length, 3, "steps 2, 4 and 5");
  assert.match(fs.readFileSync(at("stale/staleness.html"), "utf8"), "Staleness of the memories");
  assert.not.ok(fs.existsSync(at("whole/staleness.html")));
});

test("a resumed run keeps its options and loses nothing: its losses are those of a run that never stopped", () => {
  good(...trainingArguments("resumed", "--steps", "2", ...RATE));
  const { stdout } = good(...trainingArguments("resumed", "--steps", "5", "--resume", "--json"));
  const { directory, step, loss } = JSON.parse(stdout);
  assert.equal([directory, step, loss], [at("resumed"), 5, lossesIn("whole")[4]]);
  assert.equal(lossesIn("resumed"), lossesIn("whole"));
});

test("a resumed run is refused another configuration or tokenizer than it has", () => {
  const refusal = (...args: string[]) => {
    const { code, stdout, stderr } = memorizing(...trainingArguments("whole", "--resume", ...args));
    assert.equal([code, stdout], [1, ""]);
    return stderr;
  };
  const configuration = refusal("--set", "memory_size=18");
  assert.match(configuration, `the run in ${at("whole")} has memory_size=17, but memory_size=18 was asked for`);
  fs.writeFileSync(at("bytes.json"), JSON.stringify(byteTokenizer().toJSON()));
  const tokenizer = refusal("--tokenizer", at("bytes.json"));
  assert.match(tokenizer, `${at("bytes.json")} is not the tokenizer of the run in ${at("whole")}`);
  assert.match(refusal("--seed", "5"), `the run in ${at("whole")} has --seed 0; a resumed run keeps it`);
  assert.match(refusal("--optimizer", "adafactor"), "has --optimizer adamw; a resumed run keeps it");
  assert.match(refusal("--batch-size", "5"), /has --batch-size \d; a resumed run keeps it/);
});

test("a run can begin with the weights of another model, and a larger memory than that had", () => {
  const begun = (...args: string[]) => memorizing("train", "--data", at("data"), "--from", at("whole"), ...args);
  const { code, stderr } = begun(
    "--out",
    at("adapted"),
    "--steps",
    "1",
    "--learning-rate",
    "0",
    "--set",
    "memory_size=40",
  );
  assert.is(code, 0, stderr);
  const [whole, adapted] = ["whole", "adapted"].map((name) => loadModel(at(name)));
  assert.equal([adapted.model.config.memory_size, adapted.tokenizer.vocabSize], [40, 270]);
  for (const name of whole.model.parameters.names()) {
    assert.equal(adapted.model.parameters.get(name).toArray(), whole.model.parameters.get(name).toArray(), name);
  }
  assert.match(
    begun("--out", at("none"), "--tokenizer", at("tokenizer.json")).stderr,
    "has what --tokenizer would say",
  );
  assert.match(begun("--out", at("adapted"), "--resume").stderr, "begins a run and --resume continues one");
  assert.match(
    begun("--out", at("none"), "--set", "hidden_size=13").stderr,
    "has model.embed_tokens.weight of shape [270,12]",
  );
});

test("eval prints one line of JSON, over the same tokens for every memory size, and each loss on request", () => {
  const args = ["--data", at("data"), "--memory", "100,0,17", "--losses", at("losses.jsonl"), "--json"];
  const { stdout } = good("eval", at("whole"), ...args);
  const { tokens, bytes, results, ...rest } = JSON.parse(stdout);
  assert.equal(rest, {});
  const documents = tokenizeDocuments(documentsInDirectory(at("data")), loadModel(at("whole")).tokenizer);
  assert.is(
    tokens,
    documents.reduce((sum, document) => sum + document.tokens().length - 1, 0),
  );
  const losses = fs
    .readFileSync(at("losses.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  for (const [i, memory] of [0, 17, 100].entries()) {
    const nats = losses.filter((loss) => loss.memory === memory).map((loss) => loss.nats);
    const sum = nats.reduce((a, b) => a + b, 0);
    assert.is(nats.length, tokens);
    const watched = results[i].memory > 0 ? ["gates"] : [];
    assert.equal(Object.keys(results[i]), ["memory", "perplexity", "bits_per_byte", ...watched]);
    assert.is(results[i].memory, memory);
    assert.ok(Math.abs(results[i].perplexity - Math.exp(sum / tokens)) < 1e-9);
    assert.ok(Math.abs(results[i].bits_per_byte - sum / Math.LN2 / bytes) < 1e-9);
  }
  const [first] = losses;
  assert.equal(Object.keys(first), ["document", "index", "token", "memory", "nats"]);
  assert.equal([first.document, first.index, first.token], ["fish.txt", 1, documents[0].tokens()[1]]);
});

test("eval takes another search and another number format for the memory, and nothing that would change the weights", () => {
  const evaluated = (...set: string[]) => good("eval", at("whole"), "--data", at("data"), "--json", ...set).stdout;
  const plain = JSON.parse(evaluated()).results[1].perplexity;
  assert.is(JSON.parse(evaluated("--set", "memory_search=exact")).results[1].perplexity, plain);
  const half = JSON.parse(evaluated("--set", "memory_dtype=float16")).results[1].perplexity;
  assert.ok(half !== plain && Math.abs(half / plain - 1) < 1e-3);
  const { code, stderr } = memorizing("eval", at("whole"), "--data", at("data"), "--set", "hidden_size=5");
  assert.is(code, 1);
  assert.match(stderr, "has shape");
});

test("eval --recall measures the search that was chosen, and refuses to where there is none", () => {
  const evaluated = (...more: string[]) => good("eval", at("whole"), "--data", at("data"), "--recall", ...more).stdout;
  const [, { recall }] = JSON.parse(evaluated("--json")).results;
  assert.equal(Object.keys(recall[0]), ["layer", "queries", "recall", "fallbacks"]);
  assert.is(recall[0].recall, 1);
  assert.match(
    evaluated("--set", "memory_search=exact"),
    /memory {2}layer {2}queries {4}recall\n +17 {6}1 +\d+ {2}100\.00 %\n$/,
  );
  assert.match(evaluated(), /recall {2}fall-backs\n.* 100\.00 % +\d\.\d\d %\n$/);
  const { code, stderr } = memorizing("eval", at("whole"), "--data", at("data"), "--recall", "--memory", "0");
  assert.is(code, 2);
  assert.match(stderr, "--recall needs a memory to search");
});

test("eval prints a table for people, of files as well, and counts --max-tokens in each document", () => {
  const { stdout } = good("eval", at("whole"), "--data", at("data/fish.txt"), at("data"), "--max-tokens", "5");
  const [header, without, withMemory, note] = stdout.split("\n");
  assert.equal(header.trim().split(/ {2,}/), ["memory", "perplexity", "bits/byte", "change"]);
  assert.match(without, /^ +0 .* 0\.0 %$/);
  assert.match(withMemory, /^ +17 /);
  assert.match(note, /^over the same 15 tokens \(\d+ bytes\) in every line$/);
});

test("generate writes what the library writes, from the prompt or from the end of what it read", async () => {
  const { model, tokenizer } = loadModel(at("whole"));
  const documents = ["a", "b"].map((name) => fs.readFileSync(at(`data/repository/${name}.txt`), "utf8"));
  for (const prompt of ["", "new fish"]) {
    const args = ["--read", at("data/repository/a.txt"), at("data/repository/b.txt"), "--prompt", prompt];
    const { stdout } = good(
      "generate",
      at("whole"),
      ...args,
      "--tokens",
      "12",
      "--seed",
      "3",
      "--top-k",
      "9",
      "--memory",
      "40",
    );
    const state = model.newState({ rows: 1, memorySize: 40 });
    const read = documents.map((text) => documentOf("", tokenizer.encode(text)));
    const beginning = await readDocuments(model, state, read, tokenizer.encode(prompt));
    let expected = "";
    for await (const { text } of generate(model, tokenizer, state, beginning, { tokens: 12, seed: 3, topK: 9 })) {
      expected += text;
    }
    assert.is(stdout, `${expected}\n`);
  }
});

test("Ctrl-C in training finishes the step, saves it and says so", async () => {
  const child = spawn(...commandLine(trainingArguments("stopped", "--steps", "1000000")));
  let stderr = "";
  child.stderr.on("data", (text) => (stderr += text));
  while (child.exitCode === null && !fs.existsSync(at("stopped/metrics.jsonl"))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.kill(child.pid!, "SIGINT"); // not child.kill, after which Deno reports no exit code
  const [code] = await once(child, "close");
  assert.is(code, 130, stderr);
  const { step } = newestCheckpoint(at("stopped")).record;
  assert.match(stderr, `interrupted after step ${step}, which is saved; --resume continues from there\n`);
  assert.is(lossesIn("stopped").length, step);
});

test("a reader that stops early, as head does, ends the program quietly", async () => {
  const child = spawn(...commandLine(["train", "--help"]));
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (text) => (stderr += text));
  const [code] = await once(child, "close");
  assert.equal([code, stderr], [0, ""]);
});

test("--help lists the commands, and for each of them its options", () => {
  const names = ["tokenizer train", "train", "eval", "generate", "export", "demo"];
  const { stdout } = good("--help");
  for (const name of names) assert.match(stdout, new RegExp(`^ +memorizing ${name} {2,}\\S`, "m"));
  const help = good("train", "--help").stdout;
  for (const word of ["--checkpoint-every N", "tiny|small|base|paper", "memory_topk", "--help"])
    assert.match(help, word);
});
