/** The experiment on mechanisms: its finished results stay finished, its rows can grow with a document, and its report reads right. */
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { type CellRecipe, cellRecipe, sameRecipe } from "../../../src/experiments/lab/cell-recipe.ts";
import { BUDGET } from "../../../src/experiments/lab/recipe.ts";
import { type CellResult, Results } from "../../../src/experiments/lab/results.ts";
import { costCell, costParts } from "../../../src/experiments/mechanisms/length-cost.ts";
import { rows } from "../../../src/experiments/mechanisms/rows.ts";
import { bestSeeds, seedCells } from "../../../src/experiments/mechanisms/seeds.ts";
import { worthCharts, worthTable } from "../../../src/experiments/mechanisms/worth.ts";
import { mechanisms } from "../../../src/experiments/mechanisms.ts";
import { MECHANISM_NAMES } from "../../../src/mechanisms/list.ts";
import { parseConfig } from "../../../src/model/config.ts";
import { root } from "../../documents.ts";
import { suite } from "../../harness.ts";

const test = suite("mechanisms, the experiment");

const LENGTHS = [512, 1024, 2048, 4096, 8192];

/** A result with these measurements. */
function resultOf(cell: string, perplexity: number, numbers: Record<string, number> = {}, corpus = "math"): CellResult {
  return {
    cell,
    corpus,
    recipe: { config: parseConfig({}, "config") },
    parameters: 1000,
    steps: 100,
    trainingTokens: 10_000,
    trainingSeconds: 5,
    measuringSeconds: 1,
    evaluation: {
      tokens: 1e4,
      bytes: 3e4,
      results: [{ memory: 0, perplexity, bits_per_byte: 1.5, nats: 2e4 }],
    },
    course: [],
    measurements: { numbers: ofKind(numbers, false), seconds: ofKind(numbers, true) },
  };
}

/** Those that are times, or the others. */
function ofKind(numbers: Record<string, number>, times: boolean): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).filter(([key]) => /\.(training|generating)$/.test(key) === times));
}

/** Costs of all rows: `grows` as n does, the others do not. */
function costs(grows: string): Record<string, number> {
  return Object.fromEntries(
    rows.flatMap(({ cell: { name } }) => [
      [`${name}.full.training`, 1e-3],
      [`${name}.full.generating`, 2e-3],
      [`${name}.full.bytes`, 1e6],
      ...LENGTHS.flatMap((n) => {
        const factor = name === grows ? n / 512 : 1;
        return [
          [`${name}.${n}.training`, 1e-3 * factor],
          [`${name}.${n}.generating`, 2e-3 * factor],
          [`${name}.${n}.bytes`, 1e6 * factor],
        ];
      }),
    ]),
  );
}

const reported = (cells: readonly CellResult[]) => new Results(["math"], BUDGET, cells);

test("every mechanism has a row", () => {
  const named = rows.map(({ cell }) => cell.config?.mechanism);
  assert.equal(
    MECHANISM_NAMES.filter((name) => !named.includes(name)),
    [],
  );
});

test("the finished results of the repository are those of today's cells, so that rows can be added to them", () => {
  const { cells, facts } = JSON.parse(readFileSync(new URL("experiments/mechanisms/results.json", root), "utf8"));
  assert.ok(cells.length >= 15);
  const [, budget] = /--budget (\d+)/.exec(facts.command) ?? [];
  const [, evalTokens] = /--eval-tokens (\d+)/.exec(facts.command) ?? [];
  const settings = { budget: Number(budget), evalTokens: Number(evalTokens), seed: Number(facts.seed), overrides: [] };
  for (const { cell: name, recipe } of cells as CellResult[]) {
    const cell = mechanisms.cells.find((known) => known.name === name);
    assert.ok(cell, name);
    const wanted = cellRecipe(cell, settings, (recipe as CellRecipe).config.vocab_size);
    const { memorySizes } = cell;
    assert.ok(
      sameRecipe(recipe as CellRecipe, { ...wanted, memorySizes, evalTokens: settings.evalTokens } as CellRecipe),
      name,
    );
  }
});

test("settings that see a whole document are settings of a model, at every length", () => {
  const { config: base } = cellRecipe(costCell, { budget: 1000, seed: 0, evalTokens: 100, overrides: [] }, 2048);
  for (const { cell, grown } of rows) {
    for (const n of LENGTHS) {
      const config = parseConfig({ ...base, ...cell.config, ...grown?.(n) }, cell.name);
      assert.is(config.segment_length, 128);
    }
  }
});

