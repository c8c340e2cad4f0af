/** Tries whether results can be written before hours are spent on them. */
import { dirname } from "node:path";
import { InputError } from "../errors.ts";
import { isDirectory, makeDirectory, removeFile, writeFileAtomic } from "../platform.ts";

/** Makes `directory` if it is missing, and tries to write there. */
export function requireWritable(directory: string): void {
  makeDirectory(directory);
  const trial = `${directory}/.trial`;
  writeFileAtomic(trial, "");
  removeFile(trial);
}

/** The same for a file, which may exist; it is not touched. */
export function requireWritableFile(path: string): void {
  if (isDirectory(path)) throw new InputError(`cannot write ${path}: it is a directory, a file is needed`);
  requireWritable(dirname(path));
}
