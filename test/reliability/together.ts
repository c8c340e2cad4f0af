/**
 * `npm run bench:together -- speed [REPETITIONS] [ROUNDS]`: tokens of `train --cluster` with one worker and with two, one thread each, over a
 * directory: in a second, and in a second of all processors' time (Linux), which says less of a busy machine's other work. Documents are the
 * sources of this package. What rounds cost in quality: together-quality.ts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { LEASE } from "../../src/cluster/exchange.ts";
import { openExchange } from "../../src/cluster/open-exchange.ts";
import { documentsInDirectory, type TokenizedDocument, tokenizeDocuments } from "../../src/data/corpus.ts";
import { preset } from "../../src/model/presets.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import type { Course } from "../../src/train/course.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import type { MetricsLine } from "../../src/train/step-metrics.ts";
import { OuterTrainer } from "../../src/train/together/outer-trainer.ts";
import { RoundCourse } from "../../src/train/together/round-course.ts";
import { leadTraining } from "../../src/train/together/seat-job.ts";
import { StepCourse } from "../../src/train/together/step-course.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { useThreads } from "../../src/wasm/parallel.ts";
import { Running } from "../cluster/processes.ts";
import { ownSeconds, treeSeconds } from "./processor-time.ts";

const MEMORY = 1024;
const OUTER = { outerRate: 0.7, outerMomentum: 0.9 };

const tokenizer = byteTokenizer();
const config = { ...preset("tiny"), memory_size: MEMORY };

function sources(): TokenizedDocument[] {
  const root = import.meta.url.includes("/dist/") ? "../../../src" : "../../src";
  const directory = fileURLToPath(new URL(root, import.meta.url));
  return tokenizeDocuments(documentsInDirectory(directory, { extensions: [".ts"] }), tokenizer);
}

interface Rate {
  /** Tokens a second, and a second of processor time. */
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/** Tokens after the first round, in so many rounds. `workers`: process ids. */
async function rateOf(course: Course, rounds: number, workers: readonly number[]): Promise<Rate> {
  await course.advance();
  const cpu = () => workers.reduce((sum, pid) => sum + treeSeconds(pid), ownSeconds(process.pid));
  const [began, used] = [performance.now(), cpu()];
  let tokens = 0;
  for (let round = 0; round < rounds; round++) {
    for (const line of await course.advance()) tokens += tokensOf(line);
  }
  return { perSecond: (1000 * tokens) / (performance.now() - began), perCpuSecond: tokens / (cpu() - used) };
}

function tokensOf(line: MetricsLine): number {
  return "tokens" in line ? line.tokens : 0;
}

interface Case {
  readonly sync: "step" | number;
  readonly workers: number;
  readonly rounds: number;
}

async function rateTogether(documents: readonly TokenizedDocument[], { sync, workers, rounds }: Case): Promise<Rate> {
  const folder = mkdtempSync(join(tmpdir(), "together-"));
  const place = join(folder, "exchange");
  const line = ["worker", place, "--dir", join(folder, "kept"), "--threads", "1"];
  const running = Array.from({ length: workers }, () => new Running(...line));
  const model = new Transformer(config, 0);
  const options: Partial<TrainingOptions> = { steps: 1e6, ...(sync === "step" ? { gradients: "rows" } : {}) };
  const inRounds = sync === "step" ? null : { every: sync, parts: workers, ...OUTER };
  const trainer =
    inRounds === null ? new Trainer(model, documents, options) : new OuterTrainer(model, documents, options, inRounds);
  const exchange = await openExchange(place);
  const together = { model, documents, options: trainer.options, rounds: inRounds, workers, place: folder };
  const led = await leadTraining(exchange, together, { lease: LEASE });
  if (led === undefined) throw new Error("nobody ended the waiting");
  try {
    const course = trainer instanceof OuterTrainer ? new RoundCourse(trainer, led) : new StepCourse(trainer, led);
    const pids = running.flatMap(({ child: { pid } }) => (pid === undefined ? [] : [pid]));
    return await rateOf(course, rounds, pids);
  } finally {
    await led.end();
    for (const worker of running) await worker.end("SIGINT");
    trainer.release();
    model.release();
    rmSync(folder, { recursive: true, maxRetries: 50 });
  }
}

async function rateAlone(documents: readonly TokenizedDocument[], gradients: "batch" | "rows"): Promise<Rate> {
  const model = new Transformer(config, 0);
  const trainer = new Trainer(model, documents, { steps: 1e6, gradients });
  const rate = await rateOf(trainer, 50, []);
  trainer.release();
  model.release();
  return rate;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

async function speed(repetitions: number, rounds: number): Promise<void> {
  await useThreads(1);
  const documents = sources();
  const together = (sync: "step" | number, workers: number) => () => rateTogether(documents, { sync, workers, rounds });
  const cases = new Map<string, () => Promise<Rate>>([
    ["train", () => rateAlone(documents, "batch")],
    ["train --sync step", () => rateAlone(documents, "rows")],
    ["--sync step, one worker", together("step", 1)],
    ["--sync step, two workers", together("step", 2)],
    ["--sync 100, one worker", together(100, 1)],
    ["--sync 100, two workers", together(100, 2)],
  ]);
  const rates = new Map<string, Rate[]>([...cases.keys()].map((name) => [name, []]));
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [name, measure] of cases) rates.get(name)?.push(await measure());
  }
  const of = (name: string, key: keyof Rate) => median((rates.get(name) ?? []).map((rate) => rate[key]));
  for (const name of cases.keys()) {
    const [second, cpuSecond] = [of(name, "perSecond"), of(name, "perCpuSecond")].map(Math.round);
    console.log(`${name.padEnd(26)} ${second} tokens/s, ${cpuSecond} in a second of processor time`);
  }
  for (const sync of ["step", "100"]) {
    const ratio = (key: keyof Rate) => of(`--sync ${sync}, two workers`, key) / of(`--sync ${sync}, one worker`, key);
    const [wall, cpu] = [ratio("perSecond").toFixed(2), ratio("perCpuSecond").toFixed(2)];
    console.log(
      `--sync ${sync}: two workers are ${wall} of one; a second of processor time gives ${cpu} of the tokens`,
    );
  }
}

const given = process.argv.slice(2).map(Number).filter(Number.isFinite);
const [repetitions = 3, rounds = 2] = given;
await speed(repetitions, rounds);
