/** Files and corpora that an experiment refuses, each in a sentence. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { ExperimentRun } from "../../../src/experiments/lab/run.ts";
import { suite } from "../../harness.ts";
import { tinySettings, writeTinyCorpus } from "../tiny.ts";
import { layer, plain, resultIn, tinyRuns } from "./tiny-runs.ts";

const test = suite("refused experiment runs");

const { at, newDirectory, run } = tinyRuns(test);

test("damaged results, records and reports, and corpora without a name, are refused in a sentence", async () => {
  const out = newDirectory();
  const refused = (more: Partial<ExperimentRun> = {}) =>
    run(out, [plain], more).then(
      () => "",
      (error: Error) => `${error.name}: ${error.message}`,
    );
  await run(out, [plain]);
  const broken: [string, RegExp][] = [
    ["tiny/math/plain.json", /InputError: .*plain.json is not the result of a cell/],
    ["models/math/plain/trained.json", /InputError: .*trained.json is not the record of a training/],
    ["tiny/results.json", /InputError: .*results.json is not the report of an experiment/],
  ];
  for (const [path, sentence] of broken) {
    const text = fs.readFileSync(join(out, path), "utf8");
    if (path.endsWith("trained.json")) fs.rmSync(join(out, "tiny"), { recursive: true });
    fs.writeFileSync(join(out, path), '{"recipe": {}, "cells": [{}]}');
    assert.match(await refused(), sentence);
    fs.writeFileSync(join(out, path), text);
    await run(out, [plain]);
  }
  for (const corpus of [".", "..", at("math/..")]) {
    assert.match(await refused({ corpora: [corpus] }), /has no directory|has no name/);
  }
});

test("a model that was trained differently is refused", async () => {
  const out = newDirectory();
  await run(out, [plain]);
  const settings = tinySettings({ budget: 400 });
  const refused = await run(out, [plain], { settings }).catch((error: Error) => error.message);
  assert.match(String(refused), `${out}/models/math/plain holds a model that was trained otherwise`);
});

test("models of another corpus of the same name are refused", async () => {
  const [out, other] = [newDirectory(), join(newDirectory(), "math")];
  await run(out, [plain]);
  writeTinyCorpus(other, 2);
  const refused = await run(out, [plain], { corpora: [other] }).catch((error: Error) => error.message);
  assert.match(String(refused), `${out}/models/math holds models of another corpus than ${other}`);
  assert.is((await run(out, [plain])).steps, 0, "its own are as they were");
});

test("a training that was evaluated on other tokens on the way is refused", async () => {
  const out = newDirectory();
  await run(out, [plain, layer]);
  const settings = tinySettings({ evalTokens: 60 });
  const refused = await run(out, [plain, layer], { settings }).catch((error: Error) => error.message);
  assert.match(String(refused), `${out}/models/math/layer holds a model that was trained otherwise; give the same`);
  assert.is(resultIn(out, "plain").evaluation.tokens, 60 * 3, "without evaluations on the way it is measured again");
});

test("a corpus without one of its splits is refused before any work", async () => {
  fs.mkdirSync(at("half/train"), { recursive: true });
  const out = newDirectory();
  const refused = await run(out, [plain], { corpora: [at("half")] }).catch((error: Error) => error.message);
  assert.match(String(refused), `the corpus ${at("half")} has no directory valid`);
  assert.not.ok(fs.existsSync(out));
});
