/**
 * Directories that are there as a whole or not at all: written under another name, and renamed when they are complete. A
 * process that is killed meanwhile leaves what it wrote under that other name, see temporary.ts.
 */
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { InputError } from "../base/errors.ts";
import { rename } from "./atomic-write.ts";
import { makeParent, removeEmpty } from "./directories.ts";
import { attempt } from "./system-errors.ts";
import { followLinks } from "./target.ts";
import { removeLeftovers, temporaryName } from "./temporary.ts";

/**
 * Has `write` fill a directory, and calls it `directory` then; returns what `write` does. If that throws, nothing
 * stays.
 * @throws InputError if there is a directory of that name that is not empty
 */
export function writeDirectory<T>(directory: string, write: (unfinished: string) => T): T {
  const name = directory.replace(/(?<=.)\/+$/, "");
  const unfinished = attempt("write", name, () => newDirectory(name));
  try {
    const result = write(unfinished.path);
    rename(unfinished.path, unfinished.target);
    return result;
  } catch (error) {
    if (error instanceof InputError) throw new InputError(error.message.replaceAll(unfinished.path, name));
    throw error;
  } finally {
    fs.rmSync(unfinished.path, { recursive: true, force: true });
    removeEmpty(unfinished.made);
  }
}

/** An empty directory that nobody else has, where links at `name` lead. */
function newDirectory(name: string) {
  const [target] = followLinks(name);
  removeLeftovers(dirname(target), (found) => found === basename(target));
  const path = temporaryName(target);
  const made = makeParent(path);
  fs.mkdirSync(path);
  return { path, target, made };
}
