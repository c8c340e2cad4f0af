/**
 * The report of an experiment: a question and its findings, in sentences, tables and charts; and its Markdown. For its page
 * see html/experiment-page.ts. Each experiment fills it in.
 */
import type { Bar, ChartLabels, Line } from "./html/chart.ts";
import type { LabelledPoint } from "./html/scatter.ts";

/** A claim that the results support or not. */
export interface Finding {
  readonly claim: string;
  readonly found: string;
  /** Undefined while results are missing. */
  readonly holds: boolean | undefined;
}

export interface ReportTable {
  readonly kind: "table";
  readonly title: string;
  /** Titles of the columns: the first has names, all others have numbers. */
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
    }
  | {
      readonly kind: "points";
      readonly labels: ChartLabels;
      readonly points: readonly LabelledPoint[];
      readonly logarithmic?: boolean;
    };

/** Text as printed. */
export interface ReportText {
  readonly kind: "text";
  readonly title: string;
  readonly text: string;
}

/** An experiment's account of its results. */
export interface ReportBody {
  readonly question: string;
  readonly findings: readonly Finding[];
  readonly parts: readonly (ReportTable | ReportChart | ReportText)[];
}

export interface ExperimentReport extends ReportBody {
  readonly title: string;
  /** The figure of the paper, and the paper's result. */
  readonly paper: string;
  /** How the results were made. */
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

/** Returns the charts that have data. */
export function shownCharts({ parts }: ReportBody): ReportChart[] {
  return parts.filter((part) => part.kind !== "table" && part.kind !== "text").filter(hasData);
}

function hasData(part: ReportChart): boolean {
  if (part.kind === "lines") return part.lines.length > 0;
  return (part.kind === "bars" ? part.bars : part.points).length > 0;
}

/** Path of a chart's picture, relative to the Markdown. */
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
