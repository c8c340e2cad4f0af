/** The report of a calibration: the map of heads, the table of sets. */
import * as assert from "uvu/assert";
import type { CalibrationResult } from "../../../src/calibrate/result.ts";
import { calibrationTable } from "../../../src/report/calibration-table.ts";
import { calibrationPage } from "../../../src/report/html/calibration-page.ts";
import { headMap } from "../../../src/report/html/head-map.ts";
import { suite } from "../../harness.ts";

const test = suite("report of a calibration");

const pairs = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;

function resultOf(losses: readonly [without: number, one: number, all: number], name = "a <model>"): CalibrationResult {
  const set = (heads: readonly (readonly [number, number])[], loss: number) => ({
    heads,
    loss,
    bytesPerToken: heads.length * 512,
    msPerToken: 4 + heads.length,
  });
  const sets = [set([], losses[0]), set([pairs[2]], losses[1]), set(pairs, losses[2])];
  const heads = pairs.map(([layer, head], i) => ({ layer, head, gain: [0.002, -0.001, 0.08, 0.019][i] }));
  const choice = { chosen: sets[1], neighbours: 8, reach: undefined, sets };
  return {
    name,
    model: "m",
    layers: 2,
    keyHeads: 2,
    documents: ["b & c"],
    read: {},
    tokens: 4000,
    ranking: { heads },
    choice,
  };
}

test("a small example, written out: what one head of four keeps of the gain", () => {
  assert.is(
    calibrationTable(resultOf([2.5, 2.42, 2.4])),
    `  heads        loss  of the gain  bytes a token  ms a token
  0          2.5000          0 %              0        4.00
  1          2.4200         80 %            512        5.00
  all 4      2.4000        100 %          2,048        8.00
  chosen: 1  2.4200         80 %            512        5.00
over the same 4,000 tokens of one document in every line
chosen: --memory-layers 1:0, --neighbours 8`,
  );
});

test("the map has a cell for each head: stronger for more, orange for harm, framed where chosen", () => {
  const { ranking, choice } = resultOf([2.5, 2.42, 2.4]);
  const labels = { title: "t", x: "layer", y: "kv head" };
  const { drawing } = headMap(labels, { layers: 2, keyHeads: 2, heads: ranking.heads, chosen: choice.chosen.heads });
  const cells = [
    ...drawing.matchAll(/<rect class="([^"]*)" x="([\d.]+)" y="(\d+)".*? fill-opacity="([\d.]+)"><title>([^<]*)/g),
  ];
  assert.equal(
    cells.map(([, kind]) => kind),
    ["cell", "cell harm-cell", "cell chosen", "cell"],
  );
  assert.equal(
    cells.map(([, , , , opacity]) => Number(opacity)),
    [0.158, 0.112, 1, 0.487],
  );
  assert.is(cells[2][5], "layer 1, kv head 0: 0.08000 nats a token, 80.0 % of the gain of all");
  assert.ok(Number(cells[2][2]) > Number(cells[0][2]) && Number(cells[1][3]) > Number(cells[0][3]));
});

test("the page escapes names, and has no number that is none, even where nothing is gained", () => {
  for (const losses of [
    [2.5, 2.42, 2.4],
    [2.5, 2.5, 2.5],
  ] as const) {
    const page = calibrationPage(resultOf(losses));
    assert.match(page, "<h1>Which heads of a &lt;model&gt; remember</h1>");
    assert.match(page, "<li>b &amp; c</li>");
    assert.not.match(page, /NaN|Infinity|undefined/);
  }
});
