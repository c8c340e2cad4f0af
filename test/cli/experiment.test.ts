import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { experiments } from "../../src/experiments/list.ts";
import { tinyOverrides, writeTinyCorpus } from "../experiments/tiny.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { memorizing } from "./child.ts";

const test = suite("experiment command");

const folder = folderFor(test, "experiment-command");
const at = (name: string) => join(folder, name);

test.before(() => {
  writeTinyCorpus(at("math"));
});

test("a mistyped experiment is answered with the one that was meant", () => {
  const { code, stderr } = memorizing("experiment", "contxt");
  assert.is(code, 2);
  assert.match(stderr, 'unknown experiment "contxt"; did you mean context?');
});

test("help lists the experiments with their hours", () => {
  const { code, stdout } = memorizing("experiment", "--help");
  assert.is(code, 0);
  for (const { name } of experiments) assert.match(stdout, new RegExp(`^  ${name} +\\d+\\.\\d `, "m"));
});

test("--list shows the cells and runs nothing", () => {
  const { code, stdout } = memorizing("experiment", "retrofit", "--list", "--out", at("listed"));
  assert.is(code, 0);
  assert.match(stdout, /^ {2}retrofit-layer .* plain +memory added, its layer alone learns$/m);
  assert.not.ok(fs.existsSync(at("listed")));
});

test("a cell that the experiment does not have is refused", () => {
  const { code, stderr } = memorizing(
    "experiment",
    "context",
    "--cells",
    "plain",
    "copying-gate-2048-lx",
    "--out",
    at("none"),
  );
  assert.is(code, 2);
  assert.is(stderr, 'the experiment context has no cell "copying-gate-2048-lx"; did you mean copying-gate-2048-xl?\n');
  assert.not.ok(fs.existsSync(at("none")));
});

test("two corpora of one name are refused", () => {
  const { code, stderr } = memorizing(
    "experiment",
    "tokens",
    "--corpus",
    at("math"),
    `${at("math")}/`,
    "--out",
    at("two"),
  );
  assert.is(code, 1);
  assert.match(stderr, "two corpora are called math");
  assert.not.ok(fs.existsSync(at("two")));
});

test("an experiment runs from end to end, and leaves report and inspection", () => {
  const options = ["--budget", "6000", "--eval-tokens", "200", "--threads", "1", "--set", ...tinyOverrides];
  const run = () => memorizing("experiment", "tokens", "--corpus", at("math"), "--out", at("out"), ...options);
  const { code, stdout, stderr } = run();
  assert.is(code, 0, stderr);
  assert.is(stdout, `${at("out")}/tokens: index.html, table.md and results.json\n`);
  assert.match(stderr, "cell 1 of 1  math/copying-gate-2048-xl");
  const page = fs.readFileSync(at("out/tokens/index.html"), "utf8");
  assert.match(page, "<svg");
  assert.not.match(page, /NaN|undefined/);
  assert.match(fs.readFileSync(at("out/tokens/table.md"), "utf8"), "command: memorizing experiment tokens --corpus");
  assert.ok(fs.existsSync(at("out/tokens/math/copying-gate-2048-xl/inspection.html")));
  assert.match(run().stderr, "done already");
});
