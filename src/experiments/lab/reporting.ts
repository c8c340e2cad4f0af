/** Common parts of the experiments' reports: numbers as text, tables of cells, and the claim that one cell beats another. */
import type { Finding, ReportTable } from "../../report/experiment-report.ts";
import type { Line } from "../../report/html/chart.ts";
import { percent } from "../../report/memory-table.ts";
import { wholeNumber } from "../../report/progress.ts";
import type { Cell } from "./experiment.ts";
import type { Results } from "./results.ts";

/** Stands for a missing number. */
export const UNKNOWN = "–";

export function perplexityText(perplexity: number | undefined): string {
  return perplexity?.toPrecision(4) ?? UNKNOWN;
}

export function percentText(share: number | undefined): string {
  return share === undefined ? UNKNOWN : percent(share);
}

/** Returns the cells with a result on any corpus, and a note that names the others, if any. */
export function knownOf(results: Results, cells: readonly Cell[]): { known: Cell[]; note?: string } {
  const known = cells.filter(({ name }) => results.anywhere(name) !== undefined);
  const missing = cells.filter((cell) => !known.includes(cell)).map(({ name }) => name);
  return missing.length > 0 ? { known, note: `Not computed yet: ${missing.join(", ")}.` } : { known };
}

/** Returns a table with a row per cell: for each corpus its test perplexity, and the change against the cell `reference`. */
export function perplexityTable(
  title: string,
  results: Results,
  cells: readonly Cell[],
  reference: string,
): ReportTable {
  const header = results.corpora.flatMap((corpus) => [corpus, `against ${reference}`]);
  const { known, note } = knownOf(results, cells);
  const rows = known.map(({ name, label }) => {
    const parameters = wholeNumber(results.anywhere(name)?.parameters ?? 0);
    const figures = results.corpora.flatMap((corpus) => {
      const change = name === reference ? UNKNOWN : percentText(results.change(corpus, name, reference));
      return [perplexityText(results.perplexity(corpus, name)), change];
    });
    return [label, parameters, ...figures];
  });
  return { kind: "table", title, header: ["model", "parameters", ...header], rows, note };
}

/** Claims that the perplexity of `name` is lower than that of `reference` by at least `least` (0.2 is 20 %). */
export function lowerBy(results: Results, corpus: string, name: string, reference: string, least: number): Finding {
  const change = results.change(corpus, name, reference);
  const margin = least > 0 ? ` by at least ${Math.round(100 * least)} %` : "";
  return {
    claim: `${corpus}: ${name} is below ${reference}${margin}`,
    found: percentText(change),
    holds: change === undefined ? undefined : change <= -least && change < 0,
  };
}

/** Returns a table of perplexities on one corpus, with a column per memory size; – where a cell was not evaluated with it. */
export function sizeTable(title: string, results: Results, corpus: string, cells: readonly Cell[]): ReportTable {
  const { known, note } = knownOf(results, cells);
  const sizes = [...new Set(cells.flatMap(({ memorySizes }) => memorySizes))].sort((a, b) => a - b);
  return {
    kind: "table",
    title,
    header: ["model", ...sizes.map((size) => (size === 0 ? "no memory" : wholeNumber(size)))],
    rows: known.map(({ name, label }) => {
      return [label, ...sizes.map((size) => perplexityText(results.perplexity(corpus, name, size)))];
    }),
    note,
  };
}

/** Returns a line through the known values of `y`; an x without a value is left out. */
export function lineOf(name: string, xs: readonly number[], y: (x: number) => number | undefined): Line {
  const points = xs.flatMap((x) => {
    const value = y(x);
    return value === undefined ? [] : [[x, value] as const];
  });
  return { name, points };
}

/** Returns the lines that have points. */
export function drawn(lines: readonly Line[]): Line[] {
  return lines.filter(({ points }) => points.length > 0);
}
