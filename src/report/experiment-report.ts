/**
 * The report of an experiment: what was asked, what was found, in tables, charts and sentences; and its Markdown. How it looks
 * as a page is in html/experiment-page.ts. What stands in it is known to each experiment.
 */
import type { Bar, ChartLabels, Line } from "./html/chart.ts";

/** A statement that the results bear out or not. */
export interface Finding {
  readonly claim: string;
  readonly found: string;
  /** Undefined as long as results are missing. */
  readonly holds: boolean | undefined;
}

export interface ReportTable {
  readonly kind: "table";
  readonly title: string;
  /** The first column is of names, all others are of numbers. */
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note?: string;
}

export type ReportChart =
  | {
      readonly kind: "lines";
      readonly labels: ChartLabels;
      readonly lines: readonly Line[];
      readonly octaves?: boolean;
    }
  | {
      readonly kind: "bars";
      readonly labels: ChartLabels;
      readonly bars: readonly Bar[];
      readonly labelEvery?: number;
    };

/** Text as it was printed. */
export interface ReportText {
  readonly kind: "text";
  readonly title: string;
  readonly text: string;
}

/** What an experiment says of its results. */
export interface ReportBody {
  readonly question: string;
  readonly findings: readonly Finding[];
  readonly parts: readonly (ReportTable | ReportChart | ReportText)[];
}

export interface ExperimentReport extends ReportBody {
  readonly title: string;
  /** Which figure of the paper this is, and what the paper found. */
  readonly paper: string;
  /** How the results came about. */
  readonly facts: readonly (readonly [term: string, value: string])[];
}

export function markdownReport({ title, paper, question, facts, findings, parts }: ExperimentReport): string {
  const sections = [
    `# ${title}`,
    question,
    paper,
    facts.map(([term, value]) => `- ${term}: ${value}`).join("\n"),
    findings.map((finding) => `- ${verdict(finding)}: ${finding.claim} (${finding.found})`).join("\n"),
    ...parts.map(markdownPart),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

/** `holds`, `missed` or `not measured yet` */
export function verdict({ holds }: Finding): string {
  if (holds === undefined) return "not measured yet";
  return holds ? "holds" : "missed";
}

function markdownPart(part: ReportBody["parts"][number]): string {
  if (part.kind === "table") return markdownTable(part);
  if (part.kind === "text") return listing(part);
  return hasData(part) ? `![${part.labels.title}](${chartPath(part)})` : "";
}

/** The charts of which there is something to show. */
export function shownCharts({ parts }: ReportBody): ReportChart[] {
  return parts.filter((part) => part.kind === "lines" || part.kind === "bars").filter(hasData);
}

function hasData(part: ReportChart): boolean {
  return (part.kind === "lines" ? part.lines : part.bars).length > 0;
}

/** Where a chart's picture lies, seen from the Markdown. */
export function chartPath({ labels: { title } }: ReportChart): string {
  const words = title.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return `charts/${words.join("-")}.svg`;
}

function markdownTable({ title, header, rows, note }: ReportTable): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = `|${header.map((_, i) => (i === 0 ? "---" : "---:")).join("|")}|`;
  const table = [line(header), rule, ...rows.map(line)].join("\n");
  return [`## ${title}`, table, ...(note === undefined ? [] : [note])].join("\n\n");
}

function listing({ title, text }: ReportText): string {
  return `## ${title}\n\n${text
    .split("\n")
    .map((line) => `    ${line}`.trimEnd())
    .join("\n")}`;
}
