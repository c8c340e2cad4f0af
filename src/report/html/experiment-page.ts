/** The report of an experiment as a page: findings, tables, and charts for light and dark, without a script. */
import {
  chartPath,
  type ExperimentReport,
  type Finding,
  type ReportChart,
  type ReportTable,
  shownCharts,
  verdict,
} from "../experiment-report.ts";
import { barChart, type Chart, lineChart } from "./chart.ts";
import { figure, svgFile } from "./chart-frame.ts";
import { escapeHtml } from "./escape.ts";
import { htmlPage } from "./page.ts";
import { scatterChart } from "./scatter.ts";
import { styles } from "./styles.ts";
import { htmlTable } from "./table.ts";

export function experimentPage(report: ExperimentReport): string {
  const { title, question, paper, facts, findings, parts } = report;
  const list = facts.map(([term, value]) => `<div><dt>${escapeHtml(term)}</dt><dd>${escapeHtml(value)}</dd></div>`);
  const others = parts.flatMap((part) => {
    if (part.kind === "table") return [table(part)];
    return part.kind === "text" ? [`<h2>${escapeHtml(part.title)}</h2>\n<pre>${escapeHtml(part.text)}</pre>`] : [];
  });
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    `<p>${escapeHtml(question)}</p>`,
    `<p class="note">${escapeHtml(paper)}</p>`,
    `<ul class="findings">${findings.map(item).join("\n")}</ul>`,
    `<div class="charts">${shownCharts(report)
      .map((part) => figure(chartOf(part)))
      .join("\n")}</div>`,
    ...others,
    `<h2>How it was done</h2>\n<dl class="facts">${list.join("")}</dl>`,
  ];
  return htmlPage({ title, styles, body: body.join("\n") });
}

function item(finding: Finding): string {
  const [word] = verdict(finding).split(" ");
  const text = `${escapeHtml(finding.claim)} <small>${escapeHtml(finding.found)}</small>`;
  return `<li><span class="verdict ${word}">${verdict(finding)}</span> ${text}</li>`;
}

/** Returns the report's charts as SVG files, by their paths relative to it. */
export function chartFiles(report: ExperimentReport): Map<string, string> {
  return new Map(shownCharts(report).map((part) => [chartPath(part), svgFile(chartOf(part))]));
}

function chartOf(part: ReportChart): Chart {
  if (part.kind === "bars") return barChart(part.labels, part.bars, part.labelEvery);
  if (part.kind === "points") return scatterChart(part.labels, part.points, part.logarithmic);
  return lineChart(part.labels, part.lines, part.octaves);
}

/** Returns HTML for a table with a title above it and perhaps a note below it. */
export function table({ title, header, rows, note }: ReportTable): string {
  const remark = note === undefined ? "" : `\n<p class="note">${escapeHtml(note)}</p>`;
  return `<h2>${escapeHtml(title)}</h2>\n${htmlTable(header, rows)}${remark}`;
}
