import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Cell, Experiment } from "../../../src/experiments/lab/experiment.ts";
import { goOn } from "../../../src/experiments/lab/go-on.ts";
import type { CellResult } from "../../../src/experiments/lab/results.ts";
import { type ExperimentRun, runExperiment } from "../../../src/experiments/lab/run.ts";
import { loadModel } from "../../../src/train/checkpoint.ts";
import { newestCheckpoint } from "../../../src/train/run-directory.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { signalForEvaluationAfter, tinySettings, writeTinyCorpus } from "../tiny.ts";

const test = suite("experiment run");

const folder = folderFor(test, "experiment");
let count = 0;
const at = (name: string) => join(folder, name);

test.before(() => {
  writeTinyCorpus(at("math"));
});

const training = { batchSize: 3 };
const plain: Cell = { name: "plain", label: "plain", training, memorySizes: [0] };
const memory: Cell = { name: "memory", label: "memory", training, config: { memory_size: 33 }, memorySizes: [0, 33] };
const layer: Cell = { ...memory, name: "layer", from: "plain", share: 0.5, onlyLayer: 1, courseEvaluations: 2 };
const untrained: Cell = {
  ...memory,
  name: "untrained",
  from: "memory",
  share: 0,
  memorySizes: [33, 70],
  recall: true,
  measure: async ({ corpus, evalTokens }) => ({ numbers: { documents: corpus.valid.length, evalTokens } }),
};

function experimentOf(...cells: Cell[]): Experiment {
  return {
    name: "tiny",
    summary: "for tests",
    title: "A <tiny> experiment",
    paper: "Nowhere.",
    cells,
    evalTokens: 120,
    report: (results) => ({
      question: "Does it run?",
      findings: [],
      parts: [
        {
          kind: "table",
          title: "All",
          header: ["cell", "perplexity"],
          rows: cells.map(({ name }) => [name, String(results.perplexity("math", name))]),
        },
      ],
    }),
  };
}

const newDirectory = () => at(`out-${count++}`);

/** Runs the cells into `out` and counts the steps that were trained. */
async function run(out: string, cells: Cell[], more: Partial<ExperimentRun> = {}) {
  let steps = 0;
  const settings = tinySettings();
  const done = await runExperiment(experimentOf(...cells), {
    settings,
    corpora: [at("math")],
    out,
    facts: [["machine", "a test"]],
    onStep: () => steps++,
    ...more,
  });
  return { done, steps };
}

function resultIn(out: string, cell: string): CellResult {
  return JSON.parse(fs.readFileSync(join(out, "tiny/math", `${cell}.json`), "utf8"));
}

test("with --cells the report has all known results, and nothing else is computed", async () => {
  const out = newDirectory();
  assert.is((await run(out, [plain, memory, layer], { only: ["plain"] })).steps, 6);
  assert.not.ok(fs.existsSync(join(out, "tiny/math/memory.json")));
  await run(out, [plain, memory, layer], { only: ["memory"] });
  const reported = JSON.parse(fs.readFileSync(join(out, "tiny/results.json"), "utf8")).cells as CellResult[];
  assert.equal(
    reported.map(({ cell }) => cell),
    ["plain", "memory"],
  );
});

test("the cells that the wanted ones begin with are computed first, and so on", async () => {
  const out = newDirectory();
  const chain = [plain, memory, layer, { ...layer, name: "deep", from: "layer" }];
  const { steps } = await run(out, chain, { only: ["deep"] });
  assert.is(steps, 6 + 3 + 3);
  assert.equal(fs.readdirSync(join(out, "tiny/math")).sort(), ["deep.json", "layer.json", "plain.json"]);
});

test("a cell can learn from invented names instead of the corpus", async () => {
  const [corpus, names] = [newDirectory(), newDirectory()];
  await run(corpus, [plain]);
  await run(names, [{ ...plain, documents: "names" }]);
  assert.is.not(
    resultIn(names, "plain").evaluation.results[0].nats,
    resultIn(corpus, "plain").evaluation.results[0].nats,
  );
  assert.is(resultIn(names, "plain").evaluation.tokens, resultIn(corpus, "plain").evaluation.tokens, "evaluated alike");
});

