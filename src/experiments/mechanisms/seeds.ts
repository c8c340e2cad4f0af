/** The four rows that were best on `math`, with three seeds each: whether their order is more than luck. */
import type { ReportTable } from "../../report/experiment-report.ts";
import type { Cell } from "../lab/experiment.ts";
import { seeded } from "../lab/recipe.ts";
import { perplexityText, UNKNOWN } from "../lab/reporting.ts";
import type { Results } from "../lab/results.ts";
import { rows } from "./rows.ts";

/** Those that were best on `math` after 1.5 million tokens. */
const BEST: readonly string[] = [
  "copying-gate-2048-xl",
  "induction-gate-2048-xl",
  "smeared-gate-2048-xl",
  "smeared-sliding-window-gate-2048",
];

const families: readonly (readonly Cell[])[] = rows
  .filter(({ cell }) => BEST.includes(cell.name))
  .map(({ cell }) => [cell, ...seeded(cell)]);

/** The cells that the table of rows does not have: the second and the third seed of each. */
export const seedCells: readonly Cell[] = families.flatMap((family) => family.slice(1));

/**
 * Perplexity of every seed, their mean, and the difference between the highest and the lowest; the best mean first. Undefined where no
 * second seed is known.
 */
export function seedTable(results: Results, corpus: string): ReportTable | undefined {
  if (seedCells.every(({ name }) => results.cell(corpus, name) === undefined)) return undefined;
  const figures = families.map((family) => {
    const perplexities = family.map(({ name }) => results.perplexity(corpus, name));
    const known = perplexities.filter((perplexity) => perplexity !== undefined);
    const mean = known.reduce((sum, perplexity) => sum + perplexity, 0) / known.length;
    const spread = known.length === family.length ? Math.max(...known) - Math.min(...known) : undefined;
    return { label: family[0].label, perplexities, mean, spread };
  });
  const ranked = figures.filter(({ mean }) => !Number.isNaN(mean)).toSorted((a, b) => a.mean - b.mean);
  return {
    kind: "table",
    title: `Three seeds on ${corpus} of the four that were best on math`,
    header: ["mechanism", "seed", "seed + 1", "seed + 2", "mean", "spread"],
    rows: ranked.map(({ label, perplexities, mean, spread }) => [
      label,
      ...perplexities.map(perplexityText),
      perplexityText(mean),
      spread === undefined ? UNKNOWN : spread.toFixed(3),
    ]),
  };
}
