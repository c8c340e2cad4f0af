/** A worker's side of a training: sits in a seat, and computes its share of round after round until the leader has gone. */
import type { Exchange } from "../../cluster/exchange.ts";
import { Seat, SupersededError } from "../../cluster/training/seats.ts";
import { Slots } from "../../cluster/training/slots.ts";
import type { Task } from "../../cluster/training/training-record.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import { Transformer } from "../../model/transformer.ts";
import { PartMember } from "./part-member.ts";
import type { SeatSettings } from "./seat-job.ts";
import { StepMember } from "./step-member.ts";

export interface Sitter {
  /** Machine and process, for people. */
  readonly worker: string;
  /** Milliseconds of silence after which the seat counts as empty. */
  readonly lease: number;
}

/** Sits until the leader of these settings has gone. */
export async function sit(
  exchange: Exchange,
  settings: SeatSettings,
  documents: readonly TokenizedDocument[],
  { worker, lease }: Sitter,
): Promise<void> {
  const { training, leader, seat: number, config, options, rounds } = settings;
  const seat = new Seat(exchange, { training, leader, seat: number, worker, lease });
  const slots = new Slots(exchange, training);
  const model = new Transformer(config, 0);
  const member: RoundMember =
    rounds === null
      ? new StepMember(seat, slots, model, documents, options)
      : new PartMember(seat, slots, model, documents, options, rounds);
  await seat.begin();
  try {
    let last: Task | undefined;
    for (let task = await seat.nextTask(last); task !== undefined; task = await seat.nextTask(last)) {
      last = task;
      await computeOrTell(task, member, seat);
    }
  } finally {
    member.release?.();
    model.release();
    await seat.end();
  }
}

/** What computes a worker's share of a round. */
interface RoundMember {
  compute(task: Task): Promise<void>;
  /** Frees what it keeps from one round to the next. */
  release?(): void;
}

/** Computes a round, unless it is dealt out anew meanwhile; has the leader know if that is impossible. */
async function computeOrTell(task: Task, member: RoundMember, seat: Seat): Promise<void> {
  try {
    await member.compute(task);
  } catch (error) {
    // A round that is over, or was dealt out anew, may have no state any more.
    if (error instanceof SupersededError || (await seat.isSuperseded(task))) return;
    await seat.fail(error instanceof Error ? error.message : String(error));
  }
}
