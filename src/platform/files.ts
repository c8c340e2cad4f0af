/**
 * Reading files and looking at directories, all of it synchronous; writing is in atomic-write.ts. It runs in Node and in Deno.
 *
 * Whatever the system refuses (no such file, no permission, disk full, …) is thrown as an InputError of one sentence
 * that names the path. This is not a place for formats: callers parse what they read.
 */
import * as fs from "node:fs";
import { isAbsolute, relative, sep } from "node:path";
import { InputError } from "../base/errors.ts";
import { nearestAbove } from "./directories.ts";
import { attempt, codeOf, isDone, REASONS } from "./system-errors.ts";

export interface DirectoryEntry {
  name: string;
  /** Links are not followed. What is none of these is a pipe, a socket or a device. */
  kind: "file" | "directory" | "link" | "other";
}

/** One read call of the system moves at most 2 GiB - 1 bytes; longer files are moved in pieces of this size. */
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
    return withFile(path, (file) => {
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

/** At most `most` bytes from the beginning of a regular file; undefined if there is none, or it cannot be read. */
export function beginningOf(path: string, most: number): Uint8Array | undefined {
  if (identityOf(path) === undefined) return undefined;
  try {
    return withFile(path, (file) => readKnownSize(file, Math.min(most, fs.fstatSync(file).size), path));
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** What two paths have in common that lead to one regular file, by links of either kind; undefined for anything else. */
export function identityOf(path: string): string | undefined {
  try {
    const state = fs.statSync(path, { bigint: true });
    return state.isFile() ? `${state.dev}:${state.ino}` : undefined;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** What the directory holds, sorted by name (code units, so the order is the same on every machine). */
export function listDirectory(path: string): DirectoryEntry[] {
  const entries = attempt("list", path, () => fs.readdirSync(path, { withFileTypes: true }));
  return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether a link leads to a file within the directory, however many links are on the way. */
export function leadsToFileIn(link: string, directory: string): boolean {
  const target = attempt("follow", link, () => fs.realpathSync(link));
  return isWithin(target, directory) && fs.statSync(target).isFile();
}

/** Whether `path`, which need not exist yet, is the directory or lies in it, however many links are on the way. */
export function isWithin(path: string, directory: string): boolean {
  const real = (at: string) => attempt("follow", at, () => fs.realpathSync(at));
  const way = relative(real(directory), real(fs.existsSync(path) ? path : nearestAbove(path)));
  return !isAbsolute(way) && way.split(sep)[0] !== "..";
}

/** Whether there is a file at `path` that this process may write. */
export function isWritable(path: string): boolean {
  return isDone(() => fs.accessSync(path, fs.constants.W_OK));
}

/** Whether there is anything at `path`; a link to nothing is nothing. */
export function exists(path: string): boolean {
  return fs.existsSync(path);
}

/** Whether there is a directory at `path`, or a link to one. */
export function isDirectory(path: string): boolean {
  return attempt("inspect", path, () => fs.existsSync(path) && fs.statSync(path).isDirectory());
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

function withFile<T>(path: string, use: (file: number) => T): T {
  const file = fs.openSync(path, "r");
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
