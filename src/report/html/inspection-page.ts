/**
 * The report of an inspection as one HTML file: the text coloured by the memory's gain for each token, a panel with the
 * retrieved pairs, and charts. The scripts of the page are in client/.
 */
import { perplexityOf } from "../../base/perplexity.ts";
import type { Inspection } from "../../inspect/inspect.ts";
import { gainOf, type InspectionSummary, type TokenGroup } from "../../inspect/inspection-summary.ts";
import { writeFileAtomic } from "../../platform/atomic-write.ts";
import type { Excerpt, InspectedText } from "../inspected-text.ts";
import { perplexityChange } from "../memory-table.ts";
import { wholeNumber } from "../progress.ts";
import { type Bar, barChart } from "./chart.ts";
import { figure } from "./chart-frame.ts";
import { bytesOf, DecodedReport } from "./client/decoded-report.ts";
import { Panel } from "./client/panel.ts";
import { placeOfLine } from "./client/place-of-line.ts";
import { levelOf } from "./client/shown-report.ts";
import { startReport } from "./client/start.ts";
import { partBounds, TextView } from "./client/text-view.ts";
import { TokenText } from "./client/token-text.ts";
import { escapeHtml } from "./escape.ts";
import { markedToken } from "./marked-token.ts";
import { htmlPage, jsonScript } from "./page.ts";
import { reportData } from "./report-data.ts";
import { styles } from "./styles.ts";

/** Script of the page: the source texts of functions that refer only to each other and the browser. */
const parts = [bytesOf, placeOfLine, levelOf, partBounds, TokenText, DecodedReport, TextView, Panel, startReport];
const script = `${parts.join("\n")}\nstartReport();`;

/** Number of bars along the document. */
const STRETCHES = 80;
const SURROUNDINGS = 28;

/** Writes the report of an inspection to `path`. `origin` says what made it: model, version, date. */
export function writeInspectionPage(
  path: string,
  inspection: Inspection,
  summary: InspectionSummary,
  text: InspectedText,
  origin = "",
): void {
  writeFileAtomic(path, inspectionPage(inspection, summary, text, origin));
}

export function inspectionPage(
  inspection: Inspection,
  summary: InspectionSummary,
  text: InspectedText,
  origin = "",
): string {
  const body = [
    header(inspection, summary.all, origin),
    "<main>",
    `<div class="charts">${charts(inspection, summary).join("\n")}</div>`,
    `<p class="note">Groups of less than a thousandth of the tokens are not drawn: their means are chance.</p>`,
    mostGained(inspection, summary, text),
    documents(summary),
    reading(summary),
    "</main>",
    jsonScript("report-data", reportData(inspection, text)),
  ];
  return htmlPage({ title: `What a memory does for ${inspection.name}`, styles, body: body.join("\n"), script });
}

const UNITS = `A nat is the unit of surprise: −ln of the probability that the model gave to what came. Perplexity is e to the mean
surprise, the number of equally likely tokens among which it still hesitates. Less is better.`;

/** The text and the panel, which shows the token that gained most until another one is chosen. */
const reading = ({ mostGained: [first] }: InspectionSummary) => `<h2 id="reading">The text</h2>
<p class="legend">Each token is coloured by the nats that the memory saves in its prediction:
${["−4", "−2", "−1", "−0.3", "−0.1"].map((nats, i) => `<span class="swatch harm-${5 - i}">${nats}</span>`).join("")}<span
class="swatch">0</span>${["0.1", "0.3", "1", "2", "4"].map((nats, i) => `<span class="swatch gain-${i + 1}">${nats}</span>`).join("")}.
Point at a token, or go there with Tab and the arrow keys, to see what was retrieved for it. A click or Enter pins it,
Escape unpins it. ${markedToken}</p>
<noscript><p>The text and what was retrieved for it are shown by a script, which this browser does not run.</p></noscript>
<div class="reading">
<div id="text" class="text" role="group" aria-label="The document, token by token"></div>
<aside id="panel" aria-live="polite" aria-label="What was retrieved for the token"${first === undefined ? "" : ` data-first="${first}"`}><p class="note">Point at a token to
see what was retrieved for it.</p></aside>
</div>`;

