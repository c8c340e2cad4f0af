/** What memory does to perplexity: the table of an evaluation, for people. */
import type { EvaluationResult } from "../train/evaluate.ts";
import { wholeNumber } from "./progress.ts";
import { formatTable } from "./table.ts";

/** One line a memory size; `change` compares its perplexity with that of the first line. */
export function memoryTable({ tokens, bytes, results }: EvaluationResult): string {
  const rows = results.map(({ memory, perplexity, bits_per_byte }) => [
    wholeNumber(memory),
    perplexity.toPrecision(4),
    bits_per_byte.toFixed(4),
    percent(perplexity / results[0].perplexity - 1),
  ]);
  const table = formatTable([["memory", "perplexity", "bits/byte", "change"], ...rows], "right");
  return `${table}\nover the same ${wholeNumber(tokens)} tokens (${wholeNumber(bytes)} bytes) in every line`;
}

/** `−4.2 %` */
export function percent(share: number): string {
  const text = (100 * Math.abs(share)).toFixed(1);
  if (text === "0.0") return "0.0 %";
  return `${share < 0 ? "−" : "+"}${text} %`;
}
