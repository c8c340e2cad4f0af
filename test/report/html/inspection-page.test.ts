import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { inspect } from "../../../src/inspect/inspect.ts";
import { gainOf, summarize } from "../../../src/inspect/inspection-summary.ts";
import { Transformer } from "../../../src/model/transformer.ts";
import { Reader } from "../../../src/reader.ts";
import { DecodedReport } from "../../../src/report/html/client/decoded-report.ts";
import { levelOf } from "../../../src/report/html/client/shown-report.ts";
import { inspectionPage } from "../../../src/report/html/inspection-page.ts";
import { reportData } from "../../../src/report/html/report-data.ts";
import { InspectedText } from "../../../src/report/inspected-text.ts";
import { byteTokenizer } from "../../../src/text/tokenizer.ts";
import { wordsOfTokens } from "../../../src/text/words.ts";
import { suite } from "../../harness.ts";
import { tinyConfig } from "../../tiny.ts";

const test = suite("report page");

const bytes = byteTokenizer();
const model = new Transformer(tinyConfig({ memory_gate_init: 1 }), 1);
/** Text that would end a script, a comment, an attribute or an element, and characters that HTML has names for. */
const hostile = `</script><script>document.title="owned"</script><!--\n<img src=x onerror=alert(1)> "quoted" &amp; 'é'\n`;

async function inspected(document: string, name = "mine.md") {
  const reader = new Reader(model, bytes, { memorySize: 60 });
  await reader.read(hostile.slice(0, 30), { name: hostile });
  const inspection = await inspect(model, bytes, bytes.encode(document), { known: reader.snapshot(), name });
  reader.release();
  const text = new InspectedText(inspection, bytes, [{ name: hostile, firstLine: 2 }]);
  return { inspection, text, summary: summarize(inspection, wordsOfTokens(text.texts), 5) };
}

test("the page's script has every function and class that its modules export", async () => {
  const { inspection, summary, text } = await inspected("a\nb\n");
  const page = inspectionPage(inspection, summary, text);
  const folder = fileURLToPath(new URL("../../../src/report/html/client/", import.meta.url));
  const names = readdirSync(folder)
    .filter((file) => /(?<!\.d)\.[jt]s$/.test(file))
    .flatMap((file) => [...readFileSync(join(folder, file), "utf8").matchAll(/^export (?:function|class) (\w+)/gm)]);
  assert.ok(names.length > 7);
  for (const [, name] of names) assert.match(page, new RegExp(`\\b(function|class) ${name}\\b`));
});

test("a small example, written out: the page of two lines of a letter each", async () => {
  const { inspection, text } = await inspected("a\nb\n");
  const report = new DecodedReport(JSON.parse(JSON.stringify(reportData(inspection, text))));
  assert.equal([report.text, report.length], ["a\nb\n", 4]);
  assert.equal(
    [0, 1, 2, 3].map((token) => report.textOf(token)),
    ["a", "\n", "b", "\n"],
  );
});

test("scores of models whose keys have any length are shown as they are", async () => {
  const { inspection, text } = await inspected("a\nb\n");
  inspection.retrieved.add(3, { head: 0, token: 1, score: -57.75, weight: 0.5, share: 0.25 });
  const report = new DecodedReport(JSON.parse(JSON.stringify(reportData(inspection, text))));
  assert.ok(report.pairs(3).some(({ score }) => score === -57.75));
});

test("the browser's data has everything that the inspection found about each token", async () => {
  const { inspection, text } = await inspected(hostile);
  const report = new DecodedReport(JSON.parse(JSON.stringify(reportData(inspection, text))));
  assert.is(report.text, hostile);
  assert.is(report.length, inspection.ids.length);
  assert.equal(report.heads, ["layer 1 head 0", "layer 1 head 1"]);
  for (let token = 0; token < report.length; token++) {
    assert.is(report.textOf(token), text.text(token));
    assert.is(report.place(token), text.place(token));
    assert.is(report.gain(token), gainOf(inspection, token));
    const expected = inspection.retrieved.list(token);
    const pairs = report.pairs(token);
    assert.equal(
      pairs.map((pair) => pair.token),
      expected.map((pair) => pair.token),
    );
    for (const [i, { head, token: of, weight, score }] of pairs.entries()) {
      assert.is(head, `layer 1 head ${expected[i].head}`);
      assert.ok(Math.abs(weight - expected[i].weight) < 1e-5 && Math.abs(score - expected[i].score) < 1e-4);
      assert.equal([report.textOf(of), report.place(of)], [text.text(of), text.place(of)]);
    }
    for (const [head, gate] of report.gates(token).entries()) {
      assert.ok(Math.abs(gate - inspection.gates[token * 2 + head]) < 1 / 255);
    }
  }
});

test("earlier tokens come with their surroundings", async () => {
  const { inspection, text } = await inspected("abcdefgh");
  const report = new DecodedReport(reportData(inspection, text));
  const [pair] = report.pairs(1);
  assert.ok(pair.token < 0);
  const { before, token, after } = report.excerpt(pair.token, 0);
  assert.is(before + token + after, hostile.slice(0, 30));
  assert.equal(report.excerpt(3, 2), { before: "bc", token: "d", after: "ef" });
});

test("colours follow the gain, in both directions", () => {
  const gains = [0, 0.09, 0.1, 0.5, 1, 3, 9, -0.09, -0.1, -9];
  assert.equal(
    gains.map(levelOf),
    [0, 0, 1, 2, 3, 4, 5, 0, -1, -5].map((level) => level || 0),
  );
});

test("a page runs only its own script and loads nothing, whatever the documents hold", async () => {
  const { inspection, text, summary } = await inspected(hostile.repeat(3), hostile);
  const page = inspectionPage(inspection, summary, text);
  assert.is(page.match(/<script/g)?.length, 2, "the data and the script");
  assert.is(page.match(/<\/script/g)?.length, 2);
  assert.not.match(page, "<img");
  assert.not.match(page, /<!--/);
  const hash = "'sha256-[\\w+/=]{44}'";
  const policy = `default-src 'none'; style-src ${hash}; script-src ${hash}; base-uri 'none'; form-action 'none'`;
  assert.match(page, new RegExp(`<meta http-equiv="Content-Security-Policy" content="${policy}">`));
  assert.not.match(page.replace(/"report-data">.*/, ""), /\b(src|href)="(?!#)/, "no address except places in the page");
});

test("every chart names its axes", async () => {
  const { inspection, text, summary } = await inspected("one two three, one two three");
  const page = inspectionPage(inspection, summary, text);
  const charts = [...page.matchAll(/<figure[\s\S]*?<\/figure>/g)].map(([chart]) => chart);
  assert.is(charts.length, 4);
  for (const chart of charts) assert.is(chart.match(/class="axis-label"/g)?.length, 2);
});
