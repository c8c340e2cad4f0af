/** Options of `train` for more than one machine, and for rounds on this one; and the training that they ask for. */
import { resolve } from "node:path";
import { InputError } from "../base/errors.ts";
import { type Exchange, LEASE } from "../cluster/exchange.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import type { ProgressLine } from "../report/progress.ts";
import type { Course } from "../train/course.ts";
import type { TrainingOptions } from "../train/options.ts";
import { OuterTrainer } from "../train/together/outer-trainer.ts";
import { type Closing, RoundCourse } from "../train/together/round-course.ts";
import { parseRoundOptions, type RoundOptions, roundFields } from "../train/together/round-options.ts";
import { leadTraining } from "../train/together/seat-job.ts";
import { StepCourse } from "../train/together/step-course.ts";
import type { Trainer } from "../train/trainer.ts";
import { fieldOptions, integer, type Option, type Values } from "./arguments/options.ts";
import { UsageError } from "./arguments/usage.ts";
import { clusterOptions } from "./cluster-options.ts";

/** How workers agree: in every step, or after so many steps. */
export type Sync = "step" | number;

const sync: Option<Sync | undefined> = {
  placeholder: "step|H",
  about: "how rows are put together: step sums their gradients in every step, H averages what workers learn in H steps",
  read(texts, name, command) {
    const value = texts.at(-1);
    if (value === undefined || value === "step") return value;
    if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
    throw new InputError(`${command}: ${name} must be step, or a whole number of steps from 1 on, not "${value}"`);
  },
};

const { outerRate, outerMomentum } = fieldOptions<RoundOptions>(roundFields);

export const clusterTrainingOptions = {
  ...clusterOptions,
  workers: integer("workers that share the rows of a batch [1]", 1, 65536),
  sync,
  outerRate,
  outerMomentum,
  quorum: integer("of --sync H: workers without which no round is closed [all]", 1, 65536),
  deadline: integer("of --sync H: seconds after which a round is closed without the others [never]", 1, 1e9),
};

export type ClusterChoice = Values<typeof clusterTrainingOptions>;

/** @throws UsageError if an option was given that means nothing with the others */
export function requireMeaning({
  cluster,
  credentials,
  workers,
  sync,
  quorum,
  deadline,
  ...outer
}: ClusterChoice): void {
  const isInRounds = typeof sync === "number";
  const without = (given: unknown, option: string, needed: string) => {
    if (given !== undefined) throw new UsageError(`${option} means nothing without ${needed}`);
  };
  if (cluster === undefined) without(credentials, "--credentials", "--cluster");
  if (cluster === undefined && !isInRounds) without(workers, "--workers", "--cluster, or --sync H");
  if (cluster === undefined) without(quorum ?? deadline, quorum ? "--quorum" : "--deadline", "--cluster");
  if (sync === "step" || (sync ?? cluster) === undefined) {
    without(quorum ?? deadline, quorum ? "--quorum" : "--deadline", "--sync H");
    without(outer.outerRate, "--outer-rate", "--sync H");
    without(outer.outerMomentum, "--outer-momentum", "--sync H");
  }
  if ((quorum === undefined) !== (deadline === undefined)) {
    throw new UsageError("--quorum N and --deadline SECONDS need each other; give both, or none");
  }
  if (quorum !== undefined && workers !== undefined && quorum > workers) {
    throw new UsageError(`--quorum ${quorum} is more than --workers ${workers}`);
  }
}

/** The rounds that a new run was asked for; undefined without `--sync H`. */
export function roundsOf({ sync, workers, outerRate, outerMomentum }: ClusterChoice): RoundOptions | undefined {
  if (typeof sync !== "number") return undefined;
  return parseRoundOptions({ every: sync, parts: workers ?? 1, outerRate, outerMomentum }, "memorizing train");
}

/** What `--sync` says of the options of a new run. */
export function gradientsOf({ cluster, sync }: ClusterChoice): Partial<TrainingOptions> {
  if (sync === "step") return { gradients: "rows" };
  if (cluster === undefined || sync !== undefined) return {};
  throw new UsageError(`--cluster ${cluster} needs --sync step, or --sync H for H steps between two exchanges`);
}

