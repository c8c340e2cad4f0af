import * as assert from "uvu/assert";
import { cellRecipe } from "../../src/experiments/lab/cell-recipe.ts";
import { expectedHours } from "../../src/experiments/lab/cost.ts";
import type { Experiment } from "../../src/experiments/lab/experiment.ts";
import { BUDGET, VOCABULARY } from "../../src/experiments/lab/recipe.ts";
import { type CellResult, Results } from "../../src/experiments/lab/results.ts";
import { experiments } from "../../src/experiments/list.ts";
import { parseConfig } from "../../src/model/config.ts";
import { markdownReport } from "../../src/report/experiment-report.ts";
import { experimentPage } from "../../src/report/html/experiment-page.ts";
import { trainingBytes } from "../../src/train/bytes.ts";
import { suite } from "../harness.ts";

const test = suite("experiments");

const settings = { budget: BUDGET, seed: 0, evalTokens: 1000, overrides: [] };

test("there are nine experiments", () => {
  const names = experiments.map(({ name }) => name);
  const wanted = ["context", "growth", "scale", "retrofit", "ablations", "gates", "baselines", "mechanisms", "tokens"];
  assert.equal(names, wanted);
});

test("a cell begins with the weights of an earlier one, and cell names can be directory names", () => {
  for (const { name, cells } of experiments) {
    const known = new Set<string>();
    for (const cell of cells) {
      assert.match(cell.name, /^[a-z0-9-]+$/);
      assert.not.ok(known.has(cell.name), `${name} has ${cell.name} twice`);
      if (cell.from !== undefined) assert.ok(known.has(cell.from), `${cell.name} comes before ${cell.from}`);
      if (cell.share === 0) assert.ok(cell.from, `${cell.name} has no weights`);
      known.add(cell.name);
      assert.equal(
        [...cell.memorySizes].sort((a, b) => a - b),
        cell.memorySizes,
      );
    }
  }
});

test("cells of one name are the same model in every experiment", () => {
  const recipes = new Map<string, string>();
  for (const { cells } of experiments) {
    for (const cell of cells) {
      const recipe = JSON.stringify(cellRecipe(cell, settings, VOCABULARY));
      assert.is(recipes.get(cell.name) ?? recipe, recipe, cell.name);
      recipes.set(cell.name, recipe);
    }
  }
});

test("all models of the context experiment begin from nothing and learn from the same number of tokens", () => {
  for (const cell of experiments[0].cells) {
    const { config, options } = cellRecipe(cell, settings, VOCABULARY);
    assert.is(cell.from, undefined);
    assert.is(options.steps, 1465, cell.name);
    assert.is(options.batchSize * config.segment_length, 1024, cell.name);
    assert.is(config.hidden_size, 128);
  }
});

test("a small budget has a short warm-up, a share of it fewer steps, and a share of 0 none", () => {
  const cell = { name: "a", label: "a", memorySizes: [0] };
  const steps = (share: number, budget: number) => {
    const { options } = cellRecipe({ ...cell, share }, { ...settings, budget }, VOCABULARY);
    return [options.steps, options.warmupSteps];
  };
  assert.equal(steps(1, 1024 * 31), [31, 4]);
  assert.equal(steps(0.5, 1024 * 31), [16, 2]);
  assert.equal(steps(1, 1024 * 5000), [5000, 100]);
  assert.equal(steps(0.001, 1024), [1, 1]);
  assert.equal(steps(0, 1024 * 31), [0, 0]);
});

test("a cell's own keys win over the keys that a run replaces", () => {
  const cell = { name: "a", label: "a", memorySizes: [0], config: { memory_topk: 7 } };
  const overrides = ["memory_topk=5", "hidden_size=24"];
  const { config } = cellRecipe(cell, { ...settings, overrides }, VOCABULARY);
  assert.equal([config.memory_topk, config.hidden_size], [7, 24]);
});

test("expected hours grow with the budget and with the memory", () => {
  const [context] = experiments;
  const hours = expectedHours(context, settings);
  assert.ok(hours > 0.5 && hours < 10, `${hours}`);
  assert.ok(expectedHours(context, { ...settings, budget: 2 * BUDGET }) > 1.8 * hours);
  const last = (size: number) => context.cells.filter(({ name }) => name === `copying-gate-${size}`);
  assert.ok(
    expectedHours({ ...context, cells: last(32768) }, settings) >
      expectedHours({ ...context, cells: last(2048) }, settings),
  );
});

