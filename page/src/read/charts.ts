/** The charts beside the text, which grow with every size of memory that is read: the reports' own charts. */
import { figure, lineChart } from "memorizing-transformer/report";
import type { LiveReport } from "./live-report.ts";

/** Returns HTML: perplexity and bits per byte by memory. Every text in it was escaped by the chart. */
export function chartsOf(report: LiveReport, sizes: readonly number[]): string {
  const [none, ...others] = sizes.map((size) => ({ size, totals: report.totals(size) }));
  const known = others.filter(({ totals }) => totals !== undefined);
  if (none.totals === undefined || known.length === 0) return "";
  const ends = [others[0].size, others.at(-1)!.size];
  const level = (name: string, y: number) => ({ name, points: ends.map((x) => [x, y] as const) });
  const byMemory = (of: (totals: NonNullable<(typeof none)["totals"]>) => number) =>
    known.map(({ size, totals }) => [size, of(totals!)] as const);
  const x = "pairs of memory";
  const perplexity = lineChart(
    { title: "Perplexity by memory", x, y: "perplexity" },
    [
      { name: "with memory", points: byMemory((totals) => totals.perplexity) },
      level("without", none.totals.perplexity),
    ],
    true,
  );
  const bits = (bytes: number) => (8 * bytes) / report.bytes;
  const { gzip, xz } = report;
  const compressors = [
    level("gzip", bits(gzip)),
    ...(xz === undefined ? [] : [level("xz -9e, computed here", bits(xz))]),
  ];
  const bitsPerByte = lineChart(
    { title: "Bits a byte, and what compressors take", x, y: "bits a byte" },
    [
      { name: "with memory", points: byMemory((totals) => totals.bitsPerByte) },
      level("without", none.totals.bitsPerByte),
      ...compressors,
    ],
    true,
  );
  return figure(perplexity) + figure(bitsPerByte);
}