/** Refuses what the run in `out` was not begun with, since it would go on as another one. */
export function requireSameSync(
  { cluster, sync, workers, outerRate, outerMomentum }: ClusterChoice,
  { gradients }: TrainingOptions,
  rounds: RoundOptions | undefined,
  out: string,
): void {
  const had: Sync | undefined = rounds?.every ?? (gradients === "rows" ? "step" : undefined);
  const refuse = (option: string, value: unknown) => {
    throw new InputError(`the run in ${out} has ${option} ${value}; a resumed run keeps how its rows are put together`);
  };
  if (had === undefined && (sync ?? cluster) !== undefined) {
    throw new InputError(`the run in ${out} was begun without --sync, and goes on without it and --cluster`);
  }
  if (sync !== undefined && sync !== had) refuse("--sync", had);
  if (rounds === undefined) return;
  if (workers !== undefined && workers !== rounds.parts) refuse("--workers", rounds.parts);
  if (outerRate !== undefined && outerRate !== rounds.outerRate) refuse("--outer-rate", rounds.outerRate);
  if (outerMomentum !== undefined && outerMomentum !== rounds.outerMomentum)
    refuse("--outer-momentum", rounds.outerMomentum);
}

/** A training with its documents. */
export interface Trained {
  readonly trainer: Trainer | OuterTrainer;
  readonly documents: readonly TokenizedDocument[];
}

/** A training that workers of an exchange compute, and what lets them go. */
export interface Led {
  readonly course: Course;
  readonly end: () => Promise<void>;
}

/**
 * Leads a training, kept in `out`; undefined if `signal` ended the waiting for another that leads it.
 * @throws InputError if there are more workers than rows, or the model is not one of this program
 */
export async function leadOn(
  exchange: Exchange,
  { trainer, documents }: Trained,
  out: string,
  choice: ClusterChoice,
  progress: ProgressLine,
  signal: AbortSignal,
): Promise<Led | undefined> {
  const rounds = trainer instanceof OuterTrainer ? trainer.rounds : null;
  const workers = workersOf(trainer, choice);
  const { model, options } = trainer;
  const onNote = (note: string) => progress.note(note);
  const onWait = () => onNote("another command leads this training; waiting until it ends");
  const led = await leadTraining(
    exchange,
    { model, documents, options, rounds, workers, place: resolve(out) },
    { lease: LEASE, signal, onWait, onNote },
  );
  if (led === undefined) return undefined;
  const closing: Closing = { quorum: choice.quorum, deadline: choice.deadline };
  const course =
    trainer instanceof OuterTrainer ? new RoundCourse(trainer, led, closing) : new StepCourse(trainer, led);
  return { course, end: () => led.end() };
}

/** @throws InputError if there are more workers than rows, or a quorum of more than all parts; asked before an exchange is opened, which may have to be made */
export function requireRows(trainer: Trained["trainer"], choice: Pick<ClusterChoice, "workers" | "quorum">): void {
  const { batchSize, gradientAccumulation } = trainer.options;
  requireQuorum(trainer, choice);
  const [workers, rows] = [workersOf(trainer, choice), batchSize * gradientAccumulation];
  if (workers <= rows) return;
  throw new InputError(`--workers ${workers} is more than the ${rows} rows of a step (--batch-size); each needs one`);
}

/** @throws InputError if a round could never be closed: a run that goes on has the parts that it began with */
function requireQuorum(trainer: Trained["trainer"], { quorum = 0 }: Pick<ClusterChoice, "quorum">): void {
  const parts = trainer instanceof OuterTrainer ? trainer.rounds.parts : Infinity;
  if (quorum <= parts) return;
  throw new InputError(`--quorum ${quorum} is more than the ${parts} ${parts === 1 ? "part" : "parts"} of the run`);
}

function workersOf(trainer: Trained["trainer"], { workers = 1 }: Pick<ClusterChoice, "workers">): number {
  return trainer instanceof OuterTrainer ? trainer.rounds.parts : workers;
}
