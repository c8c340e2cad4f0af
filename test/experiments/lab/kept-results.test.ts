/** What an experiment makes of results that are there: its own, those of other experiments, and reports that were kept alone. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../../harness.ts";
import { tinySettings, writeTinyCorpus } from "../tiny.ts";
import { layer, memory, plain, reportedIn, resultIn, tinyRuns, untrained } from "./tiny-runs.ts";

const test = suite("kept results of experiments");

const { at, newDirectory, run } = tinyRuns(test);

test("a report that was kept alone gets more rows, and its own cells are not computed again", async () => {
  const [whole, kept] = [newDirectory(), newDirectory()];
  await run(whole, [plain]);
  fs.mkdirSync(join(kept, "tiny"), { recursive: true });
  fs.copyFileSync(join(whole, "tiny/results.json"), join(kept, "tiny/results.json"));
  const { steps } = await run(kept, [plain, memory], { only: ["memory"] });
  assert.is(steps, 6, "those of one training");
  assert.equal(fs.readdirSync(join(kept, "models/math")).sort(), ["corpus.json", "memory", "tokenizer.json"]);
  const reported = reportedIn(kept);
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
  const reported = reportedIn(kept);
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

test("experiments share models, and measure them again if they evaluate differently", async () => {
  const out = newDirectory();
  await run(out, [memory]);
  const { steps } = await run(out, [{ ...memory, memorySizes: [0, 17, 33] }]);
  assert.is(steps, 0);
  assert.is(resultIn(out, "memory").evaluation.results.length, 3);
});

test("known results of a later corpus are reported while an earlier one is computed", async () => {
  const [out, other] = [newDirectory(), join(newDirectory(), "code")];
  writeTinyCorpus(other, 2);
  await run(out, [plain], { corpora: [other] });
  const abort = new AbortController();
  const onStep = () => (fs.existsSync(join(out, "tiny/math/plain.json")) ? abort.abort() : undefined);
  await run(out, [plain, memory], { corpora: [at("math"), other], signal: abort.signal, onStep });
  const reported = reportedIn(out);
  assert.equal(
    reported.map(({ corpus, cell }) => [corpus, cell]),
    [
      ["math", "plain"],
      ["code", "plain"],
    ],
  );
});

test("a cell without measurements of its own may stand in the report of another experiment, where all else is the same", async () => {
  const [whole, out, third, fourth] = [1, 2, 3, 4].map(newDirectory);
  await run(whole, [plain, { ...memory, measure: async () => ({ numbers: { of: 1 } }) }]);
  const report = JSON.parse(fs.readFileSync(join(whole, "tiny/results.json"), "utf8"));
  const keepBeside = (out: string, value: unknown) => {
    fs.mkdirSync(join(out, "other"), { recursive: true });
    fs.writeFileSync(join(out, "other/results.json"), JSON.stringify(value));
  };
  keepBeside(out, { ...report, experiment: "other" });
  assert.is((await run(out, [plain, memory])).steps, 0);
  assert.equal(reportedIn(out), [resultIn(whole, "plain"), { ...resultIn(whole, "memory"), measurements: {} }]);
  const another = { ...plain, memorySizes: [0, 33], config: { memory_size: 33 } };
  assert.is((await run(out, [another])).steps, 6, "it is another model");
  keepBeside(third, { ...report, experiment: "other" });
  const measured = { ...memory, measure: async () => ({ numbers: { of: 2 } }) };
  assert.is((await run(third, [measured])).steps, 6, "it measures something of its own");
  keepBeside(fourth, { ...report, experiment: "other" });
  assert.is((await run(fourth, [{ ...memory, recall: true }])).steps, 6, "its recall is not known");
  keepBeside(third, { cells: "of another program" });
  assert.is((await run(third, [plain])).steps, 6, "not a report, so none of ours");
});
