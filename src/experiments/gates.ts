/** Where the gates of a model ended (paper, section 3.2): g = sigmoid(b) a head, the share of its result that is retrieved. */
import type { ReportTable } from "../report/experiment-report.ts";
import type { Cell, Measurements, TrainedCell } from "./experiment.ts";
import { percentText, perplexityText, UNKNOWN } from "./reporting.ts";
import type { Results } from "./results.ts";

/** The gates of all heads with a memory, as numbers `gate.1`, `gate.2`, … */
export async function measureGates({ model: { parameters } }: Pick<TrainedCell, "model">): Promise<Measurements> {
  const logits = parameters.names().filter((name) => name.endsWith("memory_gate"));
  const gates = logits.flatMap((name) => Array.from(parameters.get(name).toArray(), (b) => 1 / (1 + Math.exp(-b))));
  return { numbers: Object.fromEntries(gates.map((gate, head) => [`gate.${head + 1}`, gate])) };
}

/** A row for each of `cells` that is known: the gate of each head, and what it came to against `joint`, which has none. */
export function gateTable(results: Results, corpus: string, cells: readonly Cell[], joint: Cell): ReportTable {
  const gatesOf = (name: string) => {
    const numbers = Object.entries(results.measurements(corpus, name).numbers ?? {});
    return numbers.filter(([key]) => key.startsWith("gate.")).map(([, gate]) => gate);
  };
  const known = cells.filter(({ name }) => results.cell(corpus, name) !== undefined);
  const rows = known.map(({ name, label }) => [
    label,
    gatesOf(name)
      .map((gate) => gate.toFixed(3))
      .join(", ") || UNKNOWN,
    perplexityText(results.perplexity(corpus, name)),
    perplexityText(results.perplexity(corpus, name, 0)),
    percentText(results.change(corpus, name, joint.name)),
  ]);
  return {
    kind: "table",
    title: `Where the gates ended, on ${corpus}`,
    header: ["model", "gate a head", "perplexity", "memory off", `against ${joint.name}`],
    rows,
    note: "A gate of 0 looks at the segment alone, one of 1 at the memory alone.",
  };
}
