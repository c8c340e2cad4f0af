/**
 * Measures a family: every implementation in a live process of its own, all of them timed once a round, so that a machine
 * that slows down slows everyone, and compared on the same inputs before a single millisecond counts.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Case, Family } from "./family.ts";
import { ImplementationProcess, type Preparation, type ProcessPlan } from "./process.ts";

/** One line of a report. Milliseconds are those of one run, over the rounds. */
export interface Row {
  readonly family: string;
  readonly shape: string;
  readonly impl: string;
  readonly threads: number;
  readonly median_ms: number;
  readonly min_ms: number;
  readonly max_ms: number;
  readonly rounds: number;
  /** Amount of work a second at the median, in `unit`; 10⁹ for those that begin with G. */
  readonly rate: number;
  readonly unit: string;
  /** Bytes or operations of one run, for the share of a peak. */
  readonly amount: number;
  /** Searches: share of our exact neighbours that were found. */
  readonly recall?: number;
  /** Searches that prove their answers: the share of queries for which that failed. */
  readonly fallbacks?: number;
  /** Otherwise: largest difference from our result, relative to its largest magnitude. */
  readonly difference?: number;
  /** Whether recall or difference are what the case allows. */
  readonly agrees: boolean;
}

export interface Settings {
  readonly rounds: number;
  /** Leaves out the cases marked slow. */
  readonly quick: boolean;
  /** Says what is going on. */
  readonly say: (line: string) => void;
}

/** A round lasts at least this long for each implementation, which is far above the timer's noise. */
const ROUND_MS = 60;
/** Untimed before the first round: engines compile their hot loops late. */
const WARM_UP_MS = 250;
/** Pools of threads spin for a while after their work; the next implementation shall not pay for that. */
const SETTLE_MS = 30;

export interface Measurements {
  readonly rows: Row[];
  /** Of everyone who took part, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Starts the processes that can be started, measures all cases, stops them. The first plan is the reference. */
export async function measureFamily(
  family: Family,
  plans: readonly ProcessPlan[],
  settings: Settings,
): Promise<Measurements> {
  const processes = await startAll(plans, settings.say);
  const folder = mkdtempSync(join(tmpdir(), "memorizing-bench-"));
  try {
    const rows: Row[] = [];
    for (const problem of family.cases) {
      if (problem.slow && settings.quick) continue;
      settings.say(`${family.name}: ${problem.shape}`);
      rows.push(...(await measureCase(family.name, problem, processes, folder, settings)));
    }
    const versions = Object.fromEntries(processes.map(({ impl, version }) => [impl, version]));
    return { rows, versions };
  } finally {
    for (const process of processes) process.stop();
    rmSync(folder, { recursive: true });
  }
}

async function startAll(plans: readonly ProcessPlan[], say: (line: string) => void): Promise<ImplementationProcess[]> {
  const processes: ImplementationProcess[] = [];
  for (const plan of plans) {
    try {
      processes.push(await ImplementationProcess.start(plan));
    } catch (error) {
      // Peers may be missing, the reference may not.
      if (processes.length === 0) throw error;
      say(`missing: ${(error as Error).message}`);
    }
  }
  return processes;
}

/** An implementation that takes part in a case: its agreement with the reference and the times of its rounds. */
interface Contestant {
  readonly process: ImplementationProcess;
  readonly agreement: Pick<Row, "recall" | "fallbacks" | "difference" | "agrees">;
  iterations: number;
  readonly times: number[];
}

async function measureCase(
  family: string,
  problem: Case,
  processes: readonly ImplementationProcess[],
  folder: string,
  settings: Settings,
): Promise<Row[]> {
  const contestants = await prepareAll(family, problem, processes, folder, settings.say);
  for (const contestant of contestants) contestant.iterations = await warmUp(contestant.process);
  for (let round = 0; round < settings.rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + round) % contestants.length];
      await pause(SETTLE_MS);
      // Others have used the caches meanwhile; a run that fills a round by itself does not care.
      if (contestant.iterations > 1) await contestant.process.time(1);
      contestant.times.push(await contestant.process.time(contestant.iterations));
    }
  }
  for (const { process } of contestants) await process.release();
  return contestants.map((contestant) => toRow(family, problem, contestant));
}

