/** Control characters in files and names never reach the terminal. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { printable } from "../../src/base/printable.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { writeMemory } from "../../src/memory/disk.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { loadModel, saveModel } from "../../src/train/checkpoint.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { HANGS } from "../in-time.ts";
import { tinyConfig } from "../tiny.ts";
import { commandLine, memorizing } from "./child.ts";

const test = suite("printing");

/** A name with a title, a colour, a faked line, an 8-bit sequence and a turn of the writing direction. */
const EVIL = "a\x1b]0;title\x07\x1b[31m\r\nfake\x9b2J\u202efdp";
const FISH = "one fish, two fish, red fish, blue fish. ";

const folder = folderFor(test, "output");
const at = (name: string) => join(folder, name);

test.before(async () => {
  fs.writeFileSync(at("fish.md"), FISH);
  saveModel(at("model"), new Transformer(tinyConfig({ memory_gate_init: 3 }), 1), byteTokenizer());
  const { model, tokenizer } = loadModel(at("model"));
  const reader = new Reader(model, tokenizer, { memorySize: 100 });
  await reader.read(`${EVIL}${FISH}`, { name: EVIL });
  writeMemory(at("evil.safetensors"), reader.snapshot());
});

/** Runs a command, whose output must be lines of harmless characters; returns both streams. */
function harmless(...args: string[]): string {
  const { stdout, stderr } = memorizing(...args);
  for (const line of `${stdout}${stderr}`.split("\n")) assert.is(line, printable(line));
  assert.not.match(stdout + stderr, /^fake/m, "no line begins within a name");
  return stdout + stderr;
}

test("names and texts in another's memory are shown as escapes, in tables and in JSON", () => {
  const args = ["inspect", at("model"), at("fish.md"), "--load", at("evil.safetensors"), "--threads", "1"];
  const shown = "a\\x1b]0;title\\x07\\x1b[31m\\r\\nfake\\x9b2J\\u202efdp";
  const tables = harmless(...args);
  assert.ok(tables.includes(`  ${shown} `), "in the table of documents");
  assert.ok(tables.includes(`${shown}, line `), "in the list of tokens");
  const { stdout } = memorizing(...args, "--json");
  assert.is(stdout, stdout.replaceAll(/[^\P{Cc}\n]|\u202e/gu, "?"));
  assert.ok(JSON.parse(stdout).documents.some(({ document }: { document: string }) => document === EVIL));
});

test("names of files are shown as escapes, where all went well and where it did not", () => {
  const name = at(EVIL);
  fs.writeFileSync(name, FISH);
  const read = harmless("read", at("model"), name, "--save", at(`${EVIL}.safetensors`), "--threads", "1");
  assert.match(read, "\\r\\nfake");
  fs.mkdirSync(at("repo"));
  fs.writeFileSync(at(`repo/${EVIL}`), Uint8Array.of(0));
  fs.writeFileSync(at("repo/fish.md"), FISH);
  assert.match(harmless("eval", at("model"), "--data", at("repo")), "left out a binary file, ");
  for (const args of [
    ["read", at("model"), at(`no${EVIL}`), "--save", at("m")],
    ["eval", at(EVIL), "--data", name],
    ["eval", at("model"), "--data", at(`repo/${EVIL}`)],
    ["generate", at("model"), "--load", name],
    ["generate", at("model"), `--${EVIL}`],
    ["generate", at("model"), EVIL],
    ["generate", at("model"), "--tokens", EVIL],
    ["generate", at("model"), "--set", `${EVIL}=1`],
    ["train", "--data", at("repo"), "--out", at("run"), "--config", name],
    [EVIL],
  ]) {
    const shown = harmless(...args);
    assert.match(shown, /^[^\n]*\n$/, "one line");
    assert.match(shown, /\\x1b\]0;title|\\u001b\]0;title/);
  }
});

test("names of tensors are shown as escapes", () => {
  fs.cpSync(at("model"), at("tensor"), { recursive: true });
  const tensors = new Map([[EVIL, { dtype: "U8" as const, shape: [1], data: Uint8Array.of(1) }]]);
  fs.writeFileSync(at("tensor/model.safetensors"), writeSafetensors(tensors));
  harmless("generate", at("tensor"));
  fs.writeFileSync(at("tensor/config.json"), JSON.stringify({ [EVIL]: 1 }));
  assert.match(harmless("generate", at("tensor")), "unknown key");
});

/** Two models that write nothing but ESC: every other byte is out of the question. */
function escapingModel(): void {
  const { model, tokenizer } = loadModel(at("model"));
  const { size } = model.parameters.get("model.norm.weight");
  const embedding = model.parameters.get("model.embed_tokens.weight").toArray();
  embedding.fill(0);
  embedding.fill(1, 0x1b * size, 0x1c * size);
  model.parameters.get("model.embed_tokens.weight").set(embedding);
  saveModel(at("escaping"), model, tokenizer);
}

const noScript = spawnSync("script", ["--version"]).status === 0 ? "" : "no script(1) here";

test.unless(noScript, "what a model writes comes to a pipe as it is, to a terminal with escapes", () => {
  escapingModel();
  const args = [
    "generate",
    at("escaping"),
    "--prompt",
    "\x1b",
    "--tokens",
    "3",
    "--temperature",
    "0",
    "--threads",
    "1",
  ];
  assert.is(memorizing(...args).stdout, "\x1b\x1b\x1b\n");
  const [program, line] = commandLine(args);
  const command = [program, ...line].map((word) => `'${word}'`).join(" ");
  const { stdout } = spawnSync("script", ["-qec", command, "/dev/null"], { encoding: "utf8", timeout: HANGS });
  assert.match(stdout, "\\x1b\\x1b\\x1b\r\n");
  assert.not.ok(stdout.includes("\x1b\x1b"));
});

test("only one file writes to the terminal, besides the entry, which has sentences of its own before the program is loaded", () => {
  const isCompiled = import.meta.url.includes("/dist/");
  const src = fileURLToPath(new URL(isCompiled ? "../../../src/" : "../../src/", import.meta.url));
  const files = fs.readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const writers = files.filter((name) =>
    /\b(?:std(?:out|err)|results)\.write|console\./.test(fs.readFileSync(join(src, name), "utf8")),
  );
  assert.equal(writers.sort(), [join("cli", "main.ts"), join("cli", "printing.ts")]);
});
