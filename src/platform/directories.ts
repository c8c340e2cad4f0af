/** Making directories, and having what was put into them outlive a power cut. */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { attempt, codeOf, isDone } from "./system-errors.ts";

/** Makes the directory and those above it; one that exists already is fine. */
export function makeDirectory(path: string): void {
  attempt("make", path, () => makeDirectories(path));
}

/**
 * The same, but throws what the system throws. It makes one after the other: mkdir's own `recursive` calls a read-only file
 * system a missing directory.
 */
export function makeDirectories(path: string): void {
  makeParent(path);
  try {
    fs.mkdirSync(path);
  } catch (error) {
    if (codeOf(error) === undefined || !fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

/** Makes the directory that `path` is to be in, if nothing is there. */
export function makeParent(path: string): void {
  const above = dirname(path);
  if (above !== path && !fs.existsSync(above)) makeDirectories(above);
}

/** The nearest directory above `path` that exists, or what is in the way of one. */
export function nearestAbove(path: string): string {
  const above = dirname(path);
  return above === path || fs.existsSync(above) ? above : nearestAbove(above);
}

/** Has new names in the directory outlive a power cut, on file systems that can promise it. */
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
