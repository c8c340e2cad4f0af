/** Inputs of commands: pipes, standard input, folders with mixed content, names that are not UTF-8. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { readMemory } from "../../src/memory/disk.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { saveModel } from "../../src/train/checkpoint.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { HANGS } from "../in-time.ts";
import { tinyConfig } from "../tiny.ts";
import { commandLine, memorizing, type Outcome } from "./child.ts";

const test = suite("inputs");

const folder = folderFor(test, "inputs");
const at = (name: string) => join(folder, name);
const TEXT = "one fish, two fish, red fish";

test.before(() => {
  fs.writeFileSync(at("fish.md"), TEXT);
  fs.writeFileSync(at("empty.md"), "");
  fs.mkdirSync(at("repo/docs"), { recursive: true });
  for (const name of ["a.md", "b.txt", "docs/c.md", ".hidden.md"]) fs.writeFileSync(at(`repo/${name}`), name);
  for (const name of ["logo.png", "docs/logo.png"]) fs.writeFileSync(at(`repo/${name}`), Uint8Array.of(0x89, 0x50, 0));
  saveModel(at("model"), new Transformer(tinyConfig({ memory_size: 100 }), 1), byteTokenizer());
});

/** Runs the program with a text on standard input. */
function withInput(input: string, ...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(...commandLine(args), { input, encoding: "utf8", timeout: HANGS });
  return { code: status, stdout, stderr };
}

/** Runs a line of bash in the folder, in which `memorizing` is the program. */
function inBash(line: string): Outcome {
  const [program, args] = commandLine([]);
  const script = `memorizing() { "$0" "$@"; }; ${line.replaceAll("memorizing ", 'exec "$0" "$@" ')}`;
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script, program, ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}

const READ = "memorizing read model --threads 1 --save m.safetensors";

/** Documents and how many tokens of them the last `read` has kept. */
function kept(): [names: readonly string[] | undefined, tokens: number] {
  const { sources, length } = readMemory(at("m.safetensors"));
  return [sources?.documents, length];
}

/** A document in the memory, read by a command that must succeed. */
function keeps({ code, stderr }: Outcome, names: string[], tokens: number): void {
  assert.is(code, 0, stderr);
  assert.equal(kept(), [names, tokens]);
}

const noBash = spawnSync("bash", ["-c", "true < <(true)"]).status === 0 ? "" : "no bash here";

test("- is standard input, and so is /dev/stdin, a pipe or a socket", () => {
  const args = ["read", at("model"), "--threads", "1", "--save", at("m.safetensors")];
  keeps(withInput(TEXT, ...args, "-"), ["(standard input)"], 28);
  keeps(withInput(TEXT, ...args, "/dev/stdin"), ["/dev/stdin"], 28);
  keeps(withInput(TEXT, ...args, at("fish.md"), "-"), [at("fish.md"), "(standard input)"], 56);
});

test.unless(noBash, "a pipe of the shell is read once, whatever it is called", () => {
  keeps(inBash(`cat fish.md | ${READ} /dev/stdin`), ["/dev/stdin"], 28);
  keeps(inBash(`(cat fish.md; sleep 0.2; cat fish.md) | ${READ} -`), ["(standard input)"], 56);
  keeps(inBash(`${READ} - < fish.md`), ["(standard input)"], 28);
  const { code, stderr } = inBash(`${READ} <(cat fish.md) <(cat fish.md)`);
  assert.is(code, 0, stderr);
  assert.is(kept()[1], 56);
});

test("every command that reads documents reads standard input", () => {
  const { model, threads } = { model: at("model"), threads: ["--threads", "1"] };
  const evaluated = withInput(TEXT, "eval", model, "--data", "-", "--json", ...threads);
  assert.is(JSON.parse(evaluated.stdout).tokens, 27, evaluated.stderr);
  const inspected = withInput(TEXT, "inspect", model, "-", "--json", ...threads);
  assert.equal(JSON.parse(inspected.stdout).document, "(standard input)", inspected.stderr);
  const options = ["--tokens", "9", "--temperature", "0", ...threads];
  const written = withInput(TEXT, "generate", model, "--read", "-", ...options);
  assert.is(written.stdout, memorizing("generate", model, "--read", at("fish.md"), ...options).stdout, written.stderr);
  const out = ["--out", at("tokenizer.json"), "--json"];
  const learned = withInput(TEXT, "tokenizer", "train", "--data", "-", "--vocab-size", "258", ...out);
  assert.is(JSON.parse(learned.stdout).vocab_size, 258, learned.stderr);
  const run = [
    "--out",
    at("run"),
    "--preset",
    "tiny",
    "--steps",
    "1",
    "--batch-size",
    "1",
    "--set",
    "segment_length=8",
  ];
  const trained = withInput(TEXT, "train", "--data", "-", ...run, ...threads);
  assert.is(trained.code, 0, trained.stderr);
});

