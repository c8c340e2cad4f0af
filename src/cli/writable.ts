/** Tries whether results can be written before hours are spent on them. */
import { dirname } from "node:path";
import { InputError } from "../base/errors.ts";
import { isDirectory, makeDirectory, removeFile, writeFileAtomic } from "../platform/files.ts";

/** Tries to write beside the file, which may exist and is not touched; its directory is made if it is missing. */
export function requireWritableFile(path: string): void {
  if (isDirectory(path)) throw new InputError(`cannot write ${path}: it is a directory, a file is needed`);
  makeDirectory(dirname(path));
  const trial = `${dirname(path)}/.trial`;
  writeFileAtomic(trial, "");
  removeFile(trial);
}
