/**
 * The fuzzer: `npm run test:fuzz -- [--inputs 1000000] [--lines 10000] [--seed 7] [--from 0]`. Reads spoilt files one after the
 * other until a reader breaks a promise, and then says how to see the same input again. A reader that does not come back is
 * noticed from outside, since it runs on a thread of its own. Then random command lines run, see run-command-lines.ts.
 */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { attack, input, newDirectory } from "./attack.ts";
import { readers } from "./readers.ts";

interface Job {
  readonly seed: number;
  readonly from: number;
  readonly inputs: number;
  readonly directory: string;
  /** Number of the input that is being read, [1]. */
  readonly progress: Int32Array;
}

const LINES_A_PROCESS = 1000;
const LOOK_EVERY_MS = 5000;
/** So much work on one input is a hang. */
const HANG_MICROSECONDS = 20e6;

if (isMainThread) main();
else work(workerData);

function main(): void {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { inputs: text, lines: text, seed: text, from: text } });
  const { inputs = "1000000", lines = "10000", seed = String(Date.now() % 1_000_000), from = "0" } = values;
  const directory = newDirectory();
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const job: Job = { seed: Number(seed), from: Number(from), inputs: Number(inputs), directory, progress };
  console.log(`${inputs} inputs from ${from} on, seed ${seed}`);
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: job });
  const watch = setInterval(watchFor(job), LOOK_EVERY_MS);
  worker.on("error", (error) => {
    console.error(`${replay(job)}\n${error.stack}`);
    process.exitCode = 1;
  });
  worker.on("exit", () => {
    clearInterval(watch);
    rmSync(directory, { recursive: true, force: true });
    if (process.exitCode !== 1) runLines(job, Number(lines));
  });
}

/** Runs random command lines, in processes of their own: commands leave their models in memory. */
function runLines({ seed, from }: Job, lines: number): void {
  const script = fileURLToPath(new URL("./run-command-lines.js", import.meta.url));
  for (let done = 0; done < lines; done += LINES_A_PROCESS) {
    const count = Math.min(LINES_A_PROCESS, lines - done);
    const args = [script, seed, from + done, count].map(String);
    const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
    if (status !== 0) {
      console.error(`again: --inputs 0 --seed ${seed} --from N --lines 1`);
      process.exitCode = 1;
      return;
    }
  }
  console.log(`${lines} command lines, no input changed; seed ${seed}`);
}

/** Ends the program when the same input has been worked on for long. */
function watchFor(job: Job): () => void {
  let [last, since] = [-1, process.cpuUsage()];
  return () => {
    const at = Atomics.load(job.progress, 0);
    if (at !== last) [last, since] = [at, process.cpuUsage()];
    const { user, system } = process.cpuUsage(since);
    if (user + system < HANG_MICROSECONDS) return;
    console.error(`${replay(job)}\nits reader does not come back`);
    process.exit(1);
  };
}

function replay({ seed, directory, progress }: Job): string {
  const index = Atomics.load(progress, 0);
  const { reader, bytes } = input(seed, index);
  const kept = join(tmpdir(), `fuzz-${seed}-${index}-${reader.fileName}`);
  writeFileSync(kept, bytes);
  rmSync(directory, { recursive: true, force: true });
  return `input ${index} breaks the reader "${reader.name}"; again: --seed ${seed} --from ${index} --inputs 1 --lines 0; kept as ${kept}`;
}

function work({ seed, from, inputs, directory, progress }: Job): void {
  const begin = performance.now();
  const counts = readers.map(({ name }) => ({ name, inputs: 0, refused: 0, slowestMs: 0, bytes: 0 }));
  for (let index = from; index < from + inputs; index++) {
    Atomics.store(progress, 0, index);
    const { reader, bytes } = input(seed, index);
    const start = performance.now();
    const count = counts[readers.indexOf(reader)];
    if (attack(reader, bytes, directory)) count.refused++;
    count.inputs++;
    count.bytes += bytes.length;
    count.slowestMs = Math.max(count.slowestMs, Math.round(performance.now() - start));
    if ((index - from + 1) % 100_000 === 0) console.log(`${index - from + 1} inputs, ${seconds(begin)} s`);
  }
  console.table(counts);
  console.log(`${inputs} inputs in ${seconds(begin)} s, no promise broken; seed ${seed}`);
}

function seconds(begin: number): number {
  return Math.round((performance.now() - begin) / 1000);
}