test("an input that can be read only once is refused when it is named twice", () => {
  const { code, stderr } = withInput(TEXT, "eval", at("model"), "--data", "-", "/dev/stdin");
  assert.equal([code, stderr], [1, "/dev/stdin can be read only once; name it once\n"]);
});

test("a document without text is refused where it stands alone, in every command", () => {
  const sentence = "(standard input) is empty, a text is needed\n";
  const before = fs.readFileSync(at("m.safetensors"));
  for (const args of [
    ["read", at("model"), "--save", at("m.safetensors"), "-"],
    ["eval", at("model"), "--data", "-"],
    ["inspect", at("model"), "-"],
    ["generate", at("model"), "--read", "-"],
    ["tokenizer", "train", "--vocab-size", "300", "--out", at("none.json"), "--data", "-"],
  ]) {
    const { code, stdout, stderr } = withInput("", ...args);
    assert.equal([code, stdout, stderr], [1, "", sentence], args[0]);
  }
  assert.ok(fs.readFileSync(at("m.safetensors")).equals(before));
  const both = memorizing("eval", at("model"), "--data", at("empty.md"), at("empty.md"));
  assert.equal([both.code, both.stderr], [1, "all of the 2 documents are empty, a text is needed\n"]);
  assert.is(memorizing("eval", at("model"), "--data", at("empty.md"), at("fish.md")).code, 0);
});

test("binary files in a folder are left out and counted in one line; one that is named is refused", () => {
  const args = ["read", at("model"), "--threads", "1", "--save", at("m.safetensors")];
  const outcome = memorizing(...args, at("repo"));
  keeps(outcome, [at("repo/a.md"), at("repo/b.txt"), at("repo/docs/c.md")], 18);
  assert.match(outcome.stderr, `left out 2 binary files, the first of them ${at("repo/docs/logo.png")}\n`);
  const named = memorizing(...args, at("repo/logo.png"));
  assert.is(named.code, 1);
  assert.match(named.stderr, `${at("repo/logo.png")} is a binary file (byte 2 is zero), a text file is needed`);
});

test("--include and --exclude choose among the files of folders, and of nothing else", () => {
  const documents = (...choice: string[]) => {
    const args = ["read", at("model"), at("repo"), at("fish.md"), "--threads", "1", "--save", at("m.safetensors")];
    const { code, stderr } = memorizing(...args, ...choice);
    assert.is(code, 0, stderr);
    return kept()[0]?.map((name) => name.slice(folder.length + 1));
  };
  assert.equal(documents("--include", "*.md"), ["repo/a.md", "repo/docs/c.md", "fish.md"]);
  assert.equal(documents("--exclude", "docs", "*.png"), ["repo/a.md", "repo/b.txt", "fish.md"]);
  const none = memorizing("eval", at("model"), "--data", at("repo"), "--include", "*.rs");
  assert.is(none.code, 1);
  assert.match(none.stderr, `the directory ${at("repo")} holds no file that --include and --exclude choose; `);
});

const linuxNode = process.versions.deno === undefined && process.platform === "linux";
const noBytes = noBash || (linuxNode ? "" : "only Node on Linux tells such arguments");

test.unless(noBytes, "a name that is not UTF-8 can be given, and is shown by its bytes", () => {
  fs.writeFileSync(Buffer.from(at("Gr\xfcn.md"), "latin1"), TEXT);
  fs.mkdirSync(at("old"));
  fs.copyFileSync(at("fish.md"), Buffer.from(at("old/\xe4"), "latin1"));
  keeps(inBash(`${READ} $'Gr\\xfcn.md' old`), ["Gr\\xfcn.md", "old/\\xe4"], 56);
  const missing = inBash(`${READ} $'n\\xf6.md'`);
  assert.equal([missing.code, missing.stderr], [1, "cannot read n\\xf6.md: no such file or directory\n"]);
  const saved = inBash(`${READ.replace("m.safe", () => "$'\\xf6'.safe")} old`);
  assert.equal(
    [saved.code, saved.stderr],
    [1, "cannot write \\xf6.safetensors: its name is not UTF-8; give another one\n"],
  );
  const prompt = inBash(`memorizing generate model --prompt $'n\\xf6'`);
  assert.equal([prompt.code, prompt.stderr], [2, 'memorizing generate: --prompt must be UTF-8 text, not "n\\xf6"\n']);
});
