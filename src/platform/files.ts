/**
 * The file system, as little of it as the library needs, all of it synchronous. It runs in Node and in Deno. How a file is
 * read is in read-file.ts.
 *
 * Whatever the system refuses (no such file, no permission, disk full, …) is thrown as an InputError of one sentence
 * that names the path. This is not a place for formats: callers parse what they read.
 */
import * as fs from "node:fs";
import { dirname, isAbsolute, relative, sep } from "node:path";
import { pid } from "node:process";
import { InputError } from "../base/errors.ts";
import { pathOf, systemPath } from "./path-bytes.ts";
import { attempt, codeOf, REASONS } from "./refusal.ts";

export { readFile, readText } from "./read-file.ts";

export interface DirectoryEntry {
  name: string;
  /** Links are not followed. What is none of these is a pipe, a socket or a device. */
  kind: "file" | "directory" | "link" | "other";
}

/** One read or write call of the system moves at most 2 GiB - 1 bytes; longer files are moved in pieces of this size. */
const PIECE = 2 ** 30;

/**
 * Replaces the file at `path` all at once: whoever opens it sees the old content or the new, never a part, even if the
 * power fails midway. Writes `path.tmp-<pid>` beside it, syncs, renames; makes the parent directory if it is missing.
 */
export function writeFileAtomic(path: string, content: Uint8Array | string): void {
  writeFilesAtomic(new Map([[path, content]]));
}

/**
 * The same for files that belong together: all are written beside before the first is renamed, so a full disk changes
 * none. They are renamed one after the other, in the order given; a crash in between leaves new files and old ones.
 */
export function writeFilesAtomic(files: ReadonlyMap<string, Uint8Array | string>): void {
  const paths = [...files.keys()];
  try {
    for (const [path, content] of files) attempt("write", path, () => writeSynced(temporaryName(path), content));
    for (const path of paths) attempt("write", path, () => fs.renameSync(temporaryName(path), path));
  } catch (error) {
    for (const path of paths) if (fs.existsSync(temporaryName(path))) fs.rmSync(temporaryName(path));
    throw error;
  }
  for (const directory of new Set(paths.map((path) => dirname(path)))) syncDirectory(directory);
}

/** What a file or directory is called while this process writes it. Whatever bears such a name was never finished. */
export function temporaryName(path: string): string {
  return `${path}.tmp-${pid}`;
}

/** Gives a file, or a directory with all that is in it, another name. A file of that name is replaced, a directory is not. */
export function rename(from: string, to: string): void {
  attempt("write", to, () => fs.renameSync(from, to));
  syncDirectory(dirname(to));
}

/** Gives the file a second name, unless there is something of that name: false. Where there are no links, `to` is a copy. */
export function linkFile(from: string, to: string): boolean {
  return attempt("write", to, () => {
    try {
      linkOrCopy(from, to);
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    }
  });
}

/** Has what was added to the file outlive a power cut. */
export function syncFile(path: string): void {
  attempt("write", path, () => withFile(path, "r+", (file) => fs.fsyncSync(file)));
}

/** Adds `text` at the end of the file, which is made if it is missing, as is its parent directory. */
export function appendText(path: string, text: string): void {
  attempt("write", path, () => {
    fs.mkdirSync(dirname(path), { recursive: true });
    fs.appendFileSync(path, text);
  });
}

/** What the directory holds, sorted by name (code units, so the order is the same on every machine). */
export function listDirectory(path: string): DirectoryEntry[] {
  const options = { withFileTypes: true, encoding: "buffer" } as const;
  const entries = attempt("list", path, () => fs.readdirSync(systemPath(path), options));
  return entries
    .map((entry) => ({ name: pathOf(entry.name), kind: kindOf(entry) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether a link leads to a file within the directory, however many links are on the way. */
export function leadsToFileIn(link: string, directory: string): boolean {
  const target = realPath(link);
  const way = relative(realPath(directory), target);
  return !isAbsolute(way) && way.split(sep)[0] !== ".." && fs.statSync(systemPath(target)).isFile();
}

function realPath(path: string): string {
  return attempt("follow", path, () => pathOf(fs.realpathSync.native(systemPath(path), "buffer")));
}

/** Whether there is anything at `path`; a link to nothing is nothing. */
export function exists(path: string): boolean {
  return fs.existsSync(systemPath(path));
}

/** Whether there is a directory at `path`, or a link to one. */
export function isDirectory(path: string): boolean {
  return attempt("inspect", path, () => exists(path) && fs.statSync(systemPath(path)).isDirectory());
}

/** Makes the directory and those above it; one that exists already is fine. */
export function makeDirectory(path: string): void {
  attempt("make", path, () => fs.mkdirSync(path, { recursive: true }));
}

/** Removes the file; one that does not exist is fine, a directory is refused. */
export function removeFile(path: string): void {
  // Asked first, because Deno's unlink removes an empty directory.
  if (isDirectory(path)) throw new InputError(`cannot remove ${path}: ${REASONS.EISDIR}`);
  attempt("remove", path, () => fs.rmSync(path, { force: true }));
}

/** Removes a file, or a directory with all that is in it; one that does not exist is fine. */
export function removeTree(path: string): void {
  attempt("remove", path, () => fs.rmSync(path, { recursive: true, force: true }));
}

function withFile<T>(path: string, flags: "r" | "r+" | "w", use: (file: number) => T): T {
  const file = fs.openSync(path, flags);
  try {
    return use(file);
  } finally {
    fs.closeSync(file);
  }
}

function kindOf(entry: fs.Dirent<Buffer>): DirectoryEntry["kind"] {
  if (entry.isSymbolicLink()) return "link";
  if (entry.isDirectory()) return "directory";
  return entry.isFile() ? "file" : "other";
}

function writeSynced(path: string, content: Uint8Array | string): void {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  fs.mkdirSync(dirname(path), { recursive: true });
  withFile(path, "w", (file) => {
    writeAll(file, bytes);
    fs.fsyncSync(file);
  });
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    written += fs.writeSync(file, bytes, written, Math.min(PIECE, bytes.length - written));
  }
}

function linkOrCopy(from: string, to: string): void {
  try {
    fs.linkSync(from, to);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error) ?? "")) throw error;
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
  }
}

/** Has new names in the directory outlive a power cut, on file systems that can promise it. */
function syncDirectory(path: string): void {
  try {
    withFile(path, "r", (file) => fs.fsyncSync(file));
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
}
