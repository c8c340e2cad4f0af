/** What is going on in an exchange: its workers, its sweeps, how fast they go, and how long they will take. */
import { parseJson } from "../formats/json.ts";
import { isBlockName } from "./blocks.ts";
import type { Exchange } from "./exchange.ts";
import { getBytes } from "./files.ts";
import { deathOf } from "./jobs.ts";
import { type Content, readRecord } from "./records.ts";
import { SIGNS } from "./worker-record.ts";

const MOST_OF_A_LIST = 2 ** 28;

export interface WorkerStatus {
  /** Machine and process. */
  readonly worker: string;
  readonly program: string;
  /** Name of the job that it computes, or null. */
  readonly job: string | null;
  readonly done: number;
  readonly failed: number;
  /** Jobs an hour since it began. */
  readonly rate: number;
  /** Seconds since it gave a sign of life. */
  readonly silent: number;
  readonly isAlive: boolean;
}

export interface SweepStatus {
  readonly title: string;
  readonly program: string;
  readonly jobs: number;
  readonly done: number;
  readonly running: number;
  /** Names of jobs that are not tried any more, and their last errors. */
  readonly dead: ReadonlyMap<string, string>;
  /** Seconds, if the workers go on as until now; undefined if there are none, or nothing is known yet. */
  readonly secondsLeft: number | undefined;
}

export interface Status {
  readonly workers: readonly WorkerStatus[];
  readonly sweeps: readonly SweepStatus[];
}

export async function statusOf(exchange: Exchange): Promise<Status> {
  const workers = await records(exchange, "workers", (content, changedAt) => workerOf(content, changedAt));
  const results = new Set(await exchange.keys("results"));
  const dead = await deaths(exchange);
  const sweeps = await records(exchange, "sweeps", (content) => sweepOf(exchange, content, { workers, results, dead }));
  return { workers, sweeps };
}

async function records<T>(
  exchange: Exchange,
  map: string,
  make: (content: Content, changedAt: number) => T | Promise<T>,
): Promise<T[]> {
  const made: T[] = [];
  for (const key of await exchange.keys(map)) {
    const [content, entry] = [await readRecord(exchange, map, key), await exchange.read(map, key)];
    if (content !== undefined && entry !== undefined) made.push(await make(content, entry.changedAt));
  }
  return made;
}

function workerOf(content: Content, changedAt: number): WorkerStatus {
  const [done, failed, began] = [content.done, content.failed, content.began].map(Number);
  const silent = Math.max(0, Date.now() - changedAt) / 1000;
  const hours = Math.max(1, Date.now() - began) / 3_600_000;
  return {
    worker: String(content.worker),
    program: String(content.program),
    job: isBlockName(content.job) ? content.job : null,
    done,
    failed,
    rate: done / hours,
    silent,
    isAlive: silent < (3 * SIGNS) / 1000,
  };
}

async function deaths(exchange: Exchange): Promise<Map<string, string>> {
  const dead = new Map<string, string>();
  for (const name of await exchange.keys("dead")) {
    const error = await deathOf(exchange, name);
    if (error !== undefined) dead.set(name, error);
  }
  return dead;
}

interface Known {
  readonly workers: readonly WorkerStatus[];
  readonly results: ReadonlySet<string>;
  readonly dead: ReadonlyMap<string, string>;
}

async function sweepOf(exchange: Exchange, content: Content, { workers, results, dead }: Known): Promise<SweepStatus> {
  const program = String(content.program);
  const bytes = await getBytes(exchange, String(content.jobs), MOST_OF_A_LIST);
  const list = parseJson(new TextDecoder().decode(bytes), "the list of a sweep's jobs is not JSON");
  const names = Array.isArray(list) ? list.filter(isBlockName) : [];
  const ours = workers.filter((worker) => worker.isAlive && worker.program === program);
  const rate = ours.reduce((sum, worker) => sum + worker.rate, 0);
  const done = names.filter((name) => results.has(name)).length;
  const lost = new Map([...dead].filter(([name]) => names.includes(name) && !results.has(name)));
  const left = names.length - done - lost.size;
  return {
    title: String(content.title),
    program,
    jobs: names.length,
    done,
    running: ours.filter(({ job }) => job !== null && names.includes(job) && !results.has(job)).length,
    dead: lost,
    secondsLeft: left === 0 ? 0 : rate > 0 ? (3600 * left) / rate : undefined,
  };
}
