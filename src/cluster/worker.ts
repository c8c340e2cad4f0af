/**
 * A worker: takes jobs of its own program one after the other, renews their leases while they are computed elsewhere (in another process,
 * since nothing is renewed while a kernel runs), keeps each result, and only then acknowledges. Wherever it is
 * killed, another worker has the job when the lease is over.
 */
import { hostname } from "node:os";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import { removeTree } from "../platform/files.ts";
import { isBlockName } from "./blocks.ts";
import { DamageError, orDamage, shortText } from "./damage.ts";
import type { Delivery, Exchange } from "./exchange.ts";
import { filesBelow, putTree, writeTree } from "./files.ts";
import * as jobs from "./jobs.ts";
import { pause } from "./pause.ts";
import { WorkerRecord } from "./worker-record.ts";

/** Milliseconds that a worker waits for a job before it looks whether it is to end. */
const WAIT = 1000;

/** A job with all that it reads on this machine. */
export interface Assignment {
  readonly name: string;
  readonly job: jobs.Job;
  /** Directories of its inputs, and of the results that it reads, by their keys in the job. */
  readonly inputs: Readonly<Record<string, string>>;
}

export interface Computed {
  /** SHA-256 of all that must be the same wherever the job is computed. */
  readonly proof: string;
  /** Directory of the result's files, which is the worker's from now on. */
  readonly directory: string;
}

/** Computes a job; rejects with an error of any kind if it cannot, and with any when `signal` aborts. */
export type Compute = (assignment: Assignment, signal: AbortSignal) => Promise<Computed>;

export interface WorkerOptions {
  readonly program: string;
  readonly compute: Compute;
  /** Where inputs are kept, by their names: workers of one machine share them. */
  readonly directory: string;
  /** Milliseconds between two renewals of a lease. */
  readonly renewal: number;
  /** Ends the worker; a job that it has is given back. */
  readonly signal: AbortSignal;
  /** Told of every job's end: its name, its seconds, and its error if it failed. */
  readonly onJob?: (job: string, seconds: number, error?: string) => void;
}

/** Works until `signal` aborts. @throws InputError if the exchange does not answer any more */
export async function work(exchange: Exchange, options: WorkerOptions): Promise<void> {
  const record = new WorkerRecord(exchange, options.program);
  await record.begin();
  try {
    while (!options.signal.aborted) {
      const delivery = await exchange.take(options.program, WAIT);
      if (delivery !== undefined) await new Task(exchange, options, delivery, record).run();
    }
  } finally {
    await record.end();
  }
}

/** The job reads a result that is not there, or not any more. */
class MissingResult extends Error {
  readonly source: string;

  constructor(source: string) {
    super(`the job reads the result of ${source}, which is not there yet`);
    this.source = source;
  }
}

/** What becomes of a delivery: the job has a result or is dead, is to be tried again, or is offered when `source` is done. */
type Outcome = "over" | "again" | { readonly source: string };

/** One delivery of a job. */
class Task {
  private readonly exchange: Exchange;
  private readonly options: WorkerOptions;
  private readonly delivery: Delivery;
  private readonly record: WorkerRecord;
  /** Aborts when the worker is to end, or the job is somebody else's. */
  private readonly ending = new AbortController();

  constructor(exchange: Exchange, options: WorkerOptions, delivery: Delivery, record: WorkerRecord) {
    this.exchange = exchange;
    this.options = options;
    this.delivery = delivery;
    this.record = record;
  }

  async run(): Promise<void> {
    const { options, ending } = this;
    const end = () => ending.abort();
    options.signal.addEventListener("abort", end);
    if (options.signal.aborted) end();
    const renewal = setInterval(() => void this.renew(), options.renewal);
    try {
      await this.settle(await this.outcome());
    } finally {
      clearInterval(renewal);
      options.signal.removeEventListener("abort", end);
    }
  }

  private async renew(): Promise<void> {
    const isOurs = await this.delivery.renew().catch(() => true); // not known: a second result would be equal
    if (!isOurs) this.ending.abort();
  }

  private async outcome(): Promise<Outcome> {
    const { exchange, delivery } = this;
    if (!isBlockName(delivery.job)) {
      exchange.warn?.(`somebody put ${show(delivery.job)} into the queue, which is not the name of a job`);
      return "over";
    }
    const isKnown = (await jobs.resultOf(exchange, delivery.job)) !== undefined;
    return isKnown ? "over" : this.tryIt();
  }

  private async settle(outcome: Outcome): Promise<void> {
    const { exchange, delivery, options, ending } = this;
    if (outcome === "over") {
      if (isBlockName(delivery.job)) await jobs.offerDependants(exchange, delivery.job, options.program);
      await delivery.acknowledge();
    } else if (outcome !== "again") {
      await delivery.acknowledge();
      await exchange.offer(options.program, outcome.source);
    } else if (!ending.signal.aborted || options.signal.aborted) await delivery.giveBack();
  }

  /** Computes the job, unless too many have tried. */
  private async tryIt(): Promise<Outcome> {
    const { exchange, delivery, options } = this;
    const { job } = delivery;
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    if (!(await jobs.beginJob(exchange, job))) return "over";
    this.record.take(job);
    try {
      await this.compute(seconds);
      this.record.finish(true);
      options.onJob?.(job, seconds());
      return "over";
    } catch (error) {
      await jobs.leaveJob(exchange, job);
      if (this.ending.signal.aborted) return "again";
      const message = shortText(error instanceof Error ? error.message : error, jobs.LONGEST_ERROR);
      this.record.finish(false);
      options.onJob?.(job, seconds(), message);
      if (error instanceof MissingResult) return error;
      const again = await jobs.failJob(exchange, job, `${hostname()}: ${message}`);
      if (again) await pause(options.renewal / 10, options.signal); // others may do better
      return again ? "again" : "over";
    }
  }

  private async compute(seconds: () => number): Promise<void> {
    const { exchange, delivery, options, ending } = this;
    const job = await jobs.getJob(exchange, delivery.job);
    if (job.program !== options.program) throw new InputError("the job is one of another program");
    const inputs = await this.inputsOf(job);
    const { proof, directory } = await options.compute({ name: delivery.job, job, inputs }, ending.signal);
    try {
      const tree = await putTree(exchange, filesBelow(directory));
      await jobs.keepResult(exchange, delivery.job, { proof, tree, seconds: seconds(), worker: this.record.worker });
    } finally {
      removeTree(directory);
    }
  }

  /** Brings what a job reads to this machine, unless it is there. */
  private async inputsOf({ inputs, after }: jobs.Job): Promise<Record<string, string>> {
    const directories: Record<string, string> = {};
    const bring = async (key: string, tree: string) => {
      directories[key] = `${this.options.directory}/trees/${tree}`;
      await writeTree(this.exchange, tree, directories[key]);
    };
    for (const [key, tree] of Object.entries(inputs)) await bring(key, tree);
    for (const [key, source] of Object.entries(after)) {
      const found = await jobs.findResult(this.exchange, source);
      if (found === undefined) throw new MissingResult(source);
      const damage = await orDamage(bring(key, found.result.tree));
      if (!(damage instanceof DamageError)) continue;
      if (await jobs.discardResult(this.exchange, source, found.entry, damage.message)) throw new MissingResult(source);
      throw damage;
    }
    return directories;
  }
}
