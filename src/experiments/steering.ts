/**
 * What steers the heads that have a memory, as training left it: the gate g = sigmoid(b), the share of a head's result that is
 * retrieved (paper, section 3.1); the attention scale, by which the products of normalised queries and keys are multiplied:
 * the larger, the fewer pairs a head looks at; near 0 it averages all; and, where keys are smeared, the share a = sigmoid(α) of
 * the token's own key.
 */
import type { ReportTable } from "../report/experiment-report.ts";
import type { Cell, Measurements, TrainedCell } from "./experiment.ts";
import { percentText, perplexityText, UNKNOWN } from "./reporting.ts";
import type { Results } from "./results.ts";

/** The numbers `scale.1`, `gate.1`, `own.1`, `scale.2`, … of the heads of all memory layers; only those that heads have. */
export async function measureSteering({ model }: Pick<TrainedCell, "model">): Promise<Measurements> {
  const scales = numbered("scale", headsOf(model, "attention_scale"));
  const gates = numbered("gate", headsOf(model, "memory_gate").map(sigmoid));
  return { numbers: { ...scales, ...gates, ...numbered("own", headsOf(model, "key_smear").map(sigmoid)) } };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** A parameter that every head has one number of, over all memory layers; none if the model has no such parameter. */
function headsOf({ config, parameters }: TrainedCell["model"], parameter: string): number[] {
  const names = config.memory_layers.map((layer) => `model.layers.${layer}.self_attn.${parameter}`);
  const known = names.filter((name) => parameters.names().includes(name));
  return known.flatMap((name) => [...parameters.get(name).toArray()]);
}

function numbered(prefix: string, numbers: readonly number[]): Record<string, number> {
  return Object.fromEntries(numbers.map((number, head) => [`${prefix}.${head + 1}`, number]));
}

/** A row for each of `cells` that is known, and what it came to against the first. */
export function steeringTable(results: Results, corpus: string, cells: readonly Cell[]): ReportTable {
  const [{ name: reference }] = cells;
  const listed = (name: string, prefix: string, digits: number) => {
    const numbers = Object.entries(results.measurements(corpus, name).numbers ?? {});
    const ofPrefix = numbers.filter(([key]) => key.startsWith(`${prefix}.`));
    return ofPrefix.map(([, number]) => number.toFixed(digits)).join(", ") || UNKNOWN;
  };
  const known = cells.filter(({ name }) => results.cell(corpus, name) !== undefined);
  const rows = known.map(({ name, label }) => [
    label,
    listed(name, "gate", 3),
    listed(name, "scale", 2),
    listed(name, "own", 3),
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
      "A gate of 0 looks at the segment alone, one of 1 at the memory alone. A scale of 0 averages, one of 30 picks out. " +
      "Own keys: the share of the token's own key in a smeared one; the rest is the key of the token before.",
  };
}
