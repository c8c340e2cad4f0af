/**
 * What is going on in an exchange: its workers, its sweeps, how fast they go, how long they will take, and what was damaged. Looking
 * changes nothing.
 */
import { isBlockName } from "./blocks.ts";
import { DamageError, jsonIn, orDamage, shortText } from "./damage.ts";
import type { Exchange } from "./exchange.ts";
import { getBytes } from "./files.ts";
import { deathIn } from "./jobs.ts";
import { ASIDE, contents, lookAt, type Reading } from "./records.ts";
import { type SweepRecord, sweepIn } from "./sweep.ts";
import { type TrainingStatus, trainingsOf } from "./training/training-status.ts";
import { type WorkerStatus, workersOf } from "./workers.ts";

const MOST_OF_A_LIST = 2 ** 26;
const LONGEST_NAME = 100;
const LONGEST_SENTENCE = 400;

export interface SweepStatus {
  readonly title: string;
  readonly program: string;
  readonly jobs: number;
  readonly done: number;
  readonly running: number;
  /** Workers that are alive and have its program. */
  readonly workers: number;
  /** Jobs that are not tried any more, as people know them, and their last errors. */
  readonly dead: ReadonlyMap<string, string>;
  /** Seconds, if the workers go on as until now; undefined if there are none, or nothing is known yet. */
  readonly secondsLeft: number | undefined;
}

export interface Status {
  readonly workers: readonly WorkerStatus[];
  /** The oldest first. */
  readonly sweeps: readonly SweepStatus[];
  readonly trainings: readonly TrainingStatus[];
  /** Labels of jobs by their names. */
  readonly labels: ReadonlyMap<string, string>;
  /** A sentence for each record that is damaged, or was and has been set aside. */
  readonly damage: readonly string[];
}

export async function statusOf(exchange: Exchange): Promise<Status> {
  const damage: string[] = [];
  const workers = await workersOf(exchange, damage);
  const dead = await contents(exchange, "dead", deathIn, damage);
  const aside = await contents(exchange, ASIDE, asideIn, damage);
  const results = new Set(await exchange.keys("results"));
  for (const key of lost(aside.map(({ content }) => content.record))) {
    const { content } = await lookAt(exchange, "results", key, (result) => result);
    if (content === undefined) results.delete(key); // emptied, and not computed again yet
  }
  const known: Known = {
    workers,
    results,
    dead: new Map(dead.map(({ key, content }) => [key, content.error])),
    labels: new Map(),
  };
  const found = await contents(exchange, "sweeps", sweepIn, damage);
  const sweeps: SweepStatus[] = [];
  for (const { content } of found.sort((a, b) => a.content.began - b.content.began)) {
    const sweep = await orDamage(statusOfSweep(exchange, content, known));
    if (sweep instanceof DamageError) damage.push(sweep.message);
    else sweeps.push(sweep);
  }
  damage.push(...aside.map(({ content }) => `${content.reason}; it was set aside`));
  const trainings = await trainingsOf(exchange, damage);
  return { workers, sweeps, trainings, labels: known.labels, damage };
}

const asideIn: Reading<{ readonly record: string; readonly reason: string }> = ({ record, reason }) => {
  if (typeof record !== "string" || typeof reason !== "string") return undefined;
  return { record, reason: shortText(reason, LONGEST_SENTENCE) };
};

/** Jobs whose results were set aside. */
function lost(records: readonly string[]): string[] {
  const results = records.filter((record) => record.startsWith("results/"));
  return results.map((record) => record.slice("results/".length)).filter(isBlockName);
}

interface Known {
  readonly workers: readonly WorkerStatus[];
  readonly results: ReadonlySet<string>;
  readonly dead: ReadonlyMap<string, string>;
  /** Gets the labels of the sweeps that are looked at. */
  readonly labels: Map<string, string>;
}

async function statusOfSweep(exchange: Exchange, sweep: SweepRecord, known: Known): Promise<SweepStatus> {
  const { title, program } = sweep;
  const jobs = await jobsOf(exchange, sweep);
  for (const [name, label] of jobs) known.labels.set(name, label);
  const names = [...jobs.keys()];
  const ours = known.workers.filter((worker) => worker.isAlive && worker.program === program);
  const rate = ours.reduce((sum, worker) => sum + worker.rate, 0);
  const done = names.filter((name) => known.results.has(name)).length;
  const dead = names.filter((name) => known.dead.has(name) && !known.results.has(name));
  const left = names.length - done - dead.length;
  return {
    title,
    program,
    jobs: names.length,
    done,
    running: ours.filter(({ job }) => job !== null && jobs.has(job) && !known.results.has(job)).length,
    workers: ours.length,
    dead: new Map(dead.map((name) => [jobs.get(name) ?? name, known.dead.get(name) ?? ""])),
    secondsLeft: left === 0 ? 0 : rate > 0 ? (3600 * left) / rate : undefined,
  };
}

/** Labels of a sweep's jobs, by their names. @throws DamageError if the list is not one that this program wrote */
async function jobsOf(exchange: Exchange, { title, jobs }: SweepRecord): Promise<Map<string, string>> {
  const list = jsonIn(await getBytes(exchange, jobs, MOST_OF_A_LIST), `the list of the jobs of ${title}`);
  const isPair = (pair: unknown) => Array.isArray(pair) && isBlockName(pair[0]) && typeof pair[1] === "string";
  if (!Array.isArray(list) || !list.every(isPair)) {
    throw new DamageError(`the list of the jobs of ${title} is not one that this program wrote`);
  }
  return new Map(list.map(([name, label]) => [name, shortText(label, LONGEST_NAME)]));
}
