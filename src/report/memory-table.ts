/** A table for people: an evaluation's perplexity by memory size. */
import { perplexityOf } from "../base/perplexity.ts";
import type { EvaluationResult } from "../train/evaluate.ts";
import { wholeNumber } from "./progress.ts";
import { formatTable } from "./table.ts";

/** Formats a line for each memory size; `change` compares its perplexity with that of the first line. */
export function memoryTable({ tokens, bytes, results }: EvaluationResult): string {
  const rows = results.map(({ memory, perplexity, bits_per_byte, nats }) => [
    wholeNumber(memory),
    perplexity.toPrecision(4),
    bits_per_byte.toFixed(4),
    perplexityChange((nats - results[0].nats) / tokens),
  ]);
  const table = formatTable([["memory", "perplexity", "bits/byte", "change"], ...rows], "right");
  return `${table}\nover the same ${wholeNumber(tokens)} tokens (${wholeNumber(bytes)} bytes) in every line`;
}

/** Returns the change in perplexity when the mean loss grows by `nats`. Correct even if the perplexities overflow. */
export function perplexityChange(nats: number): string {
  return percent(perplexityOf(nats) - 1);
}

/** `−4.2 %` */
export function percent(share: number): string {
  const hundredths = Math.min(100 * Math.abs(share), Number.MAX_VALUE);
  const text = hundredths < 1e6 ? hundredths.toFixed(1) : hundredths.toPrecision(2);
  if (text === "0.0") return "0.0 %";
  return `${share < 0 ? "−" : "+"}${text} %`;
}
