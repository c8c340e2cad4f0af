/** Families of cells that differ by their seed alone: whether two models differ by more than luck. */
import type { ReportTable } from "../../report/experiment-report.ts";
import type { Cell } from "./experiment.ts";
import { perplexityText, UNKNOWN } from "./reporting.ts";
import type { Results } from "./results.ts";

/** What the seeds of one model came to. */
export interface SeedSpread {
  readonly label: string;
  /** By seed; undefined where one is not known. */
  readonly perplexities: readonly (number | undefined)[];
  /** Of those that are known; NaN if none is. */
  readonly mean: number;
  /** The difference between the highest and the lowest; undefined unless all are known. */
  readonly spread: number | undefined;
}

/** Returns what the seeds of each family came to, in the order of the families. */
export function seedSpreads(
  results: Results,
  corpus: string,
  families: readonly (readonly Cell[])[],
): readonly SeedSpread[] {
  return families.map((family) => {
    const perplexities = family.map(({ name }) => results.perplexity(corpus, name));
    const known = perplexities.filter((perplexity) => perplexity !== undefined);
    const mean = known.reduce((sum, perplexity) => sum + perplexity, 0) / known.length;
    const spread = known.length === family.length ? Math.max(...known) - Math.min(...known) : undefined;
    return { label: family[0].label, perplexities, mean, spread };
  });
}

/** Returns a table of every seed, with mean and spread, the best mean first; undefined where no second seed is known. */
export function seedTable(
  title: string,
  results: Results,
  corpus: string,
  families: readonly (readonly Cell[])[],
): ReportTable | undefined {
  const others = families.flatMap((family) => family.slice(1));
  if (others.every(({ name }) => results.cell(corpus, name) === undefined)) return undefined;
  const spreads = seedSpreads(results, corpus, families);
  const ranked = spreads.filter(({ mean }) => !Number.isNaN(mean)).toSorted((a, b) => a.mean - b.mean);
  return {
    kind: "table",
    title,
    header: ["model", "seed", "seed + 1", "seed + 2", "mean", "spread"],
    rows: ranked.map(({ label, perplexities, mean, spread }) => [
      label,
      ...perplexities.map(perplexityText),
      perplexityText(mean),
      spread === undefined ? UNKNOWN : spread.toFixed(3),
    ]),
  };
}
