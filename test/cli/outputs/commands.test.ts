/** Every command that writes: what it reads stays as it is, and so does what it was not told to replace. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { readMemory } from "../../../src/memory/disk.ts";
import { Transformer } from "../../../src/model/transformer.ts";
import { byteTokenizer } from "../../../src/text/tokenizer.ts";
import { saveModel } from "../../../src/train/checkpoint.ts";
import { writeTinyCorpus } from "../../experiments/tiny.ts";
import { absent, stories } from "../../families/golden-models.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { tinyConfig } from "../../tiny.ts";
import { commandLine } from "../child.ts";
import { run, runHere } from "../in-process.ts";

const test = suite("outputs of commands");
const folder = folderFor(test, "command-outputs");
const at = (name: string) => join(folder, name);

test.before(() => {
  fs.mkdirSync(at("data"));
  fs.writeFileSync(at("data/a.md"), "one fish, two fish, red fish, blue fish\n");
  fs.writeFileSync(at("b.md"), "black fish, blue fish, old fish, new fish\n");
  saveModel(at("model"), new Transformer(tinyConfig(), 1), byteTokenizer());
  fs.symlinkSync("b.md", at("link.md"));
});

/** Every file with its content. */
function contents(): Record<string, string> {
  const names = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => fs.lstatSync(at(name)).isFile());
  return Object.fromEntries(files.map((name) => [name, fs.readFileSync(at(name), "latin1")]));
}

/** The one sentence with which a command refuses before it has read or written anything. */
async function refused(...args: string[]): Promise<string> {
  const before = contents();
  const { code, stdout, stderr } = await runHere(...args);
  assert.equal([code, stdout], [1, ""], stderr);
  assert.match(stderr, /^[^\n]+\n$/);
  assert.equal(contents(), before);
  return stderr.trimEnd();
}

const training = (...more: string[]) => {
  const sizes = ["hidden_size=12", "num_hidden_layers=1", "memory_layers=0", "segment_length=7", "memory_size=9"];
  return ["train", "--data", at("data"), "--steps", "1", "--batch-size", "1", "--set", ...sizes, ...more];
};

test.unless(
  absent,
  "two outputs in one file are refused, and so is the calibration of the model, even with --force",
  async () => {
    const model = at("llama");
    fs.cpSync(`${stories}/hf`, model, { recursive: true });
    const both = ["--out", at("both"), "--html", `${folder}/./both`];
    assert.match(
      await refused("calibrate", model, "--data", at("b.md"), ...both),
      /--html .* and --out .* are one file/,
    );
    const calibration = join(model, "memory.json");
    fs.writeFileSync(calibration, JSON.stringify({ format: "memorizing-calibration", model: "1", memory_layers: "1" }));
    const save = ["--save", calibration, "--force"];
    assert.match(await refused("read", model, at("b.md"), ...save), "memory.json, which is read");
    fs.rmSync(model, { recursive: true });
  },
);

test("no command replaces what it reads", async () => {
  const [model, a, b, link] = ["model", "data/a.md", "b.md", "link.md"].map(at);
  const config = at("model/config.json");
  await run("read", at("model"), a, "--save", at("m"));
  const lines = [
    ["read", model, a, b, "--save", link],
    ["read", model, at("data"), "--save", a, "--force"],
    ["read", model, a, "--save", config],
    ["inspect", model, b, "--html", link],
    ["eval", model, "--data", at("data"), "--memory", "0", "--losses", a],
    ["generate", model, "--read", b, "--save", b, "--tokens", "1"],
    ["generate", model, "--load", at("m"), "--save", at("m"), "--tokens", "1"],
    ["tokenizer", "train", "--data", at("data"), "--vocab-size", "300", "--out", a],
    ["export", model, "--out", model],
  ];
  for (const line of lines) assert.match(await refused(...line), " would replace ");
  fs.mkdirSync(at("own"));
  fs.writeFileSync(at("own/tokenizer.json"), JSON.stringify(byteTokenizer().toJSON()));
  const sentence = await refused(...training("--tokenizer", at("own/tokenizer.json"), "--out", at("own")));
  assert.match(sentence, `--out ${at("own")} would replace ${at("own/tokenizer.json")}, which is read`);
});

