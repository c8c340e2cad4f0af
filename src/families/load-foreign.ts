/** Models that somebody else trained, by their paths: a directory as `transformers` writes it, or one GGUF file. */

import { InputError } from "../base/errors.ts";
import { fileRanges } from "../platform/file-ranges.ts";
import { exists, isDirectory } from "../platform/files.ts";
import { calibrationPath } from "./calibration.ts";
import { type ForeignModel, readGgufModel, readModelFiles } from "./foreign-model.ts";

/**
 * The model at `path`. Only headers are read; weights follow when they are asked for.
 * @throws InputError that names the file, key or tensor which is missing, damaged or not understood
 */
export function loadForeign(path: string): ForeignModel {
  if (/\.(?:safetensors|json)$/.test(path) && !isDirectory(path)) {
    throw new InputError(`${path} is one file of a model; give the directory that it is in`);
  }
  const rangesAt = (file: string) => (exists(file) ? fileRanges(file) : undefined);
  if (!isDirectory(path)) return readGgufModel(fileRanges(path), rangesAt(calibrationPath(path, false)));
  return readModelFiles({ name: path, open: (file) => rangesAt(`${path}/${file}`) });
}
