/**
 * Looking at files and directories, all of it synchronous; reading is in read-file.ts, writing in atomic-write.ts. It runs in
 * Node and in Deno.
 *
 * Whatever the system refuses (no such file, no permission, disk full, …) is thrown as an InputError of one sentence
 * that names the path. This is not a place for formats: callers parse what they read.
 */
import * as fs from "node:fs";
import { isAbsolute, relative, sep } from "node:path";
import { InputError } from "../base/errors.ts";
import { nearestAbove } from "./directories.ts";
import { pathOf, systemPath } from "./path-bytes.ts";
import { attempt, codeOf, isDone, REASONS } from "./system-errors.ts";

export interface DirectoryEntry {
  name: string;
  /** Links are not followed. What is none of these is a pipe, a socket or a device. */
  kind: "file" | "directory" | "link" | "other";
}

/** The identity (device and inode) of the regular file that a path leads to, through links; undefined for anything else. */
export function identityOf(path: string): string | undefined {
  try {
    const state = fs.statSync(systemPath(path), { bigint: true });
    return state.isFile() ? `${state.dev}:${state.ino}` : undefined;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** A regular file as it is now. */
export interface FileState {
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly changedAt: number;
  /** Another text whenever the content is another one. */
  readonly version: string;
}

/** The state of the regular file at `path`; undefined for anything else, a link too. */
export function fileState(path: string): FileState | undefined {
  return attempt("inspect", path, () => {
    const state = fs.lstatSync(systemPath(path), { bigint: true, throwIfNoEntry: false });
    if (!state?.isFile()) return undefined;
    const { dev, ino, size, mtimeNs } = state;
    const changedAt = Number(mtimeNs / 1_000_000n);
    return { bytes: Number(size), changedAt, version: `${dev}:${ino}:${size}:${mtimeNs}` };
  });
}

/** The entries of the directory, sorted by name (code units, so the order is the same on every machine). */
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
  return isWithin(target, directory) && fs.statSync(systemPath(target)).isFile();
}

/** Whether `path`, which need not exist yet, is the directory or lies in it, however many links are on the way. */
export function isWithin(path: string, directory: string): boolean {
  const way = relative(realPath(directory), realPath(exists(path) ? path : nearestAbove(path)));
  return !isAbsolute(way) && way.split(sep)[0] !== "..";
}

function realPath(path: string): string {
  return attempt("follow", path, () => pathOf(fs.realpathSync.native(systemPath(path), "buffer")));
}

/** Whether there is a file at `path` that this process may write. */
export function isWritable(path: string): boolean {
  return isDone(() => fs.accessSync(systemPath(path), fs.constants.W_OK));
}

/** Whether there is anything at `path`; a link to nothing is nothing. */
export function exists(path: string): boolean {
  return fs.existsSync(systemPath(path));
}

/** Whether there is a directory at `path`, or a link to one. */
export function isDirectory(path: string): boolean {
  return attempt("inspect", path, () => exists(path) && fs.statSync(systemPath(path)).isDirectory());
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

function kindOf(entry: fs.Dirent<Buffer>): DirectoryEntry["kind"] {
  if (entry.isSymbolicLink()) return "link";
  if (entry.isDirectory()) return "directory";
  return entry.isFile() ? "file" : "other";
}
