/**
 * Formats results: as Markdown tables for people, and as JSON for programs.
 */
import type { Family, Work } from "./family.ts";
import type { Measurements, Row } from "./harness.ts";
import type { Machine, Runtime } from "./machine.ts";
import type { Peak } from "./peak.ts";

/** The circumstances of a measurement. */
export interface Context {
  readonly machine: Machine;
  readonly runtime: Runtime;
  /** The Python of the peers; undefined without such peers, or if it does not start. */
  readonly python?: string;
  readonly date: string;
  readonly command: string;
  readonly peak: Peak;
}

/** The contents of the file that `--json` writes. */
export interface Report extends Context {
  /** The engine, and the versions of all that took part, by name. */
  readonly runtime: Runtime & { readonly versions: Readonly<Record<string, string>> };
  readonly rows: readonly ReportedRow[];
}

type ReportedRow = Omit<Row, "amount" | "work"> & { readonly share_of_peak?: number };

export function withShares(rows: readonly Row[], peak: Peak): ReportedRow[] {
  return rows.map((row) => {
    const { amount: _, work: __, ...rest } = row;
    return { ...rest, share_of_peak: shareOfPeak(row, peak) };
  });
}

/**
 * Returns the share of the peak of `row.threads` threads: of the multiply-add peak, or of the bandwidth of a copy of similar size.
 * A kernel that works in place can exceed the latter, since a copy must also fetch the lines it overwrites. Where a row says what work
 * it takes at least, the share is that of the time in which the machine could do that work. Undefined for other units.
 */
function shareOfPeak({ unit, rate, amount, work, median_ms, threads }: Row, peak: Peak): number | undefined {
  if (work !== undefined) return leastMilliseconds(work, peak) / (median_ms * threads);
  const { gflops, copies } = peak;
  if (unit === "GFLOP/s") return rate / (gflops * threads);
  if (unit !== "GB/s") return undefined;
  const distance = ({ footprint }: { footprint: number }) => Math.abs(Math.log(footprint / amount));
  const closest = copies.reduce((best, copy) => (distance(copy) < distance(best) ? copy : best));
  return rate / (closest.gbps * threads);
}

/** The time of one thread. */
function leastMilliseconds({ bytes = 0, floats = 0, integers = 0 }: Work, { reads, gflops, gops }: Peak): number {
  return (bytes / reads + floats / gflops + integers / gops) / 1e6;
}

/** Formats the command, the date, the machine, and the peak that the shares refer to. */
export function heading({ machine, runtime, python, date, command, peak }: Context): string {
  const flags = runtime.flags.length === 0 ? "" : `, ${runtime.flags.join(" ")}`;
  const copies = peak.copies.map(({ footprint, gbps }) => `${number(gbps)} GB/s in ${footprint / 2 ** 20} MiB`);
  return [
    `- ${date.slice(0, 10)}, \`${command}\``,
    `- ${machine.cpu}, ${machine.cores} cores, ${machine.memory_gb} GiB, ${machine.system}`,
    `- ${runtime.name} ${runtime.version}, V8 ${runtime.v8}, ${runtime.kernels} kernels${flags}`,
    ...(python === undefined ? [] : [`- peers in Python: ${python}`]),
    `- peak of one thread: ${number(peak.gflops)} GFLOP/s in registers, ${number(peak.gops)} G/s with whole numbers of 8 bits; copies ${copies.join(", ")}; reads ${number(peak.reads)} GB/s`,
  ].join("\n");
}

/** Formats one family: its question, the implementations, every measurement, and the means. */
export function section(
  { name, question }: Family,
  { rows, versions, missing, repeated }: Measurements,
  peak: Peak,
): string {
  const contestants = Object.entries(versions).map(([impl, version]) => `${impl} ${version}`);
  const parts = [`## ${name}`, question, `Took part: ${contestants.join("; ")}.`];
  if (missing.length > 0) parts.push(`Missing: ${missing.join("; ")}.`);
  parts.push(measurements(rows, peak));
  if (repeated > 0 || rows.some(({ disturbed }) => disturbed > 0)) parts.push(disturbances(rows, repeated));
  const means = meanSpeedups(rows);
  if (means !== undefined) parts.push("Speed relative to the peer, geometric means over its shapes:", means);
  return parts.join("\n\n");
}