test("every cell is trained in its own directory and measured, and the report has all of them", async () => {
  const out = newDirectory();
  const { done, steps } = await run(out, [plain, memory, layer, untrained]);
  assert.ok(done);
  assert.is(steps, 6 + 6 + 3); // 300 tokens in steps of 3 · 17, and half of them
  const [first, second, third, last] = ["plain", "memory", "layer", "untrained"].map((name) => resultIn(out, name));
  assert.is(first.parameters, second.parameters);
  assert.is(first.steps, 6);
  assert.is(first.evaluation.tokens, second.evaluation.tokens);
  assert.equal(
    second.evaluation.results.map(({ memory }) => memory),
    [0, 33],
  );
  assert.equal(
    third.course.map(({ step }) => step),
    [2, 3],
  );
  assert.is(
    third.course[1].perplexity,
    third.evaluation.results[1].perplexity,
    "the last evaluation during training is the result",
  );
  assert.is(last.steps, 0);
  assert.is(last.evaluation.results[0].perplexity, second.evaluation.results[1].perplexity, "the same model");
  assert.is(last.evaluation.results[0].recall?.[0].recall, 1, "quantised search is exact");
  assert.equal(last.measurements.numbers, { documents: 3, evalTokens: 120 });
  assert.equal(fs.readdirSync(join(out, "models/math")).sort(), [
    "corpus.json",
    "layer",
    "memory",
    "plain",
    "tokenizer.json",
  ]);
  const files = ["config.json", "metrics.jsonl", "model.safetensors", "tokenizer.json", "trained.json"];
  assert.equal(fs.readdirSync(join(out, "models/math/memory")).sort(), files, "no files that only training needs");
  const markdown = fs.readFileSync(join(out, "tiny/table.md"), "utf8");
  assert.match(markdown, `| untrained | ${last.evaluation.results[1].perplexity} |`);
  assert.match(fs.readFileSync(join(out, "tiny/index.html"), "utf8"), "<h1>A &lt;tiny&gt; experiment</h1>");
  assert.is(JSON.parse(fs.readFileSync(join(out, "tiny/results.json"), "utf8")).cells.length, 4);
});

test("if only one layer learns, all other parameters stay bit-identical", async () => {
  const out = newDirectory();
  await run(out, [plain, layer]);
  const [before, after] = ["plain", "layer"].map((name) => loadModel(join(out, "models/math", name)).model.parameters);
  for (const name of before.names()) {
    const same = before.get(name).toArray().join() === after.get(name).toArray().join();
    assert.is(same, !name.startsWith("model.layers.1."), name);
  }
});

test("a report is written only after onReport has returned", async () => {
  const out = newDirectory();
  const onReport = () => {
    throw new Error("somebody else's table is there");
  };
  const message = await run(out, [plain], { onReport }).catch((error: Error) => error.message);
  assert.is(message, "somebody else's table is there");
  assert.equal(fs.readdirSync(join(out, "tiny")), ["math"]);
  assert.is((await run(out, [plain])).steps, 0, "the cell is kept");
});

test("finished cells are not computed again", async () => {
  const out = newDirectory();
  await run(out, [plain, memory]);
  const before = fs.readFileSync(join(out, "tiny/results.json"), "utf8");
  const finished: boolean[] = [];
  const again = await run(out, [plain, memory], { onCell: (_corpus, _cell, _index, done) => finished.push(done) });
  assert.equal(again, { done: true, steps: 0 });
  assert.equal(finished, [true, true]);
  assert.is(fs.readFileSync(join(out, "tiny/results.json"), "utf8"), before);
});

test("a report that was kept alone gets more rows, and its own cells are not computed again", async () => {
  const [whole, kept] = [newDirectory(), newDirectory()];
  await run(whole, [plain]);
  fs.mkdirSync(join(kept, "tiny"), { recursive: true });
  fs.copyFileSync(join(whole, "tiny/results.json"), join(kept, "tiny/results.json"));
  const { steps } = await run(kept, [plain, memory], { only: ["memory"] });
  assert.is(steps, 6, "those of one training");
  assert.equal(fs.readdirSync(join(kept, "models/math")).sort(), ["corpus.json", "memory", "tokenizer.json"]);
  const reported = JSON.parse(fs.readFileSync(join(kept, "tiny/results.json"), "utf8")).cells as CellResult[];
  assert.equal(reported, [resultIn(whole, "plain"), resultIn(kept, "memory")]);
  assert.is((await run(kept, [plain, memory])).steps, 0, "nor are they without --cells");
  const other = tinySettings({ budget: 400 });
  assert.is((await run(kept, [plain], { settings: other })).steps, 8, "those of another recipe are");
});

test("a report that was kept alone keeps its other corpora, and trains again what a new row begins with", async () => {
  const [whole, kept, other] = [newDirectory(), newDirectory(), join(newDirectory(), "code")];
  writeTinyCorpus(other, 2);
  await run(whole, [plain], { corpora: [at("math"), other] });
  fs.mkdirSync(join(kept, "tiny"), { recursive: true });
  fs.copyFileSync(join(whole, "tiny/results.json"), join(kept, "tiny/results.json"));
  const { steps } = await run(kept, [plain, layer], { only: ["layer"] });
  assert.is(steps, 6 + 3, "plain, whose model was not kept, and layer");
  const reported = JSON.parse(fs.readFileSync(join(kept, "tiny/results.json"), "utf8")).cells as CellResult[];
  assert.equal(
    reported.map(({ corpus, cell }) => `${corpus}/${cell}`),
    ["math/plain", "math/layer", "code/plain"],
  );
});

