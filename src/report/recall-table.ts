/** A table for people: how good the memory search of an evaluation was. */
import type { EvaluationResult } from "../train/evaluate.ts";
import { wholeNumber } from "./progress.ts";
import { formatTable } from "./table.ts";

/** Formats a line for each memory size and layer; with fall-backs only if the search was quantised. */
export function recallTable({ results }: EvaluationResult): string {
  const rows = results.flatMap(({ memory, recall = [] }) =>
    recall.map(({ layer, queries, recall, fallbacks }) => [
      wholeNumber(memory),
      String(layer),
      wholeNumber(queries),
      percent(recall),
      ...(fallbacks === undefined ? [] : [percent(fallbacks)]),
    ]),
  );
  const head = ["memory", "layer", "queries", "recall"];
  return formatTable(
    [rows.some(({ length }) => length > head.length) ? [...head, "fall-backs"] : head, ...rows],
    "right",
  );
}

/** `97.25 %` */
function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
