/**
 * What a token costs at the end of a document of n tokens, as n grows: time in training and when writing, and bytes of state. It depends
 * on no trained weight, so one cell measures all rows, and rows that were trained before get their figures too.
 */
import { type ModelConfig, parseConfig } from "../../model/config.ts";
import type { ReportBody, ReportTable } from "../../report/experiment-report.ts";
import { wholeNumber } from "../../report/progress.ts";
import type { Cell, TrainedCell } from "../lab/experiment.ts";
import { goOn } from "../lab/go-on.ts";
import { plain } from "../lab/recipe.ts";
import type { Measurements, Results } from "../lab/results.ts";
import { growthExponent, type Speed, speedAt } from "../lab/speed.ts";
import { type Row, rows } from "./rows.ts";

/** Tokens of a document. A run that evaluates fewer measures only those that are no longer. */
const LENGTHS: readonly number[] = [512, 1024, 2048, 4096, 8192];
/** A document in which every row's state is full with the settings of the table. */
const FULL = 4096;
/** Growth below it counts as none: less than a third from 512 to 8,192. */
const FLAT = 0.1;

type Kind = keyof Speed;
const KINDS: readonly Kind[] = ["training", "generating", "bytes"];

/** Measures every row. Its own model learns next to nothing: nothing depends on it. */
export const costCell: Cell = {
  ...plain,
  name: "cost",
  label: "cost of every row",
  from: undefined,
  share: 1e-9,
  measure: measureCosts,
  measuringSeconds: 3,
};

async function measureCosts({ model, evalTokens, signal }: TrainedCell): Promise<Measurements> {
  const lengths = LENGTHS.filter((length, i) => i === 0 || length <= evalTokens);
  const full = Math.min(FULL, lengths.at(-1) ?? FULL);
  const [numbers, seconds]: Record<string, number>[] = [{}, {}];
  const take = (name: string, config: ModelConfig, length: number) => {
    const { bytes, ...times } = speedAt(config, length);
    numbers[`${name}.bytes`] = bytes;
    for (const [kind, value] of Object.entries(times)) seconds[`${name}.${kind}`] = value;
  };
  for (const { cell, grown } of rows) {
    const config = (n?: number) => {
      const larger = n === undefined ? {} : grown?.(n);
      return parseConfig({ ...model.config, ...cell.config, ...larger }, `the cell ${cell.name}`);
    };
    // The longest first: by then the engine has compiled what the short ones run.
    for (const length of lengths.toReversed()) {
      await goOn(signal);
      take(`${cell.name}.${length}`, config(length), length);
    }
    take(`${cell.name}.full`, config(), full);
  }
  return { numbers, seconds };
}

/** A figure of a row at the settings of the table, on the first corpus that has it. */
export function speedOf(results: Results, { name }: Cell, kind: Kind): number | undefined {
  return costNumber(results, `${name}.full.${kind}`);
}

function costNumber(results: Results, key: string): number | undefined {
  for (const corpus of results.corpora) {
    const { numbers, seconds } = results.measurements(corpus, costCell.name);
    const found = seconds?.[key] ?? numbers?.[key];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The costs of a row by length, and how they grow. */
interface Growth {
  readonly label: string;
  readonly costs: Readonly<Record<Kind, readonly number[]>>;
  readonly exponents: Readonly<Record<Kind, number>>;
}

/** The lengths that were measured, and the growth of every row; none before the cell is computed. */
function growths(results: Results): { lengths: number[]; known: Growth[] } {
  const at = (row: Row, length: number, kind: Kind) => costNumber(results, `${row.cell.name}.${length}.${kind}`);
  const lengths = LENGTHS.filter((length) => rows.every((row) => KINDS.every((kind) => at(row, length, kind))));
  if (lengths.length < 2) return { lengths, known: [] };
  const byKind = <T>(value: (kind: Kind) => T) =>
    Object.fromEntries(KINDS.map((kind) => [kind, value(kind)])) as Record<Kind, T>;
  const known = rows.map((row) => {
    const costs = byKind((kind) => lengths.map((length) => at(row, length, kind) ?? 0));
    return { label: row.cell.label, costs, exponents: byKind((kind) => growthExponent(lengths, costs[kind])) };
  });
  return { lengths, known: known.toSorted((a, b) => a.exponents.training - b.exponents.training) };
}

/** The table of costs and a chart of exponents; nothing before the cell is computed. */
export function costParts(results: Results): ReportBody["parts"] {
  const { lengths, known } = growths(results);
  if (known.length === 0) return [];
  return [costTable(lengths, known), exponentChart(known, "training"), exponentChart(known, "generating")];
}

const TITLES: Readonly<Record<Kind, string>> = {
  training: "training, µs",
  generating: "generating, µs",
  bytes: "state, kB",
};

function costTable(lengths: readonly number[], known: readonly Growth[]): ReportTable {
  const [first, last] = [lengths[0], lengths[lengths.length - 1]].map(wholeNumber);
  const shown = (kind: Kind, value: number) => wholeNumber(Math.round(value * (kind === "bytes" ? 1e-3 : 1e6)));
  return {
    kind: "table",
    title: "Cost of a token at the end of a document of n tokens",
    header: ["mechanism", ...KINDS.flatMap((kind) => [`${TITLES[kind]} at ${first}`, `at ${last}`, "a"]), "linear"],
    rows: known.map(({ label, costs, exponents }) => [
      label,
      ...KINDS.flatMap((kind) => {
        const values = costs[kind];
        return [shown(kind, values[0]), shown(kind, values[values.length - 1]), exponentText(exponents[kind])];
      }),
      exponents.training < FLAT && exponents.generating < FLAT ? "yes" : "no",
    ]),
    note:
      `The cost is c · n^a, fitted to n = ${lengths.map(wholeNumber).join(", ")}: a = 0 is a document in linear time, a = 1 one in ` +
      "quadratic time. Settings grow with n where a mechanism can then see the whole document: caches, windows, memories, and cells " +
      `kept. What does not grow, such as feed-forward and logits, is counted, so a is below its limit. Linear: a < ${FLAT} in both. ` +
      "First weights, random tokens, one row, one thread.",
  };
}

function exponentChart(known: readonly Growth[], kind: "training" | "generating") {
  const title = `Growth of a token's time with the document, ${kind}`;
  const bars = known
    .map(({ label, exponents }) => ({
      label,
      value: exponents[kind],
      detail: `${label}: n^${exponentText(exponents[kind])}`,
    }))
    .toSorted((a, b) => a.value - b.value);
  return { kind: "bars", labels: { title, x: "mechanism", y: "a of n^a" }, bars } as const;
}

/** Two digits; what is nearly 0 has no sign. */
function exponentText(exponent: number): string {
  return (Math.round(100 * exponent) / 100 || 0).toFixed(2).replace("-", "−");
}
