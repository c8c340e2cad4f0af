import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Cell } from "../../../src/experiments/lab/experiment.ts";
import { goOn } from "../../../src/experiments/lab/go-on.ts";
import { loadModel } from "../../../src/train/checkpoint.ts";
import { newestCheckpoint } from "../../../src/train/run-directory.ts";
import { suite } from "../../harness.ts";
import { signalForEvaluationAfter } from "../tiny.ts";
import { layer, memory, plain, reportedIn, resultIn, tinyRuns, untrained } from "./tiny-runs.ts";

const test = suite("experiment run");

const { newDirectory, run } = tinyRuns(test);

test("with --cells the report has all known results, and nothing else is computed", async () => {
  const out = newDirectory();
  assert.is((await run(out, [plain, memory, layer], { only: ["plain"] })).steps, 6);
  assert.not.ok(fs.existsSync(join(out, "tiny/math/memory.json")));
  await run(out, [plain, memory, layer], { only: ["memory"] });
  const reported = reportedIn(out);
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