function header({ name, memorySize }: Inspection, { tokens, nats, natsWithout }: TokenGroup, origin: string): string {
  const [without, withMemory] = [natsWithout, nats].map(perplexityOf);
  const figures = [
    ["tokens predicted", wholeNumber(tokens)],
    ["pairs of memory", wholeNumber(memorySize)],
    ["perplexity without memory", without.toPrecision(4)],
    ["with memory", withMemory.toPrecision(4)],
    ["change", perplexityChange(nats - natsWithout)],
  ];
  const list = figures.map(([term, value]) => `<div><dt>${term}</dt><dd>${value}</dd></div>`).join("");
  return `<header>
<h1>What a memory does for ${escapeHtml(name)}</h1>
${origin === "" ? "" : `<p class="note">${escapeHtml(origin)}</p>\n`}<dl class="figures">${list}</dl>
<p class="note">${UNITS}</p>
<p><a href="#reading">To the text</a></p>
</header>`;
}

function charts(inspection: Inspection, { all, distances, occurrences, kinds }: InspectionSummary): string[] {
  const y = "mean gain, nats a token";
  const bars = (groups: readonly TokenGroup[]) =>
    groups.filter(({ tokens }) => tokens >= all.tokens / 1000).map(groupBar);
  return [
    barChart({ title: "Gain along the document", x: "first token of a stretch", y }, stretches(inspection), 10),
    barChart({ title: "Gain by distance", x: "tokens back to the pair with the largest share", y }, bars(distances)),
    barChart(
      { title: "Gain by occurrence in the document", x: "occurrences of the token's word so far", y },
      bars(occurrences),
    ),
    barChart({ title: "Gain by kind of word", x: "kind of the token's word", y }, bars(kinds)),
  ].map(figure);
}

function groupBar({ name, tokens, nats, natsWithout }: TokenGroup): Bar {
  const value = natsWithout - nats;
  return { label: name, value, detail: `${name}: ${value.toFixed(3)} nats, ${wholeNumber(tokens)} tokens` };
}

/** Returns mean gains of equal stretches of the document. */
function stretches(inspection: Inspection): Bar[] {
  const predictions = inspection.ids.length - 1;
  const length = Math.ceil(predictions / STRETCHES);
  return Array.from({ length: Math.ceil(predictions / length) }, (_, i) => {
    const first = 1 + i * length;
    const tokens = Array.from({ length: Math.min(length, predictions + 1 - first) }, (_, j) => first + j);
    const value = tokens.reduce((sum, token) => sum + gainOf(inspection, token), 0) / tokens.length;
    const label = wholeNumber(first);
    return {
      label,
      value,
      detail: `tokens ${label} to ${wholeNumber(first + tokens.length - 1)}: ${value.toFixed(3)} nats`,
    };
  });
}

function mostGained(inspection: Inspection, { mostGained }: InspectionSummary, text: InspectedText): string {
  const { nats, natsWithout, retrieved } = inspection;
  const probability = (loss: number) => `${(100 * Math.exp(-loss)).toFixed(1)} %`;
  const rows = mostGained.map((token) => {
    const best = retrieved.best(token);
    const cells = [
      cell(placeLink(text, token), "place"),
      cell(excerptHtml(text.excerpt(token, SURROUNDINGS)), "excerpt"),
      cell(`${probability(natsWithout[token])} → ${probability(nats[token])}`, "number"),
      cell(best === undefined ? "" : placeLink(text, best.token), "place"),
      cell(best === undefined ? "" : excerptHtml(text.excerpt(best.token, SURROUNDINGS)), "excerpt"),
    ];
    return `<tr>${cells.join("")}</tr>`;
  });
  const titles = ["token", "in context", "probability", "retrieved", "in context"].map((title) => `<th>${title}</th>`);
  return `<h2>The tokens that gained most</h2>
<div class="scroll" tabindex="0" role="region" aria-label="The tokens that gained most"><table class="gained">
<thead><tr>${titles.join("")}</tr></thead>
<tbody>${rows.join("\n")}</tbody>
</table></div>`;
}

function documents({ documents }: InspectionSummary): string {
  const rows = documents.map(({ document, share }) => {
    return `<tr>${cell(escapeHtml(document), "name")}${cell(`${(100 * share).toFixed(1)} %`, "number")}</tr>`;
  });
  return `<h2>Retrieved from</h2>
<table><thead><tr><th>document</th><th class="number">share of the weight</th></tr></thead>
<tbody>${rows.join("\n")}</tbody></table>`;
}

function cell(html: string, className?: string): string {
  return className === undefined ? `<td>${html}</td>` : `<td class="${className}">${html}</td>`;
}

function placeLink(text: InspectedText, token: number): string {
  const place = escapeHtml(text.place(token));
  return token < 0 ? place : `<a href="#t${token}">${place}</a>`;
}

function excerptHtml({ before, token, after }: Excerpt): string {
  const inLine = (part: string) => escapeHtml(part.replaceAll("\n", "⏎").replaceAll("\t", " "));
  return `${inLine(before)}<mark>${inLine(token)}</mark>${inLine(after)}`;
}