/** Gives everyone the inputs and compares their first results with the reference's. */
async function prepareAll(
  family: string,
  problem: Case,
  processes: readonly ImplementationProcess[],
  folder: string,
  say: (line: string) => void,
): Promise<Contestant[]> {
  const inputs = problem.inputs.map((make, i) => {
    const path = join(folder, `input-${i}`);
    writeFileSync(path, make());
    return path;
  });
  const output = join(folder, "output");
  const { op, sizes, only } = problem;
  const contestants: Contestant[] = [];
  let reference: Float32Array | undefined;
  for (const process of processes) {
    if (only !== undefined && !only.includes(process.impl)) continue;
    let preparation: Preparation | undefined;
    try {
      preparation = await process.prepare({ do: "prepare", family, op, sizes, inputs, output });
    } catch (error) {
      if (reference === undefined) throw error;
      say(`left out: ${(error as Error).message}`);
      continue;
    }
    if (preparation === undefined) continue;
    const { fallbacks } = preparation;
    const result = readFloats(output);
    reference ??= result;
    const agreement = { ...compare(problem, result, reference), ...(fallbacks !== undefined && { fallbacks }) };
    contestants.push({ process, agreement, iterations: 1, times: [] });
  }
  return contestants;
}

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** Runs until the engine has settled; returns how many runs fill a round. */
async function warmUp(process: ImplementationProcess): Promise<number> {
  let spent = 0;
  let ms = 0;
  for (let iterations = 1; spent < WARM_UP_MS; iterations *= 2) {
    ms = await process.time(iterations);
    spent += ms * iterations;
  }
  return Math.max(1, Math.ceil(ROUND_MS / ms));
}

function compare(problem: Case, result: Float32Array, reference: Float32Array): Contestant["agreement"] {
  if (problem.neighbours !== undefined) {
    return { recall: recall(result, reference, problem.neighbours), agrees: result.length === reference.length };
  }
  const difference = largestDifference(result, reference);
  return { difference, agrees: difference <= (problem.tolerance ?? 0) };
}

/** Largest difference relative to the largest magnitude; infinite where lengths differ or something is not a number. */
function largestDifference(result: Float32Array, reference: Float32Array): number {
  if (result.length !== reference.length) return Infinity;
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < reference.length; i++) {
    const d = Math.abs(result[i] - reference[i]);
    if (!(d <= difference)) difference = Number.isNaN(d) ? Infinity : d;
    magnitude = Math.max(magnitude, Math.abs(reference[i]));
  }
  return difference === 0 ? 0 : difference / magnitude;
}

/** Share of the reference's neighbours, `count` a query, that `result` has too. */
function recall(result: Float32Array, reference: Float32Array, count: number): number {
  let found = 0;
  for (let start = 0; start < reference.length; start += count) {
    const wanted = new Set(reference.subarray(start, start + count));
    for (const index of new Set(result.subarray(start, start + count))) if (wanted.has(index)) found++;
  }
  return found / reference.length;
}

function toRow(family: string, problem: Case, { process, agreement, times }: Contestant): Row {
  const sorted = times.toSorted((a, b) => a - b);
  const median_ms = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  const { shape, amount, unit } = problem;
  return {
    family,
    shape,
    impl: process.impl,
    threads: process.threads,
    median_ms,
    min_ms: sorted[0],
    max_ms: sorted[sorted.length - 1],
    rounds: times.length,
    rate: amount / median_ms / (unit.startsWith("G") ? 1e6 : 1e-3),
    unit,
    amount,
    ...agreement,
  };
}
