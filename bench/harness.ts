/**
 * Measures a family. Every implementation runs in its own process, and each is timed once per round, so a machine that slows
 * down slows all of them. Results on the same inputs are compared before anything is timed.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Case, Family, Work } from "./family.ts";
import { Others } from "./others.ts";
import { ImplementationProcess, type Preparation, type ProcessPlan } from "./process.ts";

/** One line of a report. Milliseconds are per run, over the rounds. */
export interface Row {
  readonly family: string;
  readonly shape: string;
  readonly impl: string;
  readonly threads: number;
  readonly median_ms: number;
  readonly min_ms: number;
  readonly max_ms: number;
  readonly rounds: number;
  /** Work per second at the median, in `unit`; in 10⁹ where it begins with G. */
  readonly rate: number;
  readonly unit: string;
  /** Bytes or operations per run, for the share of the peak. */
  readonly amount: number;
  /** What the machine has to do at least, where that is not `amount` in its unit. */
  readonly work?: Work;
  /** For searches: the share of our exact neighbours that were found. */
  readonly recall?: number;
  /** For searches that prove their answers: the share of queries whose proof failed. */
  readonly fallbacks?: number;
  /** For the others: largest difference from our result, relative to its largest magnitude. */
  readonly difference?: number;
  /** How many of the rounds other processes disturbed. */
  readonly disturbed: number;
  /** Whether the recall or the difference is within the case's limit. */
  readonly agrees: boolean;
}

export interface Settings {
  readonly rounds: number;
  /** Most rounds of a case that are measured anew because other processes used the cores. */
  readonly repeats: number;
  /** Leaves out the cases marked slow. */
  readonly quick: boolean;
  /** Only cases whose shape has this text. */
  readonly cases: string;
  /** Reports progress. */
  readonly say: (line: string) => void;
}

/** Least time of a round for each implementation, far above the timer's noise. */
const ROUND_MS = 60;
/** Untimed work before the first round, since engines compile hot loops late. */
const WARM_UP_MS = 250;
/** Pause between implementations: thread pools spin for a while after their work, which would slow the next one. */
const SETTLE_MS = 30;

export interface Measurements {
  readonly rows: Row[];
  /** What did not take part, and why, one sentence each. */
  readonly missing: readonly string[];
  /** Rounds that were measured anew because other processes used the cores. */
  readonly repeated: number;
  /** Versions of all that took part, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Starts the processes that can start, measures all cases and stops them. The first plan is the reference. */
export async function measureFamily(
  family: Family,
  plans: readonly ProcessPlan[],
  settings: Settings,
): Promise<Measurements> {
  const missing = new Set<string>();
  const miss = (reason: string) => {
    settings.say(`missing: ${reason}`);
    missing.add(reason);
  };
  const processes = await startAll(plans, miss);
  const folder = mkdtempSync(join(tmpdir(), "memorizing-bench-"));
  try {
    const rows: Row[] = [];
    let repeated = 0;
    for (const problem of family.cases) {
      if ((problem.slow && settings.quick) || !problem.shape.includes(settings.cases)) continue;
      settings.say(`${family.name}: ${problem.shape}`);
      const contestants = await prepareAll(family.name, problem, processes, folder, miss);
      const measured = await measureCase(contestants, settings);
      repeated += measured.repeated;
      rows.push(...contestants.map((contestant) => toRow(family.name, problem, contestant, measured.rounds)));
    }
    const versions = Object.fromEntries(processes.map(({ impl, version }) => [impl, version]));
    return { rows, versions, missing: [...missing], repeated };
  } finally {
    for (const process of processes) process.stop();
    rmSync(folder, { recursive: true });
  }
}

async function startAll(
  plans: readonly ProcessPlan[],
  miss: (reason: string) => void,
): Promise<ImplementationProcess[]> {
  const processes: ImplementationProcess[] = [];
  for (const plan of plans) {
    try {
      processes.push(await ImplementationProcess.start(plan));
    } catch (error) {
      // Peers may be missing; the reference must run.
      if (processes.length === 0) throw error;
      miss((error as Error).message);
    }
  }
  return processes;
}

/** An implementation that takes part in a case, and its agreement with the reference. */
interface Contestant {
  /** Its place in the list of contestants. */
  readonly place: number;
  readonly process: ImplementationProcess;
  readonly agreement: Pick<Row, "recall" | "fallbacks" | "difference" | "agrees">;
  /** Runs that fill a round. */
  iterations: number;
}

interface Round {
  /** Milliseconds of each contestant. */
  readonly times: readonly number[];
  /** Use of the cores by other processes; above 1 they disturbed (see others.ts). */
  readonly others: number;
}

/** Times rounds until enough are undisturbed, or until patience ends; returns the least disturbed ones. */
async function measureCase(
  contestants: readonly Contestant[],
  settings: Settings,
): Promise<{ rounds: Round[]; repeated: number }> {
  for (const contestant of contestants) contestant.iterations = await warmUp(contestant.process);
  const others = new Others(contestants.map(({ process }) => process.pid));
  const rounds: Round[] = [];
  let undisturbed = 0;
  while (undisturbed < settings.rounds && rounds.length < settings.rounds + settings.repeats) {
    others.lap();
    const round = { times: await timeRound(contestants, rounds.length), others: others.lap() };
    rounds.push(round);
    if (round.others <= 1) undisturbed++;
  }
  for (const { process } of contestants) await process.release();
  const kept = rounds.toSorted((a, b) => Math.max(a.others, 1) - Math.max(b.others, 1)).slice(0, settings.rounds);
  return { rounds: kept, repeated: rounds.length - kept.length };
}

/** Times every contestant once. Another one begins in each round. */
async function timeRound(contestants: readonly Contestant[], round: number): Promise<number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < contestants.length; turn++) {
    const place = (turn + round) % contestants.length;
    const { process, iterations } = contestants[place];
    await pause(SETTLE_MS);
    // Other processes have used the caches since; that does not matter to a run that fills a round by itself.
    if (iterations > 1) await process.time(1);
    times[place] = await process.time(iterations);
  }
  return times;
}

