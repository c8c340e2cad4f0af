/**
 * The file system, as little of it as the library needs, all of it synchronous: the one file of the library proper that
 * touches `node:`. It runs in Node and in Deno.
 *
 * Whatever the system refuses (no such file, no permission, disk full, …) is thrown as an InputError of one sentence
 * that names the path. This is not a place for formats: callers parse what they read.
 */
import * as fs from "node:fs";
import { dirname, isAbsolute, relative, sep } from "node:path";
import { pid } from "node:process";
import { InputError } from "../base/errors.ts";

export interface DirectoryEntry {
  name: string;
  /** Links are not followed. What is none of these is a pipe, a socket or a device. */
  kind: "file" | "directory" | "link" | "other";
}

/** One read or write call of the system moves at most 2 GiB - 1 bytes; longer files are moved in pieces of this size. */
const PIECE = 2 ** 30;

/** The most that is taken of what does not say how long it is; a device may go on for ever. */
const MOST_OF_UNKNOWN = 2 ** 30;

/** Beyond this V8 has no strings. */
const MOST_OF_TEXT = 2 ** 29 - 64;

/**
 * The whole file. Lengths beyond 2 GiB are fine, and so are the pipes of a shell, whose length is not known before. A named
 * pipe is refused, since opening one waits until somebody writes to it; so is a file of more than `most` bytes.
 */
export function readFile(path: string, most = Infinity): Uint8Array {
  return attempt("read", path, () => {
    if (isNamedPipe(path)) throw new InputError(`${path} is a named pipe, a file is needed`);
    return withFile(path, "r", (file) => {
      const { size } = fs.fstatSync(file);
      if (size > most) throw new InputError(`${path} has ${size} bytes, more than the ${most} that can be read`);
      return size > 0 ? readKnownSize(file, size, path) : readUnknownSize(file, Math.min(most, MOST_OF_UNKNOWN), path);
    });
  });
}

/** The bytes of a file that is to be a text; more than a string can hold are refused. */
export function readTextBytes(path: string): Uint8Array {
  return readFile(path, MOST_OF_TEXT);
}

/** The whole file as UTF-8 text, without a byte order mark. Bytes that are not UTF-8 are refused, never replaced. */
export function readText(path: string): string {
  const bytes = readTextBytes(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new InputError(`${path} is not UTF-8 text; convert it to UTF-8 first`);
  }
}

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
  const entries = attempt("list", path, () => fs.readdirSync(path, { withFileTypes: true }));
  return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether a link leads to a file within the directory, however many links are on the way. */
export function leadsToFileIn(link: string, directory: string): boolean {
  const target = attempt("follow", link, () => fs.realpathSync(link));
  const way = relative(
    attempt("follow", directory, () => fs.realpathSync(directory)),
    target,
  );
  return !isAbsolute(way) && way.split(sep)[0] !== ".." && fs.statSync(target).isFile();
}

/** Whether there is anything at `path`; a link to nothing is nothing. */
export function exists(path: string): boolean {
  return fs.existsSync(path);
}

/** Whether there is a directory at `path`, or a link to one. */
export function isDirectory(path: string): boolean {
  return attempt("inspect", path, () => fs.existsSync(path) && fs.statSync(path).isDirectory());
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

/** Up to `size` bytes, fewer if the file has been cut meanwhile. */
function readKnownSize(file: number, size: number, path: string): Uint8Array {
  const bytes = roomFor(size, path);
  let filled = 0;
  while (filled < size) {
    const count = fs.readSync(file, bytes, filled, Math.min(PIECE, size - filled), null);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function roomFor(size: number, path: string): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`${path} has ${size} bytes, more than the memory of this program can hold`);
  }
}

/** All that a pipe or a device gives, if that is not more than `most` bytes. */
function readUnknownSize(file: number, most: number, path: string): Uint8Array {
  let bytes = new Uint8Array(2 ** 16);
  for (let filled = 0; ; ) {
    const count = fs.readSync(file, bytes, filled, bytes.length - filled, null);
    if (count === 0) return bytes.subarray(0, filled);
    filled += count;
    if (filled > most) throw new InputError(`${path} does not end within ${most} bytes`);
    if (filled < bytes.length) continue;
    const larger = new Uint8Array(bytes.length * 2);
    larger.set(bytes);
    bytes = larger;
  }
}

/** One with a name of its own; those that a shell makes for `<(command)` have none, and somebody who writes to them. */
function isNamedPipe(path: string): boolean {
  if (!fs.statSync(path).isFIFO()) return false;
  try {
    return fs.statSync(fs.realpathSync(path)).isFIFO();
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

function kindOf(entry: fs.Dirent): DirectoryEntry["kind"] {
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

/** Runs one operation and turns what the system refuses into an InputError; any other error passes untouched. */
function attempt<T>(verb: string, path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    throw new InputError(`cannot ${verb} ${path}: ${REASONS[code] ?? (error as Error).message}`);
  }
}

/** What the system calls the reason of its refusal; undefined for any other error. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

const REASONS: Record<string, string> = {
  EACCES: "permission denied",
  EEXIST: "a file of that name is in the way",
  EISDIR: "it is a directory, a file is needed",
  ELOOP: "too many symbolic links lead to it",
  EMFILE: "too many files are open",
  ENAMETOOLONG: "its name is too long",
  ENOENT: "no such file or directory",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of the path is a file, a directory is needed",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
};
