/** Making directories, and having what was put into them outlive a power cut. */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { requireText } from "./path-bytes.ts";
import { attempt, codeOf, isDone } from "./system-errors.ts";

/** Makes the directory and those above it; one that exists already is fine. Returns those that were made, the deepest first. */
export function makeDirectory(path: string): string[] {
  return attempt("make", path, () => makeDirectories(path));
}

/** Makes the directory that `path` is to be in, if nothing is there; returns what was made. Throws what the system throws. */
export function makeParent(path: string): string[] {
  const above = dirname(path);
  return above === path || fs.existsSync(above) ? [] : makeDirectories(above);
}

/** Removes those of the directories that are empty; for what `makeDirectory` made, if nothing came of it. */
export function removeEmpty(directories: readonly string[]): void {
  for (const directory of directories) isDone(() => fs.rmdirSync(directory));
}

/** The nearest directory above `path` that exists, or what is in the way of one. */
export function nearestAbove(path: string): string {
  const above = dirname(path);
  return above === path || fs.existsSync(above) ? above : nearestAbove(above);
}

/** Syncs the directory, so that new names in it survive a power cut, on file systems that can promise it. */
export function syncDirectory(path: string): void {
  isDone(() => {
    const directory = fs.openSync(path, "r");
    try {
      fs.fsyncSync(directory);
    } finally {
      fs.closeSync(directory);
    }
  });
}

/** One after the other: mkdir's own `recursive` calls a read-only file system a missing directory. */
function makeDirectories(path: string): string[] {
  requireText(path);
  const above = makeParent(path);
  try {
    fs.mkdirSync(path);
    return [path, ...above];
  } catch (error) {
    if (codeOf(error) !== undefined && fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return above;
    removeEmpty(above);
    throw error;
  }
}
