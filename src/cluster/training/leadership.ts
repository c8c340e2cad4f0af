/**
 * Leading a training: one process at a time deals out rounds and closes them. Its lease is the record of the training, and the fencing token
 * is the record's revision: whatever the leader writes replaces exactly the state that it wrote before. So one that was taken for dead and
 * comes back changes nothing any more.
 */
import { InputError } from "../../base/errors.ts";
import type { Exchange } from "../exchange.ts";
import { pause } from "../pause.ts";
import {
  findTraining,
  readTraining,
  type Task,
  TRAININGS,
  type TrainingRecord,
  trainingBytes,
} from "./training-record.ts";

/** Most milliseconds between two looks at another leader. */
const LOOKS = 500;

export interface LeadershipOptions {
  /** Milliseconds of silence after which another may lead. */
  readonly lease: number;
  readonly signal?: AbortSignal;
  /** Told once if another leads. */
  readonly onWait?: () => void;
}

export class Leadership {
  readonly name = crypto.randomUUID();
  private readonly exchange: Exchange;
  private readonly training: string;
  private record: TrainingRecord;
  private revision: number;
  /** A round that nobody has written states of. Every round that was begun has replaced the record, so its revision is none of them. */
  private fresh = 0;
  private timer: NodeJS.Timeout | undefined;
  private written: Promise<void> = Promise.resolve();
  private loss: Error | undefined;

  private constructor(exchange: Exchange, training: string, lease: number) {
    this.exchange = exchange;
    this.training = training;
    this.record = { leader: this.name, lease, beat: 0, task: null };
    this.revision = 0;
  }

  /** Leads the training as soon as nobody else does; undefined if `signal` ends the waiting. */
  static async take(exchange: Exchange, training: string, options: LeadershipOptions): Promise<Leadership | undefined> {
    const leadership = new Leadership(exchange, training, options.lease);
    let [revision, since, isTold] = [-1, performance.now(), false];
    while (!options.signal?.aborted) {
      const { content: found, entry } = await findTraining(exchange, training);
      const seen = entry?.revision ?? 0;
      if (seen !== revision) [revision, since] = [seen, performance.now()];
      const isFree = found === undefined || found.leader === "" || performance.now() - since >= found.lease;
      if (isFree && (await leadership.begin(found?.task ?? null, revision))) return leadership;
      if (!isFree && !isTold) options.onWait?.();
      isTold ||= !isFree;
      await pause(Math.min(LOOKS, options.lease / 4), options.signal);
    }
    return undefined;
  }

  /** The last round that was begun, by this leader or the one before. */
  get task(): Task | null {
    return this.record.task;
  }

  /** Number of a round that nobody has written states of, whoever led before. */
  get freshRound(): number {
    return this.fresh;
  }

  /** Begins a round. @throws InputError if another leads by now */
  publish(task: Task): Promise<void> {
    return this.write({ task });
  }

  /** Keeps the last round, and lets others lead. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.write({ leader: "" }).catch(() => {});
  }

  /** @throws InputError if another leads by now */
  require(): void {
    if (this.loss !== undefined) throw this.loss;
  }

  private async begin(task: Task | null, revision: number): Promise<boolean> {
    this.record = { ...this.record, task };
    const { exchange, training, record } = this;
    const written = await exchange.write(TRAININGS, training, trainingBytes(record), revision);
    const next = written ?? (await this.revisionOf(record));
    if (next === undefined) return false;
    this.revision = next;
    this.fresh = (task?.round ?? revision) + 2;
    this.timer = setInterval(() => void this.write({}).catch(() => {}), this.record.lease / 3);
    return true;
  }

  /** Writes when what was begun is written. */
  private write(change: Partial<TrainingRecord>): Promise<void> {
    const writing = this.written.then(() => this.replace({ ...this.record, ...change, beat: this.record.beat + 1 }));
    this.written = writing.catch(() => {});
    return writing;
  }

  private async replace(record: TrainingRecord): Promise<void> {
    this.require();
    const { exchange, training } = this;
    const revision = await exchange.write(TRAININGS, training, trainingBytes(record), this.revision);
    this.revision = revision ?? (await this.revisionOf(record)) ?? this.lose();
    this.record = record;
  }

  /** The revision of a record that was written, though nobody said so; undefined if it was not. */
  private async revisionOf({ leader, beat }: TrainingRecord): Promise<number | undefined> {
    const found = await readTraining(this.exchange, this.training);
    return found?.leader === leader && found.beat === beat && leader !== "" ? found.revision : undefined;
  }

  private lose(): never {
    clearInterval(this.timer);
    this.loss = new InputError("another command leads this training now, so this one ends; nothing is lost");
    throw this.loss;
  }
}
