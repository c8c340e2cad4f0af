/**
 * The record of a training in an exchange: who leads it, and the round that is computed now. Only its leader writes it, and gives a sign of
 * life by writing it again.
 */
import { DamageError, jsonIn } from "../damage.ts";
import type { Entry, Exchange } from "../exchange.ts";
import type { Content } from "../records.ts";
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

/** The record of a training; undefined if there is none. @throws DamageError if this program did not write it */
export async function readTraining(exchange: Exchange, training: string): Promise<FoundTraining | undefined> {
  const entry = await exchange.read(TRAININGS, training);
  return entry && { ...recordIn(entry, training), revision: entry.revision, changedAt: entry.changedAt };
}

export function trainingBytes(record: TrainingRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

function recordIn({ value }: Entry, training: string): TrainingRecord {
  const what = `the record of the training ${training.slice(0, 16)}`;
  const { leader, lease, beat, task } = Object(jsonIn(value, what));
  const isWhole = typeof leader === "string" && areCounts(lease, beat) && (task === null || isTask(Object(task)));
  if (isWhole) return { leader, lease, beat, task };
  throw new DamageError(`${what} is not one that this program wrote`);
}

function isTask({ round, attempt, step, steps, members, begin }: Partial<Task>): boolean {
  const isMember = ({ entry, from, to }: Partial<Member>) => typeof entry === "string" && areCounts(from, to);
  return (
    areCounts(round, attempt, step, steps) &&
    Array.isArray(members) &&
    members.every((member) => isMember(Object(member))) &&
    typeof begin === "object"
  );
}

function areCounts(...numbers: readonly unknown[]): boolean {
  return numbers.every((number) => Number.isSafeInteger(number) && Number(number) >= 0);
}
