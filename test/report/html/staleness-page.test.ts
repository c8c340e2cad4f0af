import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { writeStalenessPage } from "../../../src/report/html/staleness-page.ts";
import { readMetrics } from "../../../src/train/metrics.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";

const test = suite("staleness page");

const folder = folderFor(test, "staleness");

/** Returns the page of a run with these lines in metrics.jsonl; undefined if none was written. */
function pageOf(...lines: object[]): string | undefined {
  fs.rmSync(join(folder, "staleness.html"), { force: true });
  fs.writeFileSync(
    join(folder, "metrics.jsonl"),
    `${lines.map((line) => JSON.stringify(line)).join("\n")}\n{"step": 9`,
  );
  writeStalenessPage(join(folder, "staleness.html"), "run <1>", readMetrics(folder));
  return fs.existsSync(join(folder, "staleness.html"))
    ? fs.readFileSync(join(folder, "staleness.html"), "utf8")
    : undefined;
}

const lineNames = (page = "") => [...page.matchAll(/<span class="key">.*?<\/svg> ([^<]*)</g)].map(([, name]) => name);

test("the page shows the measurements by age, and over the steps", () => {
  const page = pageOf(
    { step: 1 },
    { step: 2, keyCosines: [0.9] },
    { step: 3, evaluation: {} },
    { step: 4, keyCosines: [0.95, 0.8] },
  );
  assert.match(page ?? "", "<h1>Staleness of the memories of run &lt;1&gt;</h1>");
  assert.equal(lineNames(page), ["step 2", "step 4", "newest keys", "oldest keys"]);
  assert.not.match(page ?? "", "NaN");
});

test("of many measurements only some are drawn, among them the first and the last", () => {
  const lines = Array.from({ length: 40 }, (_, i) => ({ step: 10 * i + 10, keyCosines: [0.9, 0.8, 0.7] }));
  assert.equal(lineNames(pageOf(...lines)).slice(0, 5), ["step 10", "step 110", "step 210", "step 300", "step 400"]);
});

test("without measurements no page is written", () => {
  assert.is(pageOf({ step: 1 }, { step: 2, keyCosines: [] }), undefined);
});