/** Sends the inputs to every implementation and compares its first result with the reference's. */
async function prepareAll(
  family: string,
  problem: Case,
  processes: readonly ImplementationProcess[],
  folder: string,
  miss: (reason: string) => void,
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
    if (only !== undefined && !only.includes(process.role)) continue;
    let preparation: Preparation | undefined;
    try {
      preparation = await process.prepare({ do: "prepare", family, op, sizes, inputs, output });
    } catch (error) {
      if (reference === undefined) throw error;
      miss(`${problem.shape}: ${(error as Error).message}`);
      continue;
    }
    if (preparation === undefined) continue;
    const { fallbacks } = preparation;
    const result = readFloats(output);
    reference ??= result;
    const agreement = { ...compare(problem, result, reference), ...(fallbacks !== undefined && { fallbacks }) };
    contestants.push({ place: contestants.length, process, agreement, iterations: 1 });
  }
  return contestants;
}

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** Runs until the engine has warmed up; returns how many runs fill a round. */
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

/** Returns the largest difference, relative to the largest magnitude; infinity if lengths differ or a number is NaN. */
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

/** Returns the share of the reference's neighbours, `count` per query, that `result` also has. */
function recall(result: Float32Array, reference: Float32Array, count: number): number {
  let found = 0;
  for (let start = 0; start < reference.length; start += count) {
    const wanted = new Set(reference.subarray(start, start + count));
    for (const index of new Set(result.subarray(start, start + count))) if (wanted.has(index)) found++;
  }
  return found / reference.length;
}

function toRow(family: string, problem: Case, contestant: Contestant, rounds: readonly Round[]): Row {
  const { process, agreement, place } = contestant;
  const sorted = rounds.map(({ times }) => times[place]).sort((a, b) => a - b);
  const median_ms = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  const { shape, unit } = problem;
  const amount = problem.amounts?.[process.impl] ?? problem.amount;
  return {
    family,
    shape,
    impl: process.impl,
    threads: process.threads,
    median_ms,
    min_ms: sorted[0],
    max_ms: sorted[sorted.length - 1],
    rounds: rounds.length,
    disturbed: rounds.filter(({ others }) => others > 1).length,
    rate: amount / median_ms / (unit.startsWith("G") ? 1e6 : 1e-3),
    unit,
    amount,
    work: problem.works?.[process.impl],
    ...agreement,
  };
}
