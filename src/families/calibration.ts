/**
 * Which heads of a model remember where nobody says otherwise, as `memorizing calibrate` found it: a file of JSON next to the model,
 * `memory.json` in its directory or `NAME.memory.json` next to `NAME.gguf`. Those of some models come with this program.
 */
import { check, isPlainObject, oneOf, optional, requireKnownKey, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import type { MemoryDtype } from "../memory/options.ts";
import { knownMemories } from "./known-memories.ts";
import { type MemoryPlaces, parsePlaces } from "./memory-places.ts";

/** What calibration found for a model. */
export interface Calibration {
  /** The file, or what else says so, as messages name it. */
  readonly name: string;
  /** Fingerprint of the model. */
  readonly model: string;
  /** The heads that remember. */
  readonly places: MemoryPlaces;
  /** K; undefined for the usual number. */
  readonly neighbours: number | undefined;
  /** R; undefined for half of the trained length. */
  readonly reach: number | undefined;
  /** W, where it was measured with another than the usual one. */
  readonly window: number | undefined;
  /** How pairs are remembered, where that was said. */
  readonly memoryDtype: MemoryDtype | undefined;
}

/** A calibration as its file has it. `measured` is for people. */
export interface CalibrationJson {
  readonly format: typeof FORMAT;
  readonly model: string;
  readonly memory_layers: string;
  readonly neighbours?: number;
  readonly reach?: number;
  readonly window?: number;
  readonly memory_dtype?: MemoryDtype;
  readonly measured?: unknown;
}

export const FORMAT = "memorizing-calibration";
const KEYS = ["format", "model", "memory_layers", "neighbours", "reach", "window", "memory_dtype", "measured"] as const;

/** The name of the file in a model's directory. */
export const CALIBRATION_FILE = "memory.json";

/** The file of a model at `path`: in its directory, or next to the one file that it is, `NAME.memory.json` next to `NAME.gguf`. */
export function calibrationPath(path: string, isDirectory: boolean): string {
  return isDirectory ? `${path}/${CALIBRATION_FILE}` : `${path.replace(/\.gguf$/i, "")}.${CALIBRATION_FILE}`;
}

/** @throws InputError that names the file and the key that is not as `memorizing calibrate` writes it */
export function parseCalibration(json: unknown, name: string): Calibration {
  if (!isPlainObject(json) || json.format !== FORMAT) {
    throw new InputError(`${name} is not a calibration, as "memorizing calibrate" writes them`);
  }
  for (const key of Object.keys(json)) requireKnownKey(name, key, KEYS);
  const { model, memory_layers: places, neighbours, reach, window, memory_dtype: memoryDtype } = json;
  if (typeof model !== "string" || !/^\w{1,64}$/.test(model)) {
    throw new InputError(`${name}: model is ${show(model)}; it must be the fingerprint of a model`);
  }
  if (typeof places !== "string") {
    throw new InputError(`${name}: memory_layers is ${show(places)}; it must be a text such as "7,18:0,18:2"`);
  }
  check(`${name}: neighbours`, neighbours, optional(whole(1, 2 ** 16)));
  check(`${name}: reach`, reach, optional(whole(0, 2 ** 24)));
  check(`${name}: window`, window, optional(whole(0, 2 ** 24)));
  check(`${name}: memory_dtype`, memoryDtype, optional(oneOf("float32", "float16")));
  return {
    name,
    model,
    places: parsePlaces(places, `${name}: memory_layers`),
    neighbours: neighbours as number | undefined,
    reach: reach as number | undefined,
    window: window as number | undefined,
    memoryDtype: memoryDtype as MemoryDtype | undefined,
  };
}

/**
 * The calibration of the model with this fingerprint: its file's, or the one that comes with this program.
 * @throws InputError if the file is of another model
 */
export function calibrationOf(found: Calibration | undefined, fingerprint: string): Calibration | undefined {
  if (found === undefined) return knownCalibration(fingerprint);
  if (found.model === fingerprint) return found;
  throw new InputError(
    `${found.name} is for the model ${found.model}, this is the model ${fingerprint}; calibrate this one, or say which memory layers it has`,
  );
}

/** The calibration that comes with this program. */
function knownCalibration(fingerprint: string): Calibration | undefined {
  const known = knownMemories.find(({ model }) => model === fingerprint);
  return known && parseCalibration({ format: FORMAT, ...known.found, model: fingerprint }, known.name);
}

/** Whether JSON is a calibration. */
export function isCalibration(json: unknown): boolean {
  return isPlainObject(json) && json.format === FORMAT;
}
