/** What reports of experiments have in common: numbers as text, tables of cells, and the claim that one cell beats another. */
import type { Finding, ReportTable } from "../report/experiment-report.ts";
import { percent } from "../report/memory-table.ts";
import { wholeNumber } from "../report/progress.ts";
import type { Cell } from "./experiment.ts";
import type { Results } from "./results.ts";

/** Where nothing is known. */
export const UNKNOWN = "–";

export function perplexityText(perplexity: number | undefined): string {
  return perplexity?.toPrecision(4) ?? UNKNOWN;
}

export function percentText(share: number | undefined): string {
  return share === undefined ? UNKNOWN : percent(share);
}

/** A row a cell; for each corpus its test perplexity, and the change against the cell called `reference`. */
export function perplexityTable(
  title: string,
  results: Results,
  cells: readonly Cell[],
  reference: string,
): ReportTable {
  const header = results.corpora.flatMap((corpus) => [corpus, `against ${reference}`]);
  const rows = cells.map(({ name, label }) => {
    const known = results.anywhere(name);
    const parameters = known === undefined ? UNKNOWN : wholeNumber(known.parameters);
    const figures = results.corpora.flatMap((corpus) => {
      const change = name === reference ? UNKNOWN : percentText(results.change(corpus, name, reference));
      return [perplexityText(results.perplexity(corpus, name)), change];
    });
    return [label, parameters, ...figures];
  });
  return { kind: "table", title, header: ["model", "parameters", ...header], rows };
}

/** That the perplexity of `name` is lower than that of `reference` by `least` at least (0.2 is 20 %). */
export function lowerBy(results: Results, corpus: string, name: string, reference: string, least: number): Finding {
  const change = results.change(corpus, name, reference);
  const margin = least > 0 ? ` by at least ${100 * least} %` : "";
  return {
    claim: `${corpus}: ${name} is below ${reference}${margin}`,
    found: percentText(change),
    holds: change === undefined ? undefined : change <= -least && change < 0,
  };
}
