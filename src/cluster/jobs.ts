/**
 * Jobs, and what became of them. A job is a text that says all that decides its result, and its name is that of the text, so a
 * result that is known is never computed again, and a name cannot lie. Results must be equal to the bit wherever they were computed: a second one that differs is
 * kept beside the first, and whoever waits for the job is told.
 */
import { InputError } from "../base/errors.ts";
import { parseJson } from "../formats/json.ts";
import { isBlockName } from "./blocks.ts";
import type { Exchange } from "./exchange.ts";
import { type Content, changeRecord, createRecord, readRecord } from "./records.ts";

/** A job that fails so often is not tried again. */
export const MOST_FAILURES = 5;
/** Nor is one that so many workers began and did not end: it may be what ends them. */
const MOST_BEGINNINGS = 25;
const LONGEST_ERROR = 2000;

/** What decides a result. Only `kind`s that the worker's program knows are computed; it checks `settings`. */
export interface Job {
  readonly kind: string;
  /** The program, with its kernels, that computes it (program.ts). */
  readonly program: string;
  /** Names of the trees that it reads. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Names of the jobs whose results it reads. */
  readonly after: Readonly<Record<string, string>>;
  readonly settings: Content;
}

export interface Result {
  /** SHA-256 of all that must be the same wherever the job is computed. */
  readonly proof: string;
  /** Name of the tree of its files. */
  readonly tree: string;
  readonly seconds: number;
  readonly worker: string;
}

/** Puts the job and resolves to its name. */
export async function putJob(exchange: Exchange, { kind, program, inputs, after, settings }: Job): Promise<string> {
  const sorted = (names: Readonly<Record<string, string>>) => Object.fromEntries(Object.entries(names).sort());
  const text = JSON.stringify({ kind, program, inputs: sorted(inputs), after: sorted(after), settings });
  return exchange.put(new TextEncoder().encode(text));
}

/** @throws InputError if there is no such job, or it is none */
export async function getJob(exchange: Exchange, name: string): Promise<Job> {
  const job = Object(parseJson(new TextDecoder().decode(await exchange.get(name)), `the job ${name} is not JSON`));
  const { kind, program, inputs, after, settings } = job;
  const isWhole =
    typeof kind === "string" &&
    typeof program === "string" &&
    areNames(inputs) &&
    areNames(after) &&
    isObject(settings);
  if (!isWhole) throw new InputError(`the job ${name} is not one that this program wrote`);
  return { kind, program, inputs, after, settings };
}

export async function resultOf(exchange: Exchange, job: string): Promise<Result | undefined> {
  const record = await readRecord(exchange, "results", job);
  return record && checkedResult(record, job);
}

/**
 * Keeps a result. One that is there already stays.
 * @throws InputError if that one is different
 */
export async function keepResult(exchange: Exchange, job: string, result: Result): Promise<void> {
  if (await createRecord(exchange, "results", job, { ...result })) return;
  const known = await resultOf(exchange, job);
  if (known === undefined || known.proof === result.proof) return;
  await changeRecord(exchange, "conflicts", job, () => ({ known, other: result }));
  throw new InputError(conflictSentence(job, known, result));
}

/** The sentence on two different results of a job; undefined if there are none. */
export async function conflictOf(exchange: Exchange, job: string): Promise<string | undefined> {
  const record = await readRecord(exchange, "conflicts", job);
  return (
    record && conflictSentence(job, checkedResult(Object(record.known), job), checkedResult(Object(record.other), job))
  );
}

/** Notes that a worker begins. Resolves to false if too many have begun and not ended, and the job is dead now. */
export async function beginJob(exchange: Exchange, job: string): Promise<boolean> {
  const { begun } = await change(exchange, job, (tries) => ({ ...tries, begun: tries.begun + 1 }));
  if (begun <= MOST_BEGINNINGS) return true;
  await bury(exchange, job, `${MOST_BEGINNINGS} workers began it, and none came to its end`);
  return false;
}

/** Notes a failure. Resolves to whether the job may be tried again; if not, it is dead now. */
export async function failJob(exchange: Exchange, job: string, error: string): Promise<boolean> {
  const { failures } = await change(exchange, job, (tries) => ({ ...tries, failures: tries.failures + 1 }));
  if (failures < MOST_FAILURES) return true;
  await bury(exchange, job, error.slice(0, LONGEST_ERROR));
  return false;
}

/** The last error of a job that is not tried any more; undefined of any other. */
export async function deathOf(exchange: Exchange, job: string): Promise<string | undefined> {
  const record = await readRecord(exchange, "dead", job);
  return record && String(record.error);
}

/** Has a dead job tried again, as if it were new. */
export async function reviveJob(exchange: Exchange, job: string): Promise<void> {
  if ((await deathOf(exchange, job)) === undefined) return;
  await changeRecord(exchange, "tries", job, () => undefined);
  await changeRecord(exchange, "dead", job, () => undefined);
}

/** Puts the jobs that wait for `job`, and for nothing else any more, into the queue. */
export async function offerDependants(exchange: Exchange, job: string, queue: string): Promise<void> {
  const record = await readRecord(exchange, "dependants", job);
  const jobs = Array.isArray(record?.jobs) ? record.jobs.filter(isBlockName) : [];
  for (const name of jobs) {
    if (await isReady(exchange, await getJob(exchange, name))) await exchange.offer(queue, name);
  }
}

/** Notes that a job waits for others, which offer it when they are done. */
export async function noteDependant(exchange: Exchange, name: string, { after }: Job): Promise<void> {
  for (const source of Object.values(after)) {
    await changeRecord(exchange, "dependants", source, (record) => {
      const known: readonly unknown[] = Array.isArray(record?.jobs) ? record.jobs : [];
      return { jobs: known.includes(name) ? known : [...known, name] };
    });
  }
}

/** Whether all that a job reads is computed. */
export async function isReady(exchange: Exchange, { after }: Job): Promise<boolean> {
  for (const source of Object.values(after)) if ((await resultOf(exchange, source)) === undefined) return false;
  return true;
}

interface Tries {
  readonly begun: number;
  readonly failures: number;
}

async function change(exchange: Exchange, job: string, next: (tries: Tries) => Tries): Promise<Tries> {
  const changed = await changeRecord(exchange, "tries", job, (record) => ({
    ...next({ begun: Number(record?.begun ?? 0), failures: Number(record?.failures ?? 0) }),
  }));
  return changed as unknown as Tries;
}

async function bury(exchange: Exchange, job: string, error: string): Promise<void> {
  await changeRecord(exchange, "dead", job, () => ({ error }));
}

function checkedResult(record: Content, job: string): Result {
  const { proof, tree, seconds, worker } = record;
  if (isBlockName(proof) && isBlockName(tree) && typeof seconds === "number" && typeof worker === "string") {
    return { proof, tree, seconds, worker };
  }
  throw new InputError(`the result of the job ${job} is not one that this program wrote`);
}

function conflictSentence(job: string, a: Result, b: Result): string {
  const workers = `${a.worker} and ${b.worker}`;
  return `the job ${job} has two different results, of ${workers}; one of them computes wrongly, and both results are kept`;
}

function isObject(value: unknown): value is Content {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function areNames(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.entries(value).every(([key, name]) => /^[a-z]+$/.test(key) && isBlockName(name));
}
