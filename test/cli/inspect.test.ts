import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { saveModel } from "../../src/train/checkpoint.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";
import { memorizing } from "./child.ts";

const test = suite("memorizing inspect");

const folder = folderFor(test, "inspect");
const at = (name: string) => join(folder, name);

test.before(() => {
  saveModel(at("model"), new Transformer(tinyConfig(), 1), byteTokenizer());
  saveModel(at("plain"), new Transformer(tinyConfig({ memory_layers: [] }), 1), byteTokenizer());
  fs.writeFileSync(at("text.md"), "one fish, two fish\n".repeat(5));
  fs.writeFileSync(at("a"), "a");
});

test("prints tables for people", () => {
  const { code, stdout, stderr } = memorizing("inspect", at("model"), at("text.md"), "--memory", "30");
  assert.is(code, 0, stderr);
  assert.match(stdout, "with 30 (");
  assert.match(stdout, "the tokens that gained most");
});

test("prints every token as JSON", () => {
  const { code, stdout } = memorizing(
    "inspect",
    at("model"),
    at("text.md"),
    "--json",
    "--max-tokens",
    "40",
    "--top",
    "3",
  );
  assert.is(code, 0);
  const { tokens, memory } = JSON.parse(stdout);
  assert.equal([tokens.length, memory], [41, 17]);
  assert.is(tokens[40].retrieved.length, 3);
});

test("a memory that was saved is there from the first token on", () => {
  fs.writeFileSync(at("notes.md"), "red fish\n");
  const save = at("notes.memory.safetensors");
  assert.is(memorizing("read", at("model"), at("notes.md"), "--save", save).code, 0);
  const { code, stdout } = memorizing("inspect", at("model"), at("text.md"), "--load", save, "--json");
  assert.is(code, 0);
  const [pair] = JSON.parse(stdout).tokens[1].retrieved;
  assert.is(pair.document, at("notes.md"));
  assert.ok(pair.index < 0 && pair.line >= 1);
});

test("writes a report next to the tables, all at once", () => {
  const { code, stderr } = memorizing("inspect", at("model"), at("text.md"), "--html", at("new/report.html"));
  assert.is(code, 0, stderr);
  assert.equal(fs.readdirSync(at("new")), ["report.html"]);
  assert.match(fs.readFileSync(at("new/report.html"), "utf8"), /^<!doctype html>[\s\S]*<\/html>\n$/);
  const refused = memorizing("inspect", at("model"), at("text.md"), "--html", folder);
  assert.equal([refused.code, refused.stdout], [1, ""]);
  assert.is(refused.stderr, `cannot write ${folder}: it is a directory, a file is needed\n`);
});

test("a document with nothing to predict, and a model without memory, are refused in one sentence", () => {
  const short = memorizing("inspect", at("model"), at("a"));
  assert.equal([short.code, short.stdout], [1, ""]);
  assert.is(short.stderr, "a document of 1 token has nothing to predict or inspect\n");
  const plain = memorizing("inspect", at("plain"), at("text.md"));
  assert.equal([plain.code, plain.stdout], [1, ""]);
  assert.match(plain.stderr, /^the model reads without a memory, so there is nothing to inspect\n$/);
});
