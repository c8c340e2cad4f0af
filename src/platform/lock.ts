/**
 * A lock on a directory: a file in it says which process has the directory to itself. A process that has ended does not keep
 * its lock, not even if another one runs under its number by now. It runs in Node and in Deno.
 *
 * The file appears with its content, and only where there is none (a link to a file written next to it), so of processes that
 * come at once exactly one gets it. This is for programs that keep to it; it does not stop any other from writing.
 */
import { hostname } from "node:os";
import { aFunction, aPath, check } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { writeNewFile } from "./atomic-write.ts";
import { makeDirectory, removeEmpty } from "./directories.ts";
import { exists, removeFile } from "./files.ts";
import { type ProcessIdentity, stateOf, thisProcess } from "./processes.ts";
import { readText } from "./read-file.ts";
import { removeLeftovers } from "./temporary.ts";

const NAME = "training.lock";
/** It, and the locks under which locks are removed. */
const LOCK_NAME = /^training\.lock(\.removal)*$/;

/**
 * Runs `work` while this process has `directory` to itself; the directory is made if it is missing, and goes again if
 * nothing was put into it.
 * @throws InputError if another process has it, which is named
 */
export async function withLock<T>(directory: string, work: () => Promise<T>): Promise<T> {
  check("directory", directory, aPath);
  check("work", work, aFunction);
  const made = makeDirectory(directory);
  const path = `${directory}/${NAME}`;
  const mine = JSON.stringify(thisProcess());
  const other = acquire(path, mine);
  if (other !== undefined) throw refusal(directory, path, other);
  try {
    cleanUp(directory, mine);
    return await work();
  } finally {
    if (textOf(path) === mine) removeFile(path);
    removeEmpty(made);
  }
}

function refusal(directory: string, path: string, holder: ProcessIdentity): InputError {
  const { pid, host } = holder;
  if (stateOf(holder) !== "unknown") {
    return new InputError(
      `${directory} is in use: process ${pid} is training there; wait for its end or stop it first`,
    );
  }
  const advice = `if it has ended, delete ${path}`;
  if (host !== hostname()) {
    return new InputError(`${directory} is in use: process ${pid} of the machine ${host} is training there; ${advice}`);
  }
  const doubt = "whether that still runs cannot be judged from here";
  return new InputError(`${directory} is in use: process ${pid} of another container has it, and ${doubt}; ${advice}`);
}

/**
 * Makes `path` a lock with the content `mine`, or returns whose it is. The lock of an ended process is removed under a lock of
 * its own: otherwise two that both found it might each remove what they find, the second the new lock of the first.
 */
function acquire(path: string, mine: string): ProcessIdentity | undefined {
  if (writeNewFile(path, mine)) return undefined;
  const found = textOf(path);
  if (found === undefined) return acquire(path, mine); // it was given back meanwhile
  const holder = holderIn(found, path);
  if (holder !== undefined && stateOf(holder) !== "ended") return holder;
  const removal = removalOf(path);
  const remover = acquire(removal, mine);
  if (remover !== undefined) return remover;
  try {
    if (textOf(path) === found) removeFile(path);
  } finally {
    removeFile(removal);
  }
  return acquire(path, mine);
}

/** The lock under which an ended process's lock is removed. */
function removalOf(path: string): string {
  return `${path}.removal`;
}

/** Removes what processes left that were killed while they took or gave back the lock. */
function cleanUp(directory: string, mine: string): void {
  removeLeftovers(directory, (name) => LOCK_NAME.test(name), { old: true });
  const removal = removalOf(`${directory}/${NAME}`);
  if (exists(removal) && acquire(removal, mine) === undefined) removeFile(removal);
}

/** Undefined if the file is gone. */
function textOf(path: string): string | undefined {
  try {
    return readText(path);
  } catch (error) {
    if (!(error instanceof InputError) || exists(path)) throw error;
    return undefined;
  }
}

/**
 * Undefined if `text` is what a power cut may leave of a lock.
 * @throws InputError if it is not even that
 */
function holderIn(text: string, path: string): ProcessIdentity | undefined {
  const value = parsed(text);
  const { pid, host, start, namespace = null } = Object(value);
  if (Number.isSafeInteger(pid) && typeof host === "string") return { pid, host, start, namespace };
  if (value !== undefined || /^(\{|[\0\s]*$)/.test(text)) return undefined;
  throw new InputError(`${path} is not a lock that this program wrote; move it to another place`);
}

/** Undefined for a text that is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
