/** What each way of seeing far is worth beside what it costs: the table of perplexities, and charts against state and time. */
import type { ReportBody, ReportTable } from "../../report/experiment-report.ts";
import type { LabelledPoint } from "../../report/html/scatter.ts";
import { wholeNumber } from "../../report/progress.ts";
import { stateKilobytes } from "../lab/cost.ts";
import type { Cell } from "../lab/experiment.ts";
import { DISTANCES } from "../lab/reach.ts";
import { knownOf, perplexityText, UNKNOWN } from "../lab/reporting.ts";
import type { CellResult, Results } from "../lab/results.ts";
import { speedOf } from "./length-cost.ts";
import { rows } from "./rows.ts";

/** M of the models with a memory when they are asked how far a larger one would let them see. */
export const GROWN = 65_536;
/** Names of the measurements: reach by distance, that with GROWN, and the perplexity of documents that are given whole. */
export const REACH = "reach";
export const GROWN_REACH = "grown";
export const AGAIN = "again.perplexity";

const cells = rows.map(({ cell }) => cell);
const COLUMNS = ["mechanism", "perplexity", "bits a byte", "parameters", "training", "generating", "state, kB"];

/** Perplexity, bits a byte, speed, a row's state, and reach, best first. */
export function worthTable(results: Results, corpus: string): ReportTable {
  const { known, note } = knownOf(results, cells);
  const ranked = known.toSorted(
    (a, b) => (results.perplexity(corpus, a.name) ?? Infinity) - (results.perplexity(corpus, b.name) ?? Infinity),
  );
  const notes = [
    "Training and generating: tokens/s, in steps of the recipe and one token at a time. State: what one document keeps. The last columns are reach.",
    ranked.some(({ name }) => results.number(corpus, name, AGAIN)) ? GIVEN_WHOLE : "",
    note ?? "",
  ];
  return {
    kind: "table",
    title: `Test perplexity on ${corpus}, the best first`,
    header: [...COLUMNS, ...DISTANCES.map(wholeNumber)],
    rows: ranked.flatMap((cell) => worthRows(results, corpus, cell)),
    note: notes.filter((text) => text !== "").join(" "),
  };
}

const GIVEN_WHOLE =
  "In brackets: the document was given whole, and each token read with summaries of all blocks, later ones and its own too, so this is " +
  "not a prediction and has no rank.";

/** A cell's row, and one more for its memory when it has grown, or for documents that are given whole. */
function worthRows(results: Results, corpus: string, cell: Cell): string[][] {
  const { name, label } = cell;
  const result = results.cell(corpus, name);
  const generating = speedOf(results, cell, "generating");
  const reach = (prefix: string) => {
    const shares = DISTANCES.map((distance) => results.number(corpus, name, `${prefix}.${distance}`));
    return shares.map((share) => (share === undefined ? UNKNOWN : `${Math.round(100 * share)} %`));
  };
  const row = [
    label,
    perplexityText(results.perplexity(corpus, name)),
    result?.evaluation.results.at(-1)?.bits_per_byte.toFixed(3) ?? UNKNOWN,
    result === undefined ? UNKNOWN : wholeNumber(result.parameters),
    result === undefined ? UNKNOWN : wholeNumber(Math.round(1 / trainingSeconds(result))),
    generating === undefined ? UNKNOWN : wholeNumber(Math.round(1 / generating)),
    result === undefined ? UNKNOWN : wholeNumber(stateKilobytes(result)),
    ...reach(REACH),
  ];
  const empty = (count: number) => new Array<string>(count).fill("");
  const again = results.number(corpus, name, AGAIN);
  const grown = results.number(corpus, name, `${GROWN_REACH}.${DISTANCES[0]}`);
  return [
    row,
    ...(again === undefined ? [] : [["… given whole", `(${perplexityText(again)})`, ...empty(row.length - 2)]]),
    ...(grown === undefined
      ? []
      : [[`… read with ${wholeNumber(GROWN)}`, ...empty(COLUMNS.length - 1), ...reach(GROWN_REACH)]]),
  ];
}

/** Seconds a token. */
function trainingSeconds({ trainingTokens, trainingSeconds: seconds }: CellResult): number {
  return seconds / Math.max(1, trainingTokens);
}

/** Charts of perplexity against bytes of state, and against the time of a token in training and when writing. */
export function worthCharts(results: Results, corpus: string): ReportBody["parts"] {
  const y = "test perplexity";
  const of = (cell: Cell, value: (result: CellResult) => number | undefined) => {
    const result = results.cell(corpus, cell.name);
    return result && value(result);
  };
  const points = (value: (cell: Cell) => number | undefined) =>
    cells.flatMap((cell): LabelledPoint[] => {
      const [at, perplexity] = [value(cell), results.perplexity(corpus, cell.name)];
      const label = cell.label.replace(" Transformer", ""); // as short as the chart has room
      return at === undefined || perplexity === undefined ? [] : [{ label, x: at, y: perplexity }];
    });
  const microseconds = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds * 1e6);
  return [
    {
      kind: "points",
      labels: { title: `Perplexity against state on ${corpus}`, x: "state of a document, kB", y },
      points: points((cell) => of(cell, stateKilobytes)),
      logarithmic: true,
    },
    {
      kind: "points",
      labels: { title: `Perplexity against time in training on ${corpus}`, x: "µs a token in training", y },
      points: points((cell) => of(cell, (result) => microseconds(trainingSeconds(result)))),
      logarithmic: true,
    },
    {
      kind: "points",
      labels: { title: `Perplexity against time when writing on ${corpus}`, x: "µs a token when writing", y },
      points: points((cell) => microseconds(speedOf(results, cell, "generating"))),
      logarithmic: true,
    },
  ];
}
