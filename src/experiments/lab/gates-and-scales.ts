/**
 * The gates and attention scales of the heads that have a memory. A gate is the share of a head's result that was retrieved
 * (paper, section 3.1), as the evaluation computed it, on average. The scale multiplies the products of normalised queries and
 * keys: the larger, the fewer pairs a head looks at; near 0 it averages all of them.
 */
import type { ReportTable } from "../../report/experiment-report.ts";
import type { Cell, TrainedCell } from "./experiment.ts";
import { percentText, perplexityText, UNKNOWN } from "./reporting.ts";
import type { Measurements, Results } from "./results.ts";

/** The numbers `scale.1`, `scale.2`, … of the heads of all memory layers. */
export async function measureScales({ model }: Pick<TrainedCell, "model">): Promise<Measurements> {
  const { config, parameters } = model;
  const names = config.memory_layers.map((layer) => `model.layers.${layer}.self_attn.attention_scale`);
  const scales = names.flatMap((name) => [...parameters.get(name).toArray()]);
  return { numbers: Object.fromEntries(scales.map((scale, head) => [`scale.${head + 1}`, scale])) };
}

/** A row for each of `cells` that is known, and what it came to against the first. */
export function gatesTable(results: Results, corpus: string, cells: readonly Cell[]): ReportTable {
  const [{ name: reference }] = cells;
  const listed = (numbers: readonly number[], digits: number) =>
    numbers.map((number) => number.toFixed(digits)).join(", ") || UNKNOWN;
  const scales = (name: string) => {
    const numbers = Object.entries(results.measurements(corpus, name).numbers ?? {});
    return numbers.filter(([key]) => key.startsWith("scale.")).map(([, number]) => number);
  };
  const gates = (name: string) => results.cell(corpus, name)?.evaluation.results.at(-1)?.gates ?? [];
  const known = cells.filter(({ name }) => results.cell(corpus, name) !== undefined);
  const rows = known.map(({ name, label }) => [
    label,
    listed(gates(name), 3),
    listed(scales(name), 2),
    perplexityText(results.perplexity(corpus, name)),
    perplexityText(results.perplexity(corpus, name, 0)),
    name === reference ? UNKNOWN : percentText(results.change(corpus, name, reference)),
  ]);
  return {
    kind: "table",
    title: `Gates and scales of the memory's heads, on ${corpus}`,
    header: ["model", "gates", "attention scales", "perplexity", "memory off", `against ${reference}`],
    rows,
    note: "A gate of 0 looks at the segment alone, one of 1 at the memory alone. A scale of 0 averages, one of 30 picks out.",
  };
}
