/**
 * A sweep: jobs for any worker that is there. The client puts them into the queue and collects results as they come. It may end
 * at any time: the workers go on, since a job that is done offers those that waited for it, and the same sweep, begun again, finds what is done.
 */
import { InputError } from "../base/errors.ts";
import { isBlockName, nameOf } from "./blocks.ts";
import { DamageError, isCount, orDamage, shortText } from "./damage.ts";
import type { Exchange } from "./exchange.ts";
import { putBytes } from "./files.ts";
import * as jobs from "./jobs.ts";
import { pause } from "./pause.ts";
import { changeRecord, type Reading } from "./records.ts";
import { workersOf } from "./workers.ts";

/** Milliseconds between two looks for results, and until what is neither done nor dead is offered again if nothing moves. */
const LOOKS = 500;
const OFFERS = 10_000;
const LONGEST_TITLE = 200;

export interface SweepJob {
  /** For messages. */
  readonly label: string;
  readonly name: string;
  readonly job: jobs.Job;
}

export interface SweepOptions {
  /** What people know the sweep by. */
  readonly title: string;
  /** Ends the waiting, not the work. */
  readonly signal?: AbortSignal;
  /** Reads a result's files before it is yielded. If it finds them damaged, the result is set aside and the job computed again. */
  readonly receive?: (finished: Finished) => Promise<void>;
}

/** What the exchange keeps of a sweep, under the digest of its jobs' names. */
export interface SweepRecord {
  readonly title: string;
  /** Name of the file with the jobs, `[name, label]` each. */
  readonly jobs: string;
  readonly program: string;
  /** Milliseconds since 1970. */
  readonly began: number;
}

export const sweepIn: Reading<SweepRecord> = ({ title, jobs, program, began }) => {
  const isWhole = typeof title === "string" && isBlockName(jobs) && isBlockName(program) && isCount(began);
  return isWhole ? { title: shortText(title, LONGEST_TITLE), jobs, program, began } : undefined;
};

export interface Finished extends jobs.Result {
  readonly name: string;
}

/**
 * Yields the result of every job, each as soon as it is there; ends without the others if `signal` aborts.
 * @throws InputError if a job has two different results, at once; or if jobs are dead, when all others are done
 */
export async function* runSweep(
  exchange: Exchange,
  sweep: readonly SweepJob[],
  { title, signal, receive }: SweepOptions,
): AsyncGenerator<Finished> {
  if (sweep.length === 0) return;
  await announce(exchange, sweep, title);
  const pending = new Map(sweep.map((member) => [member.name, member]));
  const lost = new Map<string, string>();
  let [offeredAt, hasWarned] = [-Infinity, false];
  while (pending.size > 0 && !signal?.aborted) {
    await requireNoConflict(exchange, sweep);
    const results = new Set(await exchange.keys("results"));
    for (const member of [...pending.values()].filter(({ name }) => results.has(name))) {
      const finished = await received(exchange, member, receive);
      if (finished === undefined) {
        results.delete(member.name);
        continue;
      }
      pending.delete(member.name);
      if (offeredAt > 0) offeredAt = performance.now(); // the queue moves
      yield finished;
    }
    if (performance.now() - offeredAt > OFFERS) {
      if (offeredAt > 0 && !hasWarned) hasWarned = await warnIfAlone(exchange, sweep[0].job.program);
      await offerReady(exchange, pending.values(), results);
      offeredAt = performance.now();
    }
    for (const name of await known(exchange, "dead", pending)) {
      const error = await jobs.deathOf(exchange, name);
      if (error !== undefined) loseWithDependants(name, error, pending, lost);
    }
    if (pending.size > 0) await pause(LOOKS, signal);
  }
  if (lost.size > 0 && !signal?.aborted) throw new InputError(lossSentence(lost, sweep.length));
}

