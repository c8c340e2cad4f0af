/**
 * Gates and attention scales of the heads that have a memory. A gate is the retrieved share of a head's result (paper,
 * section 3.1): the mean of what the evaluation computed. The scale multiplies the products of normalised queries and keys.
 * With a large scale a head looks at few pairs; near 0 it averages all of them. Where keys are smeared, a third number is the
 * share a = sigmoid(α) of the token's own key.
 */
import type { ReportTable } from "../../report/experiment-report.ts";
import type { Cell, TrainedCell } from "./experiment.ts";
import { percentText, perplexityText, UNKNOWN } from "./reporting.ts";
import type { Measurements, Results } from "./results.ts";

/** Measures `scale.1`, `own.1`, `scale.2`, … for the heads of all memory layers; `own` only where keys are smeared. */
export async function measureScales({ model }: Pick<TrainedCell, "model">): Promise<Measurements> {
  const scales = numbered("scale", headsOf(model, "attention_scale"));
  const own = headsOf(model, "key_smear").map((alpha) => 1 / (1 + Math.exp(-alpha)));
  return { numbers: { ...scales, ...numbered("own", own) } };
}

/** Returns a parameter with one number per head, over all memory layers; [] if the model does not have it. */
function headsOf({ config, parameters }: TrainedCell["model"], parameter: string): number[] {
  const names = config.memory_layers.map((layer) => `model.layers.${layer}.self_attn.${parameter}`);
  return names.filter((name) => parameters.has(name)).flatMap((name) => [...parameters.get(name).toArray()]);
}

function numbered(prefix: string, numbers: readonly number[]): Record<string, number> {
  return Object.fromEntries(numbers.map((number, head) => [`${prefix}.${head + 1}`, number]));
}

/** Returns a table with a row for each finished cell, compared with the first. */
export function gatesTable(results: Results, corpus: string, cells: readonly Cell[]): ReportTable {
  const [{ name: reference }] = cells;
  const listed = (numbers: readonly number[], digits: number) =>
    numbers.map((number) => number.toFixed(digits)).join(", ") || UNKNOWN;
  const measured = (name: string, prefix: string) => {
    const numbers = Object.entries(results.measurements(corpus, name).numbers ?? {});
    return numbers.filter(([key]) => key.startsWith(`${prefix}.`)).map(([, number]) => number);
  };
  const gates = (name: string) => results.cell(corpus, name)?.evaluation.results.at(-1)?.gates ?? [];
  const known = cells.filter(({ name }) => results.cell(corpus, name) !== undefined);
  const rows = known.map(({ name, label }) => [
    label,
    listed(gates(name), 3),
    listed(measured(name, "scale"), 2),
    listed(measured(name, "own"), 3),
    perplexityText(results.perplexity(corpus, name)),
    perplexityText(results.perplexity(corpus, name, 0)),
    name === reference ? UNKNOWN : percentText(results.change(corpus, name, reference)),
  ]);
  return {
    kind: "table",
    title: `Gates and scales of the memory's heads, on ${corpus}`,
    header: ["model", "gates", "attention scales", "own keys", "perplexity", "memory off", `against ${reference}`],
    rows,
    note:
      "A gate of 0 looks at the segment alone, a gate of 1 at the memory alone. A scale of 0 averages, a scale of 30 selects. " +
      "Own keys: the share of the token's own key in a smeared one; the rest is the key of the token before.",
  };
}
