/**
 * All that this program writes is written here. A file is replaced all at once: its readers see the old content or the new, never
 * a part, even if the power fails midway. How that is done for one file is in unfinished-file.ts.
 */
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { makeParent, nearestAbove, syncDirectory } from "./directories.ts";
import { attempt } from "./system-errors.ts";
import { targetOf } from "./target.ts";
import { removeLeftovers, temporaryName } from "./temporary.ts";
import { UnfinishedFile } from "./unfinished-file.ts";

/**
 * Replaces the file at `path` all at once; makes the parent directory if it is missing. `require` is called just before, when all is
 * written: what it throws leaves the file as it was.
 */
export function writeFileAtomic(path: string, content: Uint8Array | string, require?: () => void): void {
  writeFilesAtomic(new Map([[path, content]]), require);
}

/**
 * The same for files that belong together: all are written before the first is renamed, so a full disk changes none. They
 * are renamed one after the other, in the order given; a crash in between leaves new files and old ones.
 */
export function writeFilesAtomic(files: ReadonlyMap<string, Uint8Array | string>, require?: () => void): void {
  const unfinished: UnfinishedFile[] = [];
  try {
    for (const [path, content] of files) {
      const file = new UnfinishedFile(path);
      unfinished.push(file);
      file.write(content);
      file.complete();
    }
    require?.();
    for (const file of unfinished) file.publish();
  } finally {
    for (const file of unfinished) file.discard();
  }
  syncDirectories(unfinished);
}

/** Writes a file, which appears with its content, unless there is something of that name: false. */
export function writeNewFile(path: string, content: Uint8Array | string): boolean {
  const file = new UnfinishedFile(path);
  try {
    file.write(content);
    file.complete();
    return file.publishNew();
  } finally {
    file.discard();
  }
}

/**
 * Tries whether a file can be written at `path`, and removes what ended processes left of earlier tries. What is there is not
 * touched, and no directory is made.
 * @throws InputError that names `path`
 */
export function requireWritable(path: string): void {
  attempt("write", path, () => {
    const target = targetOf(path);
    if (target.kind === "stream") fs.accessSync(target.path, fs.constants.W_OK);
    if (target.kind !== "file") return;
    const name = basename(target.path);
    removeLeftovers(dirname(target.path), (found) => found === name);
    const trial = temporaryName(`${nearestAbove(target.path)}/${name}`);
    fs.closeSync(fs.openSync(trial, "wx"));
    fs.rmSync(trial);
  });
}

/** Adds `text` at the end of the file, which is made if it is missing, as is its parent directory. */
export function appendText(path: string, text: string): void {
  attempt("write", path, () => {
    makeParent(path);
    fs.appendFileSync(path, text);
  });
}

/** Syncs the file, so that what was added survives a power cut. */
export function syncFile(path: string): void {
  attempt("write", path, () => {
    const file = fs.openSync(path, "r+");
    try {
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
  });
}

/** Gives a file, or a directory with all that is in it, another name. A file of that name is replaced, a directory is not. */
export function rename(from: string, to: string): void {
  attempt("write", to, () => fs.renameSync(from, to));
  syncDirectory(dirname(to));
}

/** Syncs the directories of published files, so that their names survive a power cut. */
function syncDirectories(files: readonly UnfinishedFile[]): void {
  const directories = new Set(files.map(({ directory }) => directory));
  for (const directory of directories) if (directory !== undefined) syncDirectory(directory);
}
