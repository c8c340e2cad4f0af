/**
 * Jobs, and what became of them. A job is a text that says all that decides its result, and its name is that of the text, so a
 * result that is known is never computed again, and a name cannot lie. Results must be bit-identical wherever they were computed. A second one that differs is
 * kept next to the first, and all that wait for the job are told.
 */
import { InputError } from "../base/errors.ts";
import { isBlockName } from "./blocks.ts";
import { DamageError, isCount, jsonIn, orDamage, shortText } from "./damage.ts";
import type { Entry, Exchange } from "./exchange.ts";
import {
  type Content,
  changeRecord,
  lookAt,
  type Reading,
  replaceRecord,
  setAside,
  soundFound,
  soundRecord,
} from "./records.ts";

/** A job that fails so often is not tried again. */
export const MOST_FAILURES = 5;
/** Nor is one that this many workers began and never ended, not even with an error: it may be what kills them. */
const MOST_BEGINNINGS = 25;
export const LONGEST_ERROR = 2000;
const LONGEST_NAME = 200;
/** Most trees and results that a job may read. */
const MOST_INPUTS = 64;

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

/** @throws DamageError if there is no such job, or it is none */
export async function getJob(exchange: Exchange, name: string): Promise<Job> {
  const { kind, program, inputs, after, settings } = Object(jsonIn(await exchange.get(name), `the job ${name}`));
  const isWhole =
    typeof kind === "string" &&
    typeof program === "string" &&
    areNames(inputs) &&
    areNames(after) &&
    isObject(settings);
  if (!isWhole) throw new DamageError(`the job ${name} is not one that this program wrote`);
  return { kind, program, inputs, after, settings };
}

/** A result, and the state of the record that it was read from. */
export interface FoundResult {
  readonly result: Result;
  readonly entry: Entry;
}

/** The result of a job; undefined if there is none, or its record was damaged. */
export async function findResult(exchange: Exchange, job: string): Promise<FoundResult | undefined> {
  const { content, entry } = await soundFound(exchange, "results", job, resultIn);
  return content && entry && { result: content, entry };
}

/** The same without the record. */
export async function resultOf(exchange: Exchange, job: string): Promise<Result | undefined> {
  return (await findResult(exchange, job))?.result;
}

/**
 * Keeps a result. One that is there already stays.
 * @throws InputError if that one is different
 */
export async function keepResult(exchange: Exchange, job: string, result: Result): Promise<void> {
  const kept = await changeRecord(exchange, "results", job, (known) => known ?? result, resultIn);
  if (kept === undefined || kept.proof === result.proof) return;
  await replaceRecord(exchange, "conflicts", job, { known: kept, other: result });
  throw new InputError(conflictSentence(job, kept, result));
}

/**
 * Sets a result aside whose files are not what they must be, for `reason`, and counts a failure of the job. Of several that read the same
 * `entry` only the first does so, and a result that was kept since stays. Resolves to whether the job may be tried again; if not, it is
 * dead now.
 */
export async function discardResult(exchange: Exchange, job: string, entry: Entry, reason: string): Promise<boolean> {
  const isFirst = await setAside(exchange, "results", job, `the result of the job ${job}: ${reason}`, entry);
  return isFirst ? failJob(exchange, job, reason) : true;
}

/** The sentence on two different results of a job; undefined if there are none. */
export async function conflictOf(exchange: Exchange, job: string): Promise<string | undefined> {
  const { content, damage } = await lookAt(exchange, "conflicts", job, conflictIn);
  if (damage !== undefined) return `the job ${job} has two different results, and the record on them is damaged`;
  return content && conflictSentence(job, content.known, content.other);
}

/** Notes that a worker begins. Resolves to false if too many have begun and not ended, and the job is dead now. */
export async function beginJob(exchange: Exchange, job: string): Promise<boolean> {
  const { begun } = await change(exchange, job, (tries) => ({ ...tries, begun: tries.begun + 1 }));
  if (begun <= MOST_BEGINNINGS) return true;
  await bury(exchange, job, `${MOST_BEGINNINGS} workers began it, and none came to its end`);
  return false;
}

