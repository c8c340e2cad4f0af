/** The job by which a worker takes a seat in a training: all that it needs besides the states in the slots. */
import { InputError } from "../../base/errors.ts";
import { isBlockName, nameOf } from "../../cluster/blocks.ts";
import type { Exchange } from "../../cluster/exchange.ts";
import type { Job } from "../../cluster/jobs.ts";
import { programName } from "../../cluster/program.ts";
import { Rounds, type RoundsOptions } from "../../cluster/training/rounds.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import { type ModelConfig, parseConfig } from "../../model/config.ts";
import { Transformer } from "../../model/transformer.ts";
import type { TrainableModel } from "../../nn/language-model.ts";
import { parseTrainingOptions, type TrainingOptions } from "../options.ts";
import { putDocuments } from "./documents.ts";
import { parseRoundOptions, type RoundOptions } from "./round-options.ts";

export const SEAT = "seat";

/** What is trained, and how. */
export interface TogetherOptions {
  readonly model: TrainableModel;
  readonly documents: readonly TokenizedDocument[];
  readonly options: TrainingOptions;
  /** The rounds of `--sync H`; null: gradients are summed in every step. */
  readonly rounds: RoundOptions | null;
  /** How many workers are wanted. */
  readonly workers: number;
  /** Where the run is kept: trainings in two places are two. */
  readonly place: string;
}

/** The settings of a seat. */
export interface SeatSettings {
  readonly training: string;
  readonly leader: string;
  readonly seat: number;
  readonly config: ModelConfig;
  readonly options: TrainingOptions;
  readonly rounds: RoundOptions | null;
}

/**
 * Leads a training in `exchange`; undefined if the signal of `more` ended the waiting.
 * @throws InputError if the model is not one that workers can make
 */
export async function leadTraining(
  exchange: Exchange,
  { model, documents, options, rounds, workers, place }: TogetherOptions,
  more: Pick<RoundsOptions, "lease" | "signal" | "onWait" | "onNote">,
): Promise<Rounds | undefined> {
  if (!(model instanceof Transformer)) {
    throw new InputError("--cluster trains models of this program only; leave it out to train one of others");
  }
  const { config } = model;
  const program = programName();
  const tree = await putDocuments(exchange, documents);
  const settings = { config, options, rounds };
  const text = JSON.stringify({ program, tree, settings, place });
  const training = nameOf(new TextEncoder().encode(text));
  const seatJob = (leader: string, seat: number, turn: number): Job => ({
    kind: SEAT,
    program,
    inputs: { documents: tree },
    after: {},
    settings: { ...settings, training, leader, seat, turn }, // a turn of its own: a job that has a result is not done again
  });
  return Rounds.lead(exchange, { ...more, training, program, seats: workers, seatJob });
}

/** @throws InputError if these are not settings that this program wrote */
export function seatSettings({ training, leader, seat, config, options, rounds }: Job["settings"]): SeatSettings {
  if (!isBlockName(training) || typeof leader !== "string" || !Number.isSafeInteger(seat)) {
    throw new InputError("the settings of a seat are not what this program writes");
  }
  return {
    training,
    leader,
    seat: Number(seat),
    config: parseConfig(config, "the configuration of a training"),
    options: parseTrainingOptions(options, "the options of a training"),
    rounds: rounds === null ? null : parseRoundOptions(rounds, "the rounds of a training"),
  };
}
