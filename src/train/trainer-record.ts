/**
 * The part of a trainer's state that is JSON: the content of trainer.json, and the checks when it is read back.
 */

import { InputError } from "../base/errors.ts";
import type { RandomState } from "../base/random.ts";
import type { TrainingBatchesState } from "../data/batches.ts";
import { parseTrainingOptions, type TrainingOptions } from "./options.ts";
import { parseRoundOptions, type RoundOptions } from "./together/round-options.ts";

/** The content of a checkpoint's `trainer.json`. */
export interface TrainerRecord {
  /** Steps done. */
  readonly step: number;
  /** Seconds that they took. */
  readonly seconds: number;
  /** The options of the run. */
  readonly options: TrainingOptions;
  /** The generator of dropout keys. */
  readonly random: RandomState;
  /** The place in the data. */
  readonly batches: TrainingBatchesState;
  /** Of a training in rounds: how they go, and the records of its parts. */
  readonly rounds?: { readonly options: RoundOptions; readonly parts: readonly TrainerRecord[] };
}

/** Returns the record in `json`, the parsed content of the file `source`. Throws an InputError that names file and key. */
export function parseTrainerRecord(json: unknown, source: string): TrainerRecord {
  const { step, seconds, options, random, batches, rounds } = entriesOf(json);
  const { documents, taken, places, random: order } = entriesOf(batches);
  const require = (fits: boolean, key: string, wanted: string) => {
    if (!fits) throw new InputError(`${source}: ${key} must be ${wanted}; the file is damaged`);
  };
  require(isWhole(step), "step", "a whole number");
  require(typeof seconds === "number" && seconds >= 0, "seconds", "a number from 0 on");
  require(isRandomState(random), "random", "four whole numbers below 2^32");
  require(isWhole(documents), "batches.documents", "a whole number");
  require(isWhole(taken, documents), "batches.taken", "a whole number, at most the number of documents");
  require(isRandomState(order), "batches.random", "four whole numbers below 2^32");
  require(isPlaces(places, documents), "batches.places", "a list with document and offset, or null, for each row");
  const record = { ...(json as TrainerRecord), options: parseTrainingOptions(options, `${source}: options`) };
  return rounds === undefined ? record : { ...record, rounds: parseRounds(rounds, source) };
}

function parseRounds(json: unknown, source: string): TrainerRecord["rounds"] {
  const { options, parts } = entriesOf(json);
  const checked = parseRoundOptions(options, `${source}: rounds.options`);
  if (Array.isArray(parts) && parts.length === checked.parts) {
    return {
      options: checked,
      parts: parts.map((part, index) => parseTrainerRecord(part, `${source}: part ${index}`)),
    };
  }
  throw new InputError(`${source}: rounds.parts must be a list of ${checked.parts} records; the file is damaged`);
}

/** Returns a copy of an object; an empty one for anything else. */
function entriesOf(json: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json ?? {}));
}

function isWhole(value: unknown, most: unknown = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= Number(most);
}

function isRandomState(value: unknown): boolean {
  return Array.isArray(value) && value.length === 4 && value.every((word) => isWhole(word, 2 ** 32 - 1));
}

function isPlaces(value: unknown, documents: unknown): boolean {
  const isPlace = (place: unknown) => {
    const { document, offset } = entriesOf(place);
    return place === null || (isWhole(document, Number(documents) - 1) && isWhole(offset));
  };
  return Array.isArray(value) && value.every(isPlace);
}
