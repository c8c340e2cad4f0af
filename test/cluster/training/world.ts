/** Trainings on a directory, whose workers are in this process and can be killed. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Delivery, Exchange } from "../../../src/cluster/exchange.ts";
import { getJob } from "../../../src/cluster/jobs.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { programName } from "../../../src/cluster/program.ts";
import type { Rounds } from "../../../src/cluster/training/rounds.ts";
import { readTraining } from "../../../src/cluster/training/training-record.ts";
import { Transformer } from "../../../src/model/transformer.ts";
import { byteTokenizer } from "../../../src/text/tokenizer.ts";
import type { Course } from "../../../src/train/course.ts";
import type { TrainingOptions } from "../../../src/train/options.ts";
import { runTraining } from "../../../src/train/run.ts";
import { newestCheckpoint } from "../../../src/train/run-directory.ts";
import { OuterTrainer } from "../../../src/train/together/outer-trainer.ts";
import { type Closing, RoundCourse } from "../../../src/train/together/round-course.ts";
import type { RoundOptions } from "../../../src/train/together/round-options.ts";
import { leadTraining, type SeatSettings, seatSettings } from "../../../src/train/together/seat-job.ts";
import { sit } from "../../../src/train/together/sit.ts";
import { StepCourse } from "../../../src/train/together/step-course.ts";
import { Trainer } from "../../../src/train/trainer.ts";
import { randomDocuments, tinyConfig } from "../../tiny.ts";
import { type Fate, type Mortal, mortal } from "./mortal.ts";

/** Milliseconds. */
export const LEASE = 1500;
export const documents = randomDocuments([40, 23, 9, 31, 2, 15, 28]);
const tokenizer = byteTokenizer();

/** What is trained. */
export interface Training {
  readonly options: Partial<TrainingOptions>;
  readonly rounds?: RoundOptions;
  readonly workers?: number;
  readonly closing?: Closing;
}

export const newModel = (seed = 1) => new Transformer(tinyConfig({ dropout: 0.1, xl_cache_length: 7 }), seed);

export function newTrainer(model: Transformer, { options, rounds }: Training): Trainer | OuterTrainer {
  return rounds === undefined
    ? new Trainer(model, documents, options)
    : new OuterTrainer(model, documents, options, rounds);
}

/** Trains on this machine alone. */
export async function trainAlone(training: Training, directory: string, model = newModel()): Promise<void> {
  const trainer = newTrainer(model, training);
  await runTraining(trainer, { tokenizer, directory, evaluation: { documents, memorySizes: [0, 17] } });
  trainer.release();
  model.release();
}

/** A worker in this process. */
export interface Worker extends Mortal {
  /** Resolves when it has a seat. */
  readonly seated: Promise<void>;
  /** Resolves when it has left its seat, or was killed. */
  readonly ended: Promise<void>;
}

/** Takes the next seat that is offered by a leader who is still there. */
export async function newWorker(place: string, fate: Fate = {}, lease = LEASE): Promise<Worker> {
  const exchange = await openExchange(place, { lease });
  const self = mortal(exchange, fate);
  let sitDown = () => {};
  const seated = new Promise<void>((resolve) => (sitDown = resolve));
  const work = async () => {
    const { delivery, settings } = await nextSeat(exchange);
    sitDown();
    const renewal = setInterval(() => void delivery.renew(), lease / 4);
    await sit(self.exchange, settings, documents, { worker: "a worker", lease })
      .then(() => delivery.acknowledge())
      .catch((error: Error) => {
        if (error.message !== "this process was killed") throw error;
      })
      .finally(() => clearInterval(renewal));
  };
  const ended = work();
  ended.catch(() => {}); // whoever awaits it is told; a test that has failed before does not
  return { ...self, seated, ended };
}