test("an example: the row that grows is not linear, and the others are", () => {
  const parts = costParts(reported([resultOf("cost", 900, costs("smeared-xl-512"))]));
  const [table, training, generating] = parts;
  assert.ok(table.kind === "table");
  assert.is(table.rows.length, rows.length);
  const xl = table.rows.find(([label]) => label === "XL cache 512");
  assert.equal(xl, [
    "XL cache 512",
    "1,000",
    "16,000",
    "1.00",
    "2,000",
    "32,000",
    "1.00",
    "1,000",
    "16,000",
    "1.00",
    "no",
  ]);
  assert.equal(table.rows[0].slice(1), [
    "1,000",
    "1,000",
    "0.00",
    "2,000",
    "2,000",
    "0.00",
    "1,000",
    "1,000",
    "0.00",
    "yes",
  ]);
  for (const chart of [training, generating]) {
    assert.ok(chart.kind === "bars");
    assert.is(chart.bars.length, rows.length);
    assert.ok(Math.abs((chart.bars.at(-1)?.value ?? 0) - 1) < 1e-9);
  }
});

test("costs of lengths that were not measured for all rows are left out, and one length alone has no growth", () => {
  const known = costs("smeared-xl-512");
  delete known["smeared-lstm.8192.training"];
  const [table] = costParts(reported([resultOf("cost", 900, known)]));
  assert.ok(table.kind === "table");
  assert.equal(table.header.slice(1, 4), ["training, µs at 512", "at 4,096", "a"]);
  const short = Object.fromEntries(Object.entries(known).filter(([key]) => /full|\.512\./.test(key)));
  assert.equal(costParts(reported([resultOf("cost", 900, short)])), []);
});

test("the table has generation speed from the costs, and the perplexity of documents given whole in brackets and without a rank", () => {
  const results = reported([
    resultOf("smeared-readtwice", 20, { "again.perplexity": 9.5, "reach.128": 0.25 }),
    resultOf("smeared-lstm", 30),
    resultOf("cost", 900, costs("")),
  ]);
  const { header, rows: shown, note } = worthTable(results, "math");
  assert.equal(header.slice(4, 7), ["training", "generating", "state, kB"]);
  assert.equal(shown[0].slice(0, 6), ["ReadTwice", "20.00", "1.500", "1,000", "2,000", "500"]);
  assert.is(shown[0][7], "25 %");
  assert.equal(shown[1].slice(0, 3), ["… given whole", "(9.500)", ""]);
  assert.is(shown[2][0], "LSTM");
  assert.is(shown.length, 3, "the cell of costs has no row");
  assert.ok(new Set(shown.map(({ length }) => length)).size === 1);
  assert.match(note ?? "", /not a prediction/);
  assert.not.match(worthTable(reported([resultOf("smeared-lstm", 30)]), "math").note ?? "", /not a prediction/);
});

test("charts have a point for each row with a result, and none against a time that was not measured", () => {
  const results = reported([resultOf("smeared-lstm", 30), resultOf("smeared-performer", 40)]);
  const points = worthCharts(results, "math").map((part) => (part.kind === "points" ? part.points : []));
  assert.equal(
    points.map(({ length }) => length),
    [2, 2, 0],
  );
  assert.equal(points[1], [
    { label: "Performer", x: 500, y: 40 },
    { label: "LSTM", x: 500, y: 30 },
  ]);
});

test("four rows have two more seeds each, which the table compares by their means", () => {
  assert.is(seedCells.length, 8);
  for (const cell of seedCells) assert.ok(mechanisms.cells.includes(cell), cell.name);
  const results = [
    resultOf("smeared-gate-2048-xl", 15),
    resultOf("smeared-gate-2048-xl-seed-1", 14),
    resultOf("smeared-gate-2048-xl-seed-2", 16.5),
    resultOf("induction-gate-2048-xl", 12),
  ];
  assert.is(bestSeeds(reported(results.slice(-1)), "math"), undefined, "one seed says nothing");
  assert.equal(bestSeeds(reported(results), "math")?.rows, [
    ["memory + XL, induction heads", "12.00", "–", "–", "12.00", "–"],
    ["memory + XL", "15.00", "14.00", "16.50", "15.17", "2.500"],
  ]);
});
