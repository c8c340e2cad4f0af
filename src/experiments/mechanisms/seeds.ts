/** The four rows that were best on `math`, with three seeds each: whether their order is more than luck. */
import type { ReportTable } from "../../report/experiment-report.ts";
import type { Cell } from "../lab/experiment.ts";
import { seeded } from "../lab/recipe.ts";
import type { Results } from "../lab/results.ts";
import { seedTable } from "../lab/seeds.ts";
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

/** The table of their seeds; undefined where no second seed is known. */
export function bestSeeds(results: Results, corpus: string): ReportTable | undefined {
  return seedTable(`Three seeds on ${corpus} of the four that were best on math`, results, corpus, families);
}