test("a shell's expansion of --save *.md does no harm", async () => {
  const message = `${at("b.md")} is there already and is not a memory; give another --save, or --force to replace it`;
  assert.is(await refused("read", at("model"), "--save", at("b.md"), at("data/a.md")), message);
});

test("a file of another kind needs --force, in every command", async () => {
  const other = (name: string) => {
    fs.writeFileSync(at(name), "my own\n");
    return at(name);
  };
  const [model, a] = [at("model"), at("data/a.md")];
  for (const [name, ...line] of [
    ["x1", "read", model, a, "--save"],
    ["x2", "generate", model, "--tokens", "1", "--prompt", "a", "--save"],
    ["x3", "eval", model, "--data", a, "--memory", "0", "--losses"],
    ["x4", "inspect", model, a, "--html"],
    ["x5", "tokenizer", "train", "--data", at("data"), "--vocab-size", "260", "--out"],
  ]) {
    const path = other(name);
    assert.match(
      await refused(...line, path),
      /^\S+ is there already and is not an? [^;]*; give another --\w+, or --force/,
    );
    await run(...line, path, "--force");
    assert.is.not(fs.readFileSync(path, "utf8"), "my own\n");
    await run(...line, path); // its own kind by now
  }
});

test("a directory that holds a file of another kind also needs --force", async () => {
  for (const [name, ...line] of [
    ["e/tokenizer.json", "export", at("model"), "--out", at("e")],
    ["t/metrics.jsonl", ...training("--out", at("t"))],
    ["t2/staleness.html", ...training("--out", at("t2"))],
  ]) {
    fs.mkdirSync(join(at(name), ".."));
    fs.writeFileSync(at(name), "my own\n");
    assert.match(await refused(...line), `${at(name)} is there already and is not `);
    await run(...line, "--force");
  }
  assert.match(fs.readFileSync(at("e/tokenizer.json"), "utf8"), "vocab");
  assert.is(fs.readFileSync(at("t2/staleness.html"), "utf8"), "my own\n", "nothing was measured");
  assert.match(await refused("export", at("model"), "--out", at("t")), `${at("t")} holds a training`);
  await run("export", at("model"), "--out", at("e"));
});

test("an experiment leaves files of others in its directory alone", async () => {
  writeTinyCorpus(at("math"));
  const line = ["experiment", "context", "--corpus", at("math"), "--out", at("o"), "--cells", "plain"];
  for (const name of ["context/results.json", "context/table.md", "context/charts/a.svg", "context/math/plain.json"]) {
    fs.mkdirSync(join(at("o"), name, ".."), { recursive: true });
    fs.writeFileSync(join(at("o"), name), "my own\n");
    const before = contents();
    const { code, stderr } = await runHere(...line);
    assert.is(code, 1);
    assert.match(stderr, `${at("o")}/${name} is there already and is not `);
    assert.equal(contents(), before);
    fs.rmSync(join(at("o"), name));
  }
});

test("the demo leaves a page and a directory of others alone", async () => {
  const [command, args] = commandLine(["demo"]);
  const demo = (...more: string[]) => spawnSync(command, [...args, ...more], { cwd: folder, encoding: "utf8" });
  fs.mkdirSync(at("runs/demo-training/text"), { recursive: true });
  fs.mkdirSync(at("runs/demo"));
  for (const name of ["demo/index.html", "demo-training/text/notes.txt"]) fs.writeFileSync(at(`runs/${name}`), "mine");
  const page = demo();
  assert.equal([page.status, page.stdout], [1, ""]);
  assert.match(page.stderr, "runs/demo/index.html is there already and is not a report; move it away, or give --force");
  const trained = demo("--train");
  assert.equal([trained.status, trained.stdout], [1, ""]);
  assert.match(trained.stderr, "runs/demo-training/text/notes.txt was not written by the demo");
  assert.is(fs.readFileSync(at("runs/demo-training/text/notes.txt"), "utf8"), "mine");
});

