/**
 * Directories that are there as a whole or not at all: written under another name, and renamed when they are complete. A
 * process that is killed meanwhile leaves what it wrote under that other name, which ends in `.tmp-` and its number.
 */
import { exists, removeTree, rename, temporaryName } from "./files.ts";

/**
 * Has `write` fill a directory, and calls it `directory` then; returns what `write` does. If that throws, nothing
 * stays.
 * @throws InputError if there is a directory of that name that is not empty
 */
export function writeDirectory<T>(directory: string, write: (unfinished: string) => T): T {
  const name = directory.replace(/(?<=.)\/+$/, "");
  const unfinished = temporaryName(name);
  try {
    const result = write(unfinished);
    rename(unfinished, name);
    return result;
  } finally {
    if (exists(unfinished)) removeTree(unfinished);
  }
}
