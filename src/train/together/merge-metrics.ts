/** Metrics of a step that several parts took side by side. */
import { perplexityOf } from "../../base/perplexity.ts";
import type { StepMetrics } from "../step-metrics.ts";

/** One part's metrics of a step. */
export interface PartMetrics {
  readonly rows: number;
  readonly metrics: StepMetrics;
}

/** Means over the tokens, or over the rows. Times, and the number of the step, are left to the caller. */
export function mergeMetrics(parts: readonly PartMetrics[]): StepMetrics {
  const [{ metrics: first }] = parts;
  if (parts.length === 1) return first;
  const mean = (value: (metrics: StepMetrics) => number, weight: (part: PartMetrics) => number) => {
    const weights = parts.reduce((sum, part) => sum + weight(part), 0);
    return parts.reduce((sum, part) => sum + value(part.metrics) * weight(part), 0) / weights;
  };
  const rows = (part: PartMetrics) => part.rows;
  const loss = mean(
    (metrics) => metrics.loss,
    (part) => part.metrics.tokens,
  );
  return {
    ...first,
    loss,
    perplexity: perplexityOf(loss),
    tokens: parts.reduce((sum, { metrics }) => sum + metrics.tokens, 0),
    gradientNorm: mean((metrics) => metrics.gradientNorm, rows),
    gates: meanGates(parts),
    memoryFill: mean((metrics) => metrics.memoryFill, rows),
  };
}

/** Layer by layer, over the rows of the parts that retrieved something. */
function meanGates(parts: readonly PartMetrics[]): number[] {
  const known = parts.filter(({ metrics }) => metrics.gates.length > 0);
  const rows = known.reduce((sum, part) => sum + part.rows, 0);
  const layers = known[0]?.metrics.gates ?? [];
  return layers.map((_, layer) => known.reduce((sum, part) => sum + (part.rows / rows) * part.metrics.gates[layer], 0));
}