test("a cell without a training is measured again if its source was trained with another budget", async () => {
  const [short, long] = [newDirectory(), newDirectory()];
  await run(short, [memory, untrained]);
  fs.mkdirSync(join(long, "tiny"), { recursive: true });
  fs.copyFileSync(join(short, "tiny/results.json"), join(long, "tiny/results.json"));
  await run(long, [memory, untrained], { settings: tinySettings({ budget: 600 }) });
  const perplexityIn = (out: string) => resultIn(out, "untrained").evaluation.results[0].perplexity;
  assert.is.not(perplexityIn(long), perplexityIn(short));
  assert.is((await run(short, [memory, untrained])).steps, 0);
});

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

test("cells finished before a configuration key existed are not computed again", async () => {
  const out = newDirectory();
  await run(out, [plain]);
  for (const path of [join(out, "tiny/math/plain.json"), join(out, "models/math/plain/trained.json")]) {
    const { recipe, ...rest } = JSON.parse(fs.readFileSync(path, "utf8"));
    const { smear_keys, ...config } = recipe.config;
    assert.is(smear_keys, "none");
    fs.writeFileSync(path, JSON.stringify({ ...rest, recipe: { ...recipe, config } }));
  }
  const known = resultIn(out, "plain");
  assert.is((await run(out, [plain])).steps, 0);
  assert.equal(resultIn(out, "plain"), known, "not measured again");
  fs.rmSync(join(out, "tiny/math/plain.json"));
  assert.is((await run(out, [plain])).steps, 0, "not trained again");
});

test("an interrupted run continues to bit-identical numbers", async () => {
  const [whole, parts] = [newDirectory(), newDirectory()];
  await run(whole, [memory, layer].map(withoutSource));
  for (let runs = 0; runs < 9; runs++) {
    const abort = new AbortController();
    let steps = 0;
    const onStep = () => {
      if (++steps === 2) abort.abort();
    };
    const { done } = await run(parts, [memory, layer].map(withoutSource), { signal: abort.signal, onStep });
    if (done) break;
    assert.ok(runs < 8, "it ends");
  }
  for (const name of ["memory", "layer"]) {
    assert.equal(resultIn(parts, name).evaluation, resultIn(whole, name).evaluation);
    assert.equal(resultIn(parts, name).course, resultIn(whole, name).course);
    assert.is(resultIn(parts, name).trainingTokens, resultIn(whole, name).trainingTokens);
  }
});

test("a measurement that asks ends when the run does, and is made when the run goes on, without another training", async () => {
  const out = newDirectory();
  const abort = new AbortController();
  let measured = 0;
  const measure: Cell["measure"] = async ({ signal }) => {
    abort.abort();
    await goOn(signal);
    return { numbers: { measured: ++measured } };
  };
  assert.not.ok((await run(out, [{ ...plain, measure }], { signal: abort.signal })).done);
  assert.is(measured, 0);
  const again = await run(out, [{ ...plain, measure }]);
  assert.equal([again.done, again.steps, measured], [true, 0, 1]);
  assert.equal(resultIn(out, "plain").measurements?.numbers, { measured: 1 });
});

function withoutSource(cell: Cell): Cell {
  return { ...cell, from: undefined, onlyLayer: undefined };
}

test("experiments share models, and measure them again if they evaluate differently", async () => {
  const out = newDirectory();
  await run(out, [memory]);
  const { steps } = await run(out, [{ ...memory, memorySizes: [0, 17, 33] }]);
  assert.is(steps, 0);
  assert.is(resultIn(out, "memory").evaluation.results.length, 3);
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

test("an interrupted evaluation during training is made up for, even the last one", async () => {
  const [whole, parts] = [newDirectory(), newDirectory()];
  const course = { ...plain, courseEvaluations: 2 };
  await run(whole, [course]);
  for (const step of [3, 6]) {
    assert.not.ok((await run(parts, [course], signalForEvaluationAfter(step))).done);
    assert.is(newestCheckpoint(join(parts, "models/math/plain")).record.step, step);
  }
  assert.ok((await run(parts, [course])).done);
  assert.equal(resultIn(parts, "plain").course, resultIn(whole, "plain").course);
});

test("known results of a later corpus are reported while an earlier one is computed", async () => {
  const [out, other] = [newDirectory(), join(newDirectory(), "code")];
  writeTinyCorpus(other, 2);
  await run(out, [plain], { corpora: [other] });
  const abort = new AbortController();
  const onStep = () => (fs.existsSync(join(out, "tiny/math/plain.json")) ? abort.abort() : undefined);
  await run(out, [plain, memory], { corpora: [at("math"), other], signal: abort.signal, onStep });
  const reported = JSON.parse(fs.readFileSync(join(out, "tiny/results.json"), "utf8")).cells as CellResult[];
  assert.equal(
    reported.map(({ corpus, cell }) => [corpus, cell]),
    [
      ["math", "plain"],
      ["code", "plain"],
    ],
  );
});

test("a corpus without one of its splits is refused before any work", async () => {
  fs.mkdirSync(at("half/train"), { recursive: true });
  const out = newDirectory();
  const refused = await run(out, [plain], { corpora: [at("half")] }).catch((error: Error) => error.message);
  assert.match(String(refused), `the corpus ${at("half")} has no directory valid`);
  assert.not.ok(fs.existsSync(out));
});