test("a name that no file can have is refused before anything is read", async () => {
  const read = (save: string) => refused("read", at("model"), at("b.md"), "--save", save);
  assert.is(await read(""), "memorizing read: --save FILE must not be empty");
  assert.is(await read(`${at("new")}/`), `cannot write ${at("new")}/: it names a directory, a file is needed`);
});

test("files called .trial, and links under names that could be guessed, stay as they are", async () => {
  fs.writeFileSync(at(".trial"), "mine");
  await run("read", at("model"), at("b.md"), "--save", at("trial.safetensors"));
  assert.is(fs.readFileSync(at(".trial"), "utf8"), "mine");
});

const noOutput = fs.existsSync("/dev/stdout") ? "" : "no /dev/stdout here";

test.unless(noOutput, "a memory can be written to standard output, and the result is told on standard error", () => {
  const file = fs.openSync(at("redirected"), "w");
  const [command, args] = commandLine(["read", at("model"), at("b.md"), "--save", "/dev/stdout"]);
  const { status, stderr } = spawnSync(command, args, { stdio: ["ignore", file, "pipe"], encoding: "utf8" });
  fs.closeSync(file);
  assert.is(status, 0, stderr);
  assert.match(stderr, "/dev/stdout: 17 of at most 17 tokens, documents: 1\n");
  assert.is(readMemory(at("redirected")).length, 17);
});

const noFull = fs.existsSync("/dev/full") ? "" : "no /dev/full here";

test.unless(noFull, "where the result cannot be written, one sentence says why", () => {
  const full = fs.openSync("/dev/full", "w");
  const [command, args] = commandLine(["eval", at("model"), "--data", at("b.md"), "--memory", "0"]);
  const { status, stderr } = spawnSync(command, args, { stdio: ["ignore", full, "pipe"], encoding: "utf8" });
  fs.closeSync(full);
  assert.is(status, 1);
  assert.match(stderr, /(^|\n)cannot write to standard output: the disk is full\n$/);
  assert.not.match(stderr, / at .*:\d+:\d+/);
});

const noStart = process.versions.deno === undefined ? "" : "Deno itself does not start without a working directory";

test.unless(noStart, "a working directory that was deleted is told in one sentence", () => {
  const words = commandLine(["eval", at("model"), "--data", at("b.md"), "--memory", "0"]).flat();
  const line = words.map((word) => `'${word}'`).join(" ");
  const script = `mkdir '${at("gone")}' && cd '${at("gone")}' && rmdir '${at("gone")}' && ${line}`;
  const { status, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
  assert.is(status, 1);
  assert.match(stderr, /the working directory does not exist any more; change to another one\n$/);
});

const readOnly = () => at("read-only");

test("where nothing can be written the true reason is told, and the name that was given", async () => {
  fs.mkdirSync(readOnly());
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", readOnly()]).status !== 0) return; // only root may
  try {
    const complaint = (...args: string[]) => {
      const [command, line] = commandLine(args);
      return spawnSync(command, line, { cwd: readOnly(), encoding: "utf8" }).stderr;
    };
    const reason = "the file system is read-only\n";
    const model = relative(readOnly(), at("model"));
    assert.is(complaint("demo"), `cannot write runs/demo/index.html: ${reason}`);
    assert.is(complaint("train", "--data", "../data", "--out", "run"), `cannot make run: ${reason}`);
    assert.is(complaint("read", model, "../b.md", "--save", "m.safetensors"), `cannot write m.safetensors: ${reason}`);
    assert.is(complaint("corpus", "names", "--out", "names"), `cannot write names: ${reason}`);
  } finally {
    spawnSync("umount", [readOnly()]);
  }
});
