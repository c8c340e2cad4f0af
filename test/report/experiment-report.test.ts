import * as assert from "uvu/assert";
import { type ExperimentReport, markdownReport } from "../../src/report/experiment-report.ts";
import { chartFiles, experimentPage } from "../../src/report/html/experiment-page.ts";
import { suite } from "../harness.ts";

const test = suite("experiment report");

const report: ExperimentReport = {
  title: "Fish & <chips>",
  question: "Which fish?",
  paper: "Table 0.",
  facts: [["command", 'fish --set "a=<b>"']],
  findings: [
    { claim: "red is fast", found: "3 m/s", holds: true },
    { claim: "blue is faster", found: "2 m/s", holds: false },
    { claim: "old is slow", found: "–", holds: undefined },
  ],
  parts: [
    { kind: "table", title: "Speeds", header: ["fish", "m/s"], rows: [["a|b", "3"]], note: "Of <two> fish." },
    {
      kind: "lines",
      octaves: true,
      labels: { title: "Growth", x: "size", y: "speed" },
      lines: [
        {
          name: "red",
          points: [
            [512, 3],
            [2048, 2],
          ],
        },
      ],
    },
    { kind: "bars", labels: { title: "All", x: "fish", y: "speed" }, bars: [{ label: "red", value: 3, detail: "3" }] },
    { kind: "points", labels: { title: "Worth", x: "price", y: "speed" }, points: [{ label: "red", x: 2, y: 3 }] },
    { kind: "points", labels: { title: "Empty", x: "price", y: "speed" }, points: [] },
    { kind: "text", title: "Printed", text: "one\n  two <three>" },
  ],
};

test("as Markdown it has findings, tables and listings", () => {
  const expected = `# Fish & <chips>

Which fish?

Table 0.

- command: fish --set "a=<b>"

- holds: red is fast (3 m/s)
- missed: blue is faster (2 m/s)
- not measured yet: old is slow (–)

## Speeds

| fish | m/s |
|---|---:|
| a\\|b | 3 |

Of <two> fish.

![Growth](charts/growth.svg)

![All](charts/all.svg)

![Worth](charts/worth.svg)

## Printed

    one
      two <three>
`;
  assert.is(markdownReport(report), expected);
});

test("every chart with data has a picture file, and a chart without data has none", () => {
  const pictures = chartFiles(report);
  assert.equal([...pictures.keys()], ["charts/growth.svg", "charts/all.svg", "charts/worth.svg"]);
  assert.match(pictures.get("charts/growth.svg") ?? "", "<title>red: 2,048, 2.000</title>");
  const unknown = { ...report.parts[1], lines: [] } as ExperimentReport["parts"][number];
  const empty = { ...report, parts: [unknown] };
  assert.is(chartFiles(empty).size, 0);
  assert.not.match(markdownReport(empty), /!\[/);
});

test("the page has everything, escaped, and draws doublings equally wide", () => {
  const page = experimentPage(report);
  assert.match(page, "<title>Fish &amp; &lt;chips&gt;</title>");
  assert.match(page, '<span class="verdict missed">missed</span> blue is faster <small>2 m/s</small>');
  assert.match(page, '<td>a|b</td><td class="number">3</td>');
  assert.match(page, "Of &lt;two&gt; fish.");
  assert.match(page, "<pre>one\n  two &lt;three&gt;</pre>");
  assert.match(page, "<dd>fish --set &quot;a=&lt;b&gt;&quot;</dd>");
  assert.match(page, "<title>red: 2,048, 2.000</title>");
  const ticks = [...page.matchAll(/class="tick below" x="([\d.]+)" y="[\d.]+" text-anchor="\w+">([\d,]+)</g)];
  assert.equal(
    ticks.map(([, , label]) => label),
    ["512", "1,024", "2,048", "2", "3"],
  );
  assert.match(page, "<title>red: 2, 3.000</title>");
  const [first, last] = [...page.matchAll(/<circle class="dot line-0" cx="([\d.]+)"/g)].map(([, x]) => Number(x));
  assert.ok(Math.abs((first + last) / 2 - Number(ticks[1][1])) < 0.2, "1,024 is in the middle");
  assert.not.match(page, "<script");
});
