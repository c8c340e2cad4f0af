/** Small clusters in this process, whose jobs are small functions. */
import * as fs from "node:fs";
import { join } from "node:path";
import { nameOf } from "../../src/cluster/blocks.ts";
import type { Exchange } from "../../src/cluster/exchange.ts";
import { fileIn, getBytes, getTree } from "../../src/cluster/files.ts";
import type { Job } from "../../src/cluster/jobs.ts";
import { openExchange } from "../../src/cluster/open-exchange.ts";
import { type Finished, runSweep, type SweepJob } from "../../src/cluster/sweep.ts";
import { type Assignment, type Compute, type Computed, work } from "../../src/cluster/worker.ts";

/** Milliseconds, of a lease that is to end. Others are so long that no machine is late. */
export const LEASE = 800;
const LONG_LEASE = 600_000;
const RENEWAL = 200;
export const PROGRAM = nameOf(new TextEncoder().encode("a program"));

export function job(settings: Job["settings"], more: Partial<Job> = {}): Job {
  return { kind: "double", program: PROGRAM, inputs: {}, after: {}, settings, ...more };
}

export interface World {
  readonly exchange: Exchange;
  /** What was said of damage, to workers and to the test's own connection. */
  readonly warnings: string[];
  /** Starts a worker, and returns what ends it. */
  readonly worker: (compute?: Compute, renewal?: number) => () => Promise<void>;
}

/** Worlds whose files lie in `folder`. */
export function worldsIn(folder: string) {
  let count = 0;
  const newFolder = () => join(folder, `${count++}`);

  /** Twice the setting `n`, or twice the result of the job that it comes after. */
  async function double({ job, inputs }: Assignment): Promise<Computed> {
    const before = inputs.before === undefined ? Number(job.settings.n) : Number(fs.readFileSync(`${inputs.before}/n`));
    const directory = newFolder();
    fs.mkdirSync(directory);
    fs.writeFileSync(join(directory, "n"), String(2 * before));
    return { proof: nameOf(new TextEncoder().encode(String(2 * before))), directory };
  }

  async function world(place = newFolder(), lease = LONG_LEASE): Promise<World> {
    const warnings: string[] = [];
    const options = { lease, warn: (sentence: string) => void warnings.push(sentence) };
    const worker = (compute: Compute = double, renewal = RENEWAL) => {
      const ending = new AbortController();
      const own = { program: PROGRAM, compute, directory: newFolder(), renewal, signal: ending.signal };
      const done = openExchange(place, options).then((exchange) => work(exchange, own).finally(() => exchange.close()));
      return async () => {
        ending.abort();
        await done;
      };
    };
    return { exchange: await openExchange(place, options), warnings, worker };
  }

  return { newFolder, double, world };
}

/** The numbers in results of `double`, ascending. */
export async function numbers(exchange: Exchange, results: readonly Finished[]): Promise<number[]> {
  const all = await Promise.all(results.map((result) => numberIn(exchange, result)));
  return all.sort((a, b) => a - b);
}

export async function numberIn(exchange: Exchange, { tree }: Finished): Promise<number> {
  const bytes = await getBytes(exchange, fileIn(await getTree(exchange, tree), "n"), 100);
  return Number(new TextDecoder().decode(bytes));
}

/** The results of a sweep. */
export async function collected(
  exchange: Exchange,
  sweep: readonly SweepJob[],
  signal?: AbortSignal,
): Promise<Finished[]> {
  const results: Finished[] = [];
  const receive = async (finished: Finished) => void (await numberIn(exchange, finished));
  for await (const result of runSweep(exchange, sweep, { title: "a sweep", signal, receive })) results.push(result);
  return results;
}

/** Name and message of the error that ends `work`. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "nothing was refused",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

/** Waits for what a worker does, for ten minutes. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 12_000 && !(await isSo()); tries++) await new Promise((done) => setTimeout(done, 50));
  if (!(await isSo())) throw new Error("it did not come in time");
}
