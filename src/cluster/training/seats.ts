/**
 * Seats: a training has one for each worker that it wants. Whoever sits there gives signs of life, so the leader knows whom it can deal rows
 * to, and says why it failed.
 */
import { isCount, shortText } from "../damage.ts";
import type { Exchange } from "../exchange.ts";
import { LONGEST_ERROR } from "../jobs.ts";
import { pause } from "../pause.ts";
import { changeRecord, type Reading, soundRecord } from "../records.ts";
import { readTraining, type Task } from "./training-record.ts";

const MAP = "seats";

/** Milliseconds between two looks for a round: at first, and at most. */
const [SOON, LATE] = [2, 100];
/** A leader that is silent for so many leases does not come back. */
const PATIENCE = 3;

/** Thrown where work has become useless: the round was dealt out anew, or nobody leads the training any more. */
export class SupersededError extends Error {}

export interface SeatOptions {
  readonly training: string;
  /** The leader that asked for this seat to be taken. */
  readonly leader: string;
  /** Number of the seat, from 0. */
  readonly seat: number;
  /** Machine and process. */
  readonly worker: string;
  /** Milliseconds of silence after which it counts as empty. */
  readonly lease: number;
}

/** One process in one seat. */
export class Seat {
  readonly entry = crypto.randomUUID();
  private readonly exchange: Exchange;
  private readonly options: SeatOptions;
  private error: string | null = null;
  private beat = 0;
  /** Whether another process sits here by now, since this one was taken for dead. */
  private isLost = false;
  private timer: NodeJS.Timeout | undefined;
  private written: Promise<void> = Promise.resolve();

  constructor(exchange: Exchange, options: SeatOptions) {
    this.exchange = exchange;
    this.options = options;
  }

  async begin(): Promise<void> {
    await this.sign();
    this.timer = setInterval(() => void this.sign(), this.options.lease / 3);
  }

  /** Has the leader know that nothing can be computed here, and why. */
  async fail(error: string): Promise<void> {
    this.error = error;
    await this.sign();
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.written;
    const { training, seat } = this.options;
    const leave = (record: SeatRecord | undefined) => (this.isOurs(record) ? undefined : record);
    await changeRecord(this.exchange, MAP, keyOf(training, seat), leave, seatIn);
  }

  /** The next round that has this seat; undefined when the leader has gone, or another process sits here. */
  async nextTask(last: Task | undefined): Promise<Task | undefined> {
    let [revision, since] = [0, performance.now()];
    for (let wait = SOON; ; wait = Math.min(LATE, 1.2 * wait)) {
      const asked = performance.now();
      const found = await readTraining(this.exchange, this.options.training);
      if (this.isLost || found?.leader !== this.options.leader) return undefined;
      const wasAway = performance.now() - asked > found.lease; // a server that was away says nothing of the leader
      if (found.revision !== revision || wasAway) [revision, since] = [found.revision, performance.now()];
      if (performance.now() - since > PATIENCE * found.lease) return undefined;
      const { task } = found;
      const isNew = task?.round !== last?.round || task?.attempt !== last?.attempt;
      if (task !== null && isNew && task.members.some(({ entry }) => entry === this.entry)) return task;
      await pause(wait);
    }
  }

  /** @throws SupersededError if the round was dealt out anew, or is not to be computed any more */
  async requireCurrent(task: Task): Promise<void> {
    const now = await this.requireRound(task);
    if (now.attempt !== task.attempt) throw new SupersededError(`round ${task.round} was dealt out anew`);
  }

  /** Whether the round was dealt out anew, or is not to be computed any more; false if that is not known. */
  async isSuperseded(task: Task): Promise<boolean> {
    return this.requireCurrent(task).then(
      () => false,
      (error: unknown) => error instanceof SupersededError,
    );
  }

  /** The round as it was dealt out last. @throws SupersededError if it is not to be computed any more */
  async requireRound({ round }: Task): Promise<Task> {
    const found = await readTraining(this.exchange, this.options.training);
    const isCurrent = !this.isLost && found?.leader === this.options.leader && found.task?.round === round;
    if (!isCurrent || found.task === null) throw new SupersededError(`round ${round} is over`);
    return found.task;
  }

  private sign(): Promise<void> {
    this.written = this.written.then(() => this.write()).catch(() => {}); // what is lost the next sign tells
    return this.written;
  }

  private async write(): Promise<void> {
    const { training, leader, seat, worker, lease } = this.options;
    const { entry, error } = this;
    const content = { leader, entry, worker, lease, error, beat: this.beat };
    const sign = (record: SeatRecord | undefined) => {
      this.isLost = this.beat > 0 && !this.isOurs(record);
      return this.isLost ? record : content;
    };
    await changeRecord(this.exchange, MAP, keyOf(training, seat), sign, seatIn);
    this.beat++;
    if (this.isLost) clearInterval(this.timer);
  }

  private isOurs(record: SeatRecord | undefined): boolean {
    return record?.entry === this.entry;
  }
}

/** What somebody says who sits there. */
interface SeatRecord extends Pick<SeatOptions, "leader" | "worker" | "lease"> {
  readonly entry: string;
  readonly error: string | null;
  readonly beat: number;
}

const seatIn: Reading<SeatRecord> = ({ leader, entry, worker, lease, error, beat }) => {
  if (typeof leader !== "string" || typeof entry !== "string" || typeof worker !== "string") return undefined;
  if (!isCount(lease) || !isCount(beat) || !(error === null || typeof error === "string")) return undefined;
  return { leader, entry, worker, lease, error: error && shortText(error, LONGEST_ERROR), beat };
};

/** A seat that somebody sits in. */
export interface TakenSeat {
  /** Its number, from 0. */
  readonly seat: number;
  readonly entry: string;
  readonly worker: string;
  /** Why nothing can be computed there. */
  readonly error: string | null;
}

/** The seats of a training as its leader sees them. */
export class Seats {
  private readonly exchange: Exchange;
  private readonly training: string;
  private readonly leader: string;
  private readonly count: number;
  /** Beats of those who sit there, and since when this process has known them. */
  private readonly beats = new Map<string, { readonly beat: number; readonly since: number }>();

  constructor(exchange: Exchange, training: string, leader: string, count: number) {
    this.exchange = exchange;
    this.training = training;
    this.leader = leader;
    this.count = count;
  }

  /** Those who gave a sign of life within their lease, in the order of the seats. */
  async taken(): Promise<TakenSeat[]> {
    const all: TakenSeat[] = [];
    for (let seat = 0; seat < this.count; seat++) {
      const record = await soundRecord(this.exchange, MAP, keyOf(this.training, seat), seatIn);
      if (record === undefined || record.leader !== this.leader || !this.isAlive(record)) continue;
      const { entry, worker, error } = record;
      all.push({ seat, entry, worker, error });
    }
    return all;
  }

  private isAlive({ entry, beat, lease }: SeatRecord): boolean {
    const known = this.beats.get(entry);
    if (known !== undefined && known.beat === beat) return performance.now() - known.since < lease;
    this.beats.set(entry, { beat, since: performance.now() });
    return true;
  }
}

function keyOf(training: string, seat: number): string {
  return `${training.slice(0, 16)}_${seat}`;
}
