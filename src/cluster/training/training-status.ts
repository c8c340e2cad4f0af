/** What `memorizing cluster status` says of trainings: who leads, and the round that is computed. */
import type { Exchange } from "../exchange.ts";
import { lookAt } from "../records.ts";
import { TRAININGS, trainingIn } from "./training-record.ts";

/** A leader that was silent for so many leases is gone. */
const PATIENCE = 3;

export interface TrainingStatus {
  /** Name of the training. */
  readonly training: string;
  /** Whether a command leads it now. */
  readonly isLed: boolean;
  /** Whether the command that led it ended in good order, at the last step or after Ctrl-C. */
  readonly hasEnded: boolean;
  /** The last round that was begun. */
  readonly round: number;
  /** Steps done when it began. */
  readonly step: number;
  /** Steps of the round. */
  readonly steps: number;
  /** Workers that it was dealt out to. */
  readonly workers: number;
}

/** The trainings that have begun a round; what is wrong with the records of others goes to `damage`. */
export async function trainingsOf(exchange: Exchange, damage: string[]): Promise<TrainingStatus[]> {
  const all: TrainingStatus[] = [];
  for (const training of await exchange.keys(TRAININGS)) {
    const { content, entry, damage: sentence } = await lookAt(exchange, TRAININGS, training, trainingIn);
    if (sentence !== undefined) damage.push(sentence);
    if (content === undefined || entry === undefined || content.task === null) continue;
    const { round, step, steps, members } = content.task;
    const hasEnded = content.leader === "";
    const isLed = !hasEnded && Date.now() - entry.changedAt < PATIENCE * content.lease;
    all.push({ training, isLed, hasEnded, round, step, steps, workers: members.length });
  }
  return all;
}