/** Says that nobody is there to compute; resolves to whether that was said. */
async function warnIfAlone(exchange: Exchange, program: string): Promise<boolean> {
  const workers = await workersOf(exchange);
  if (workers.some((worker) => worker.isAlive && worker.program === program)) return false;
  exchange.warn?.(`no worker of this version is there; start one with: memorizing worker ${exchange.name}`);
  return true;
}

/** Puts jobs into the exchange; resolves to them with their names. */
export async function sweepJob(exchange: Exchange, label: string, job: jobs.Job): Promise<SweepJob> {
  return { label, job, name: await jobs.putJob(exchange, job) };
}

/** A job's result, once its files are read; undefined if it was damaged: then the job is tried again. */
async function received(
  exchange: Exchange,
  { name, job }: SweepJob,
  receive: SweepOptions["receive"],
): Promise<Finished | undefined> {
  const found = await jobs.findResult(exchange, name);
  if (found !== undefined) {
    const finished = { name, ...found.result };
    const damage = await orDamage(Promise.resolve(receive?.(finished)));
    if (!(damage instanceof DamageError)) return finished;
    if (!(await jobs.discardResult(exchange, name, found.entry, damage.message))) return undefined;
  }
  await exchange.offer(job.program, name);
  return undefined;
}

/** Announces the sweep to `cluster status` and to the jobs that others wait for; its dead jobs are tried again. */
async function announce(exchange: Exchange, sweep: readonly SweepJob[], title: string): Promise<void> {
  const names = nameOf(jsonBytes(sweep.map(({ name }) => name)));
  const list = await putBytes(exchange, jsonBytes(sweep.map(({ name, label }) => [name, label])));
  for (const { name, job } of sweep) {
    await jobs.reviveJob(exchange, name);
    await jobs.noteDependant(exchange, name, job);
  }
  const { program } = sweep[0].job;
  const change = (record: SweepRecord | undefined) => ({
    title,
    jobs: list,
    program,
    began: record?.began ?? Date.now(),
  });
  await changeRecord(exchange, "sweeps", names, change, sweepIn);
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

async function offerReady(
  exchange: Exchange,
  pending: Iterable<SweepJob>,
  results: ReadonlySet<string>,
): Promise<void> {
  for (const { name, job } of pending) {
    if (Object.values(job.after).every((source) => results.has(source))) await exchange.offer(job.program, name);
  }
}

async function requireNoConflict(exchange: Exchange, sweep: readonly SweepJob[]): Promise<void> {
  for (const name of await known(exchange, "conflicts", new Map(sweep.map((member) => [member.name, member])))) {
    const sentence = await jobs.conflictOf(exchange, name);
    if (sentence !== undefined) throw new InputError(`${labelOf(sweep, name)}: ${sentence}`);
  }
}

/** The jobs that have a record in `map`. */
async function known(exchange: Exchange, map: string, jobs: ReadonlyMap<string, SweepJob>): Promise<string[]> {
  return (await exchange.keys(map)).filter((name) => jobs.has(name));
}

/** Nobody waits any more for a dead job, nor for those that need its result. */
function loseWithDependants(
  name: string,
  error: string,
  pending: Map<string, SweepJob>,
  lost: Map<string, string>,
): void {
  const label = pending.get(name)?.label ?? name;
  pending.delete(name);
  lost.set(label, error);
  for (const other of [...pending.values()]) {
    const needs = Object.values(other.job.after).includes(name);
    if (needs) loseWithDependants(other.name, `it needs the result of ${label}`, pending, lost);
  }
}

function lossSentence(lost: ReadonlyMap<string, string>, count: number): string {
  const [[label, error]] = lost;
  const others = lost.size > 1 ? ` (and ${lost.size - 1} more)` : "";
  return `${lost.size} of ${count} jobs have no result: ${label}${others} failed again and again, the last time with: ${error}; the same command tries them anew`;
}

function labelOf(sweep: readonly SweepJob[], name: string): string {
  return sweep.find((member) => member.name === name)?.label ?? name;
}