/** Says what was done about rounds in which other processes used the cores, and where that was not enough. */
function disturbances(rows: readonly Row[], repeated: number): string {
  const disturbed = [...new Set(rows.filter(({ disturbed }) => disturbed > 0).map(({ shape }) => shape))];
  const rest =
    disturbed.length === 0 ? "" : ` Some of the rounds that count were disturbed too, in: ${disturbed.join("; ")}.`;
  return `Rounds repeated because other processes used the cores: ${repeated}.${rest}`;
}

/** Formats every row; `ours ×` is the speed of our first implementation, at the same thread count, relative to the row's. */
function measurements(rows: readonly Row[], peak: Peak): string {
  const head = [
    "shape",
    "implementation",
    "threads",
    "median ms",
    "min–max ms",
    "rate",
    "of peak",
    "ours ×",
    "agreement",
  ];
  const lines = rows.map((row, i) => [
    row.shape === rows[i - 1]?.shape ? "" : row.shape,
    row.impl,
    String(row.threads),
    number(row.median_ms),
    `${number(row.min_ms)}–${number(row.max_ms)}`,
    `${number(row.rate)} ${row.unit}`,
    percent(shareOfPeak(row, peak)),
    row.impl === "ours" ? "" : times(speedup("ours", row, rows)),
    agreement(row),
  ]);
  return table(head, lines, 2);
}

/** Formats one line per peer and kind of work, one column per implementation of ours; undefined without peers. */
function meanSpeedups(rows: readonly Row[]): string | undefined {
  const ours = [...new Set(rows.map(({ impl }) => impl).filter(isOurs))];
  const peers = rows.filter(({ impl }) => !isOurs(impl));
  const keyOf = ({ impl, threads, unit }: Row) => [impl, unit, String(threads)];
  const keys = [...new Set(peers.map((row) => keyOf(row).join()))];
  if (keys.length === 0) return undefined;
  const lines = keys.map((key) => {
    const of = peers.filter((row) => keyOf(row).join() === key);
    return [...keyOf(of[0]), ...ours.map((impl) => times(geometricMean(of.map((row) => speedup(impl, row, rows)))))];
  });
  return table(["peer", "measured in", "threads", ...ours], lines, 2);
}

function isOurs(impl: string): boolean {
  return impl === "ours" || impl.startsWith("ours-");
}

/** Returns the speed of our implementation `impl` on the same case and thread count, relative to `row`. */
function speedup(impl: string, row: Row, rows: readonly Row[]): number | undefined {
  const ours = rows.find((other) => {
    return other.impl === impl && other.shape === row.shape && other.threads === row.threads;
  });
  return ours === undefined ? undefined : row.median_ms / ours.median_ms;
}

/** Returns the geometric mean of the defined ratios; undefined if all are undefined. */
export function geometricMean(ratios: readonly (number | undefined)[]): number | undefined {
  const known = ratios.filter((ratio) => ratio !== undefined);
  if (known.length === 0) return undefined;
  return Math.exp(known.reduce((sum, ratio) => sum + Math.log(ratio), 0) / known.length);
}

function agreement({ recall, fallbacks, difference, agrees }: Row): string {
  const text = recall === undefined ? (difference ?? 0).toExponential(0) : `recall ${recall.toFixed(4)}`;
  const fellBack = fallbacks === undefined ? "" : `, ${(100 * fallbacks).toFixed(1)} % fell back`;
  return `${text}${fellBack}${agrees ? "" : " WRONG"}`;
}

/** Formats a table. The first `left` columns are words, the others numbers. */
export function table(head: readonly string[], lines: readonly (readonly string[])[], left: number): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...lines].map((line) => line[column].length)));
  const cell = (text: string, i: number) => (i < left ? text.padEnd(widths[i]) : text.padStart(widths[i]));
  const format = (line: readonly string[]) => `| ${line.map(cell).join(" | ")} |`;
  const rule = widths.map((width, i) => (i < left ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`));
  return [format(head), `|${rule.join("|")}|`, ...lines.map(format)].join("\n");
}

/** Formats a number with three significant digits. */
export function number(x: number): string {
  if (x >= 1e6) return `${number(x / 1e6)} M`;
  return x >= 100 ? x.toFixed(0) : x.toPrecision(3);
}

export function percent(share: number | undefined): string {
  return share === undefined ? "" : `${(100 * share).toFixed(0)} %`;
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? "" : `${number(ratio)}×`;
}