/** Notes that a worker that began has ended without a result, and was not killed: then it does not count as one that never ended. */
export async function leaveJob(exchange: Exchange, job: string): Promise<void> {
  await change(exchange, job, (tries) => ({ ...tries, begun: Math.max(0, tries.begun - 1) }));
}

/** Notes a failure. Resolves to whether the job may be tried again; if not, it is dead now. */
export async function failJob(exchange: Exchange, job: string, error: string): Promise<boolean> {
  const { failures } = await change(exchange, job, (tries) => ({ ...tries, failures: tries.failures + 1 }));
  if (failures < MOST_FAILURES) return true;
  await bury(exchange, job, error);
  return false;
}

/** The last error of a job that is not tried any more; undefined of any other. */
export async function deathOf(exchange: Exchange, job: string): Promise<string | undefined> {
  return (await soundRecord(exchange, "dead", job, deathIn))?.error;
}

/** Makes a dead job count as new, so that it is tried again. */
export async function reviveJob(exchange: Exchange, job: string): Promise<void> {
  if ((await deathOf(exchange, job)) === undefined) return;
  await replaceRecord(exchange, "tries", job);
  await replaceRecord(exchange, "dead", job);
}

/** Puts the jobs that wait for `job`, and for nothing else any more, into the queue. */
export async function offerDependants(exchange: Exchange, job: string, queue: string): Promise<void> {
  const { jobs } = (await soundRecord(exchange, "dependants", job, dependantsIn)) ?? { jobs: [] };
  for (const name of jobs) {
    const dependant = await orDamage(getJob(exchange, name));
    if (dependant instanceof DamageError) exchange.warn?.(dependant.message);
    else if (await isReady(exchange, dependant)) await exchange.offer(queue, name);
  }
}

/** Notes that a job waits for others, which offer it when they are done. */
export async function noteDependant(exchange: Exchange, name: string, { after }: Job): Promise<void> {
  const add = (known: Dependants | undefined): Dependants => {
    if (known?.jobs.includes(name)) return known;
    return { jobs: [...(known?.jobs ?? []), name] };
  };
  for (const source of Object.values(after)) await changeRecord(exchange, "dependants", source, add, dependantsIn);
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

interface Dependants {
  readonly jobs: readonly string[];
}

async function change(exchange: Exchange, job: string, next: (tries: Tries) => Tries): Promise<Tries> {
  const nothing = { begun: 0, failures: 0 };
  return (await changeRecord(exchange, "tries", job, (tries) => next(tries ?? nothing), triesIn)) ?? nothing;
}

async function bury(exchange: Exchange, job: string, error: string): Promise<void> {
  await replaceRecord(exchange, "dead", job, { error: shortText(error, LONGEST_ERROR) });
}

const resultIn: Reading<Result> = ({ proof, tree, seconds, worker }) => {
  const isWhole = isBlockName(proof) && isBlockName(tree) && typeof seconds === "number" && typeof worker === "string";
  return isWhole ? { proof, tree, seconds, worker: shortText(worker, LONGEST_NAME) } : undefined;
};

const conflictIn: Reading<{ readonly known: Result; readonly other: Result }> = (content) => {
  const [known, other] = [content.known, content.other].map((result) => resultIn(Object(result)));
  return known && other && { known, other };
};

/** Also for `cluster status`. */
export const deathIn: Reading<{ readonly error: string }> = ({ error }) =>
  typeof error === "string" ? { error: shortText(error, LONGEST_ERROR) } : undefined;

const triesIn: Reading<Tries> = ({ begun, failures }) =>
  isCount(begun) && isCount(failures) ? { begun, failures } : undefined;

const dependantsIn: Reading<Dependants> = ({ jobs }) =>
  Array.isArray(jobs) && jobs.every(isBlockName) ? { jobs } : undefined;

function conflictSentence(job: string, a: Result, b: Result): string {
  const workers = `${a.worker} and ${b.worker}`;
  return `the job ${job} has two different results, of ${workers}; one of them computes wrongly, and both results are kept`;
}

function isObject(value: unknown): value is Content {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function areNames(value: unknown): value is Readonly<Record<string, string>> {
  if (!isObject(value) || Object.keys(value).length > MOST_INPUTS) return false;
  return Object.entries(value).every(([key, name]) => /^[a-z]+$/.test(key) && isBlockName(name));
}