/** The seats of a leader that was killed are still offered; a worker that takes one leaves it at once, and takes the next. */
async function nextSeat(exchange: Exchange): Promise<{ delivery: Delivery; settings: SeatSettings }> {
  for (;;) {
    const delivery = await exchange.take(programName(), 600_000);
    if (delivery === undefined) throw new Error("no seat was offered");
    const settings = seatSettings((await getJob(exchange, delivery.job)).settings);
    const { leader } = (await readTraining(exchange, settings.training)) ?? {};
    if (leader === settings.leader) return { delivery, settings };
    await delivery.acknowledge();
  }
}

/** A training that is led in this process. */
export interface Led {
  readonly exchange: Exchange;
  readonly rounds: Rounds;
  readonly course: Course;
  /** Trains to the end, or until `signal` aborts, and lets the workers go. */
  readonly run: (directory: string, signal?: AbortSignal) => Promise<void>;
}

export interface LeadOptions {
  /** Stands for the exchange at the place. */
  readonly exchange?: Exchange;
  /** Directory of the run that goes on. */
  readonly resumes?: string;
  /** Milliseconds [LEASE]. */
  readonly lease?: number;
  /** What is trained, as `--from` brings it. */
  readonly model?: Transformer;
}

/** Leads a training. */
export async function lead(place: string, training: Training, options: LeadOptions = {}): Promise<Led> {
  const { exchange, resumes, lease = LEASE, model: given = newModel() } = options;
  const own = exchange ?? (await openExchange(place, { lease }));
  const found = resumes === undefined ? undefined : newestCheckpoint(resumes);
  const model = found?.model ?? given;
  const trainer = newTrainer(model, training);
  if (found !== undefined) trainer.load(found.record, found.tensors);
  const { rounds: inRounds = null, workers = inRounds?.parts ?? 1, closing } = training;
  const together = { model, documents, options: trainer.options, rounds: inRounds, workers, place: "here" };
  const rounds = await leadTraining(own, together, { lease });
  if (rounds === undefined) throw new Error("nobody ended the waiting");
  const course =
    trainer instanceof OuterTrainer ? new RoundCourse(trainer, rounds, closing) : new StepCourse(trainer, rounds);
  const run = async (directory: string, signal?: AbortSignal) => {
    const evaluation = { documents, memorySizes: [0, 17] };
    await runTraining(course, { tokenizer, directory, evaluation, signal }).finally(() => rounds.end());
    trainer.release();
    model.release();
  };
  return { exchange: own, rounds, course, run };
}

/** All files of a run by their paths, without times and what follows from them. */
export function filesOf(directory: string): Map<string, string> {
  const paths = fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  const files = paths.filter((path) => fs.statSync(join(directory, path)).isFile() && !path.endsWith("checksums.json"));
  return new Map(files.map((path) => [path, contentOf(join(directory, path))]));
}

function contentOf(path: string): string {
  if (!/\.jsonl?$/.test(path)) return fs.readFileSync(path, "base64");
  const timeless = /,?"(seconds|secondsLeft|tokensPerSecond)": ?[-+.e\d]+/g;
  return fs.readFileSync(path, "utf8").replaceAll(timeless, "");
}

/** Requires that the same command with other first weights is another training, though the exchange has the end of the first. */
export async function requireOwnStart(training: Training, at: (name: string) => string): Promise<void> {
  await trainAlone(training, at("alone-other"), newModel(2));
  const place = at("other-weights");
  for (const [out, seed, alone] of [
    ["led-first", 1, "alone"],
    ["led-other", 2, "alone-other"],
    ["led-other-again", 2, "alone-other"],
  ] as const) {
    const worker = out === "led-other-again" ? undefined : newWorker(place); // all is done by then
    const led = await lead(place, training, { model: newModel(seed) });
    await led.run(at(out));
    await (await worker)?.ended;
    const [found, wanted] = [filesOf(at(out)), filesOf(at(alone))];
    for (const path of ["model.safetensors", "config.json"])
      assert.is(found.get(path), wanted.get(path), `${out}/${path}`);
  }
}
