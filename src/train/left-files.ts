/** What another model left in a directory that a model is written into, and that would be taken for this one's. */
import { InputError } from "../base/errors.ts";
import { CALIBRATION_FILE } from "../families/calibration.ts";
import { companionNames } from "../families/companions.ts";
import { OFFSETS_FILE } from "../families/offsets-file.ts";
import { exists } from "../platform/files.ts";

/** Names the files of weights that are in several, and goes before the one that is written. */
const INDEX = "model.safetensors.index.json";

/**
 * Refuses a directory where a file would stay that belongs to a model that others trained. `written`: names of the files to come.
 * @throws InputError that names the file
 */
export function requireNoneLeft(directory: string, written: { has(name: string): boolean }): void {
  const left = [...companionNames, OFFSETS_FILE, CALIBRATION_FILE, INDEX].find(
    (name) => !written.has(name) && exists(`${directory}/${name}`),
  );
  if (left === undefined) return;
  throw new InputError(
    `${directory}/${left} is of another model and would be taken for a part of this one, which has no such file; move it away, or give another directory`,
  );
}