/** Results for all cells, each better than the one before. */
function results(experiment: Experiment): CellResult[] {
  return experiment.cells.map(({ name, memorySizes }, i) => ({
    cell: name,
    corpus: "math",
    recipe: { config: parseConfig({}, "config") },
    parameters: 1000 * (i + 1),
    steps: 100,
    trainingTokens: 1e6,
    trainingSeconds: 60,
    measuringSeconds: 1,
    evaluation: {
      tokens: 1e4,
      bytes: 3e4,
      results: memorySizes.map((memory, j) => {
        const perplexity = 9 - 0.1 * i - 0.01 * j;
        return { memory, perplexity, bits_per_byte: 1, nats: 2e4, recall: [{ layer: 2, queries: 10, recall: 0.95 }] };
      }),
    },
    course: [5, 10, 20].map((step) => ({ step, perplexity: 9 - 0.2 * step })),
    measurements: {
      numbers: { changed: 0, compared: 512, "cache.perplexity": 8.9, "knn.perplexity": 8.95, "cache.lambda": 0.1 },
      groups: { frequency: [{ name: "rare", tokens: 9, nats: 1, natsWithout: 2 }] },
      texts: { "a <title>": "a | text" },
    },
  }));
}

for (const experiment of experiments) {
  test(`the report of ${experiment.name} reads well with all results, with one, and with none`, () => {
    for (const known of [results(experiment), results(experiment).slice(0, 1), []]) {
      const body = experiment.report(new Results(["math", "books"], BUDGET, known));
      const report = { title: experiment.title, paper: experiment.paper, facts: [], ...body };
      for (const text of [markdownReport(report), experimentPage(report)]) {
        assert.not.match(text, /NaN|undefined|Infinity|\[object/);
      }
      const missing = body.findings.filter(({ claim, holds }) => claim.startsWith("books") && holds !== undefined);
      assert.equal(missing, [], "nothing is claimed without a measurement");
    }
  });
}

test("the context report says which claims hold and which do not", () => {
  const [context] = experiments;
  const told = (known: readonly CellResult[]) => {
    const { findings } = context.report(new Results(["math"], BUDGET, known));
    return findings.map(({ claim, found, holds }) => [claim, found, holds]);
  };
  const known = results(context);
  const both = "copying-gate-2048-xl";
  const seeds = `math: three seeds of induction-xl and of ${both} differ by less than their means do`;
  assert.equal(told(known), [
    ["math: induction-xl is below plain", "−2.2 %", true],
    ["math: copying-gate-2048 is below plain", "−3.4 %", true],
    [`math: ${both} is below plain by at least 20 %`, "−6.8 %", false],
    [`math: ${both} is below induction-xl by at least 7 %`, "−4.7 %", false],
    ["math: of all, one with memory and XL cache is the best", "copying-gate-32768-xl, 8.190", true],
    [seeds, "seeds by 1.000 at most, means by 0.277", false],
  ]);
  const closer = known.map((cell) => ({ ...cell, evaluation: evaluationAt(cell, cell.cell.startsWith(both) ? 5 : 9) }));
  assert.equal(told(closer).at(-1), [seeds, "seeds by 0.000 at most, means by 4.000", true]);
  const withoutOne = known.filter(({ cell }) => cell !== "induction-xl-seed-2");
  assert.equal(told(withoutOne).at(-1), [seeds, "–", undefined]);
});

/** Evaluation of a cell with another perplexity at every size. */
function evaluationAt({ evaluation }: CellResult, perplexity: number): CellResult["evaluation"] {
  return { ...evaluation, results: evaluation.results.map((result) => ({ ...result, perplexity })) };
}

test("the ablations report compares seeds with the gain of the worst, and judges searches that find nine in ten", () => {
  const ablations = experiments[4];
  const perplexities = new Map([
    ["induction-xl", 10],
    ["copying-gate-2048-xl", 9.4],
    ["copying-gate-2048-xl-seed-1", 9],
    ["copying-gate-2048-xl-seed-2", 9.2],
    ["copying-gate-2048-xl-search-exact", 9],
    ["copying-gate-2048-xl-search-bucketed-4", 9.09],
    ["copying-gate-2048-xl-search-bucketed-8", 9.036],
  ]);
  const told = (found: (name: string) => number, count = Number.POSITIVE_INFINITY) => {
    const cells = results(ablations).slice(0, count);
    const measured = cells.map((cell) => {
      const [result] = cell.evaluation.results.slice(-1);
      const recall = [{ layer: 2, queries: 10, recall: found(cell.cell) }];
      const perplexity = perplexities.get(cell.cell) ?? 9;
      return { ...cell, evaluation: { ...cell.evaluation, results: [{ ...result, perplexity, recall }] } };
    });
    const { findings } = ablations.report(new Results(["math"], BUDGET, measured));
    return findings.map(({ found, holds }) => [found, holds]);
  };
  const seeds = ["they differ by 0.400, the gain is at least 0.600", true];
  const all = told((name) => (name === "copying-gate-2048-xl-search-bucketed-4" ? 0.89 : 0.9));
  assert.equal(all, [["10 such searches, at worst +0.4 %", true], seeds]);
  const bad = told(() => 0.9);
  assert.equal(bad, [["11 such searches, at worst +1.0 %", false], seeds]);
  perplexities.set("induction-xl", 9.7);
  assert.equal(told(() => 0.5)[1], ["they differ by 0.400, the gain is at least 0.300", false]);
  assert.equal(
    told(() => 0.5, 1),
    [
      ["0 such searches, at worst –", undefined],
      ["–", undefined],
    ],
  );
});

test("models of the scale experiment have at least two heads, which fill their width", () => {
  const sizes = experiments[2].cells.map((cell) => {
    const { hidden_size, num_attention_heads, head_dim } = cellRecipe(cell, settings, VOCABULARY).config;
    assert.is(num_attention_heads * head_dim, hidden_size, cell.name);
    return [hidden_size, num_attention_heads].join();
  });
  assert.equal([...new Set(sizes)].sort(), ["128,2", "256,4", "64,2"]);
});

test("the scale report compares models of one size, and says where all plain ones are too small", () => {
  const scale = experiments[2];
  const known = results(scale).filter(({ cell }) => ["plain-c64", "plain", "copying-gate-2048"].includes(cell));
  const { findings, parts } = scale.report(new Results(["math"], BUDGET, known));
  const [plain64, plain128, memory128] = known.map(({ evaluation }) => evaluation.results.at(-1)?.perplexity ?? 0);
  assert.is(
    findings[0].found,
    `– for ${plain64.toPrecision(4)}, ${memory128.toPrecision(4)} for ${plain128.toPrecision(4)}, – for –`,
  );
  assert.is(findings[0].holds, undefined);
  const table = parts.find((part) => part.kind === "table" && part.title === "Equally good on math");
  assert.ok(table?.kind === "table");
  const bound = ["more than 5,000", "more than 0.7 times"];
  assert.equal(table.rows[0].slice(3), bound, "it is better than the largest plain model");
});

test("the scale report says that memory helps only if it does at every size", () => {
  const scale = experiments[2];
  const held = (worse?: string) => {
    const known = results(scale).map((result) => {
      const { evaluation } = result;
      const last = evaluation.results.map((each) => ({ ...each, perplexity: 99 }));
      return result.cell === worse ? { ...result, evaluation: { ...evaluation, results: last } } : result;
    });
    return scale.report(new Results(["math"], BUDGET, known)).findings.map(({ holds }) => holds);
  };
  assert.equal(held(), [true, true]);
  assert.equal(held("copying-gate-2048-c64"), [false, true]);
  assert.equal(held("copying-gate-2048-xl"), [true, false]);
});

test("the table of baselines has a memory's perplexity at the size it was trained with, and the state of one row", () => {
  const baselines = experiments.find(({ name }) => name === "baselines")!;
  const all = results(baselines);
  const { parts } = baselines.report(new Results(["math"], BUDGET, all));
  const [table] = parts.flatMap((part) => (part.kind === "table" ? [part] : []));
  const cell = all.find((result) => result.cell === "smeared-gate-2048")!;
  const row = table.rows.find(([label]) => label === "memory 2,048, gate")!;
  assert.is(row[1], cell.evaluation.results.find(({ memory }) => memory === 2048)!.perplexity.toPrecision(4));
  const { memories } = trainingBytes(parseConfig({}, "config"), { batchSize: 1 });
  assert.is(row.at(-1)?.replaceAll(",", ""), `${Math.round(memories / 1000)}`);
});
