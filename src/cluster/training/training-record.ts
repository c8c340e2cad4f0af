/**
 * The record of a training in an exchange: who leads it, and the round that is computed now. Only its leader writes it, and gives a sign of
 * life by writing it again.
 */
import { isCount } from "../damage.ts";
import type { Entry, Exchange } from "../exchange.ts";
import { type Content, type Found, type Reading, soundFound } from "../records.ts";
import type { Share } from "./deal.ts";

export const TRAININGS = "trainings";

/** A seat with its share of the rows, or of the parts. */
export interface Member extends Share {
  /** Which process sits there. */
  readonly entry: string;
}

/** A round: some steps from one common state to the next. */
export interface Task {
  /** From 1; every state of the training has the number of the round that begins with it. */
  readonly round: number;
  /** Counts how often the round was dealt out. */
  readonly attempt: number;
  /** Steps done before the round. */
  readonly step: number;
  /** Steps to do. */
  readonly steps: number;
  readonly members: readonly Member[];
  /** What else is known where the round begins; its reader checks it. */
  readonly begin: Content;
}

export interface TrainingRecord {
  /** A name that the leader drew; empty if nobody leads. */
  readonly leader: string;
  /** Milliseconds of silence after which another may lead. */
  readonly lease: number;
  readonly beat: number;
  /** The last round that was begun. */
  readonly task: Task | null;
}

export interface FoundTraining extends TrainingRecord, Pick<Entry, "revision" | "changedAt"> {}

/** The record of a training; undefined if there is none, or it was damaged: then it is set aside. */
export async function readTraining(exchange: Exchange, training: string): Promise<FoundTraining | undefined> {
  const { content, entry } = await findTraining(exchange, training);
  return content && entry && { ...content, revision: entry.revision, changedAt: entry.changedAt };
}

/** The same, with the state of the record, whatever it was. */
export function findTraining(exchange: Exchange, training: string): Promise<Found<TrainingRecord>> {
  return soundFound(exchange, TRAININGS, training, trainingIn);
}

export function trainingBytes(record: TrainingRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

/** Also for `cluster status`. */
export const trainingIn: Reading<TrainingRecord> = ({ leader, lease, beat, task }) => {
  if (typeof leader !== "string" || !isCount(lease) || !isCount(beat)) return undefined;
  return task === null || isTask(task) ? { leader, lease, beat, task } : undefined;
};

function isTask(value: unknown): value is Task {
  const { round, attempt, step, steps, members, begin } = Object(value);
  const isMember = ({ entry, from, to }: Partial<Member>) => typeof entry === "string" && [from, to].every(isCount);
  return (
    [round, attempt, step, steps].every(isCount) &&
    Array.isArray(members) &&
    members.every((member) => isMember(Object(member))) &&
    typeof begin === "object" &&
    begin !== null
  );
}
