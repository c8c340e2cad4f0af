/**
 * A lock on a directory: a file in it says which process has the directory to itself. A process that has died does not keep
 * its lock, not even if another one runs under its number by now. It runs in Node and in Deno.
 *
 * The file appears with its content, and only where there is none (a link to a file written beside), so of processes that
 * come at once exactly one gets it. This is for programs that keep to it; it does not stop any other from writing.
 */
import * as fs from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import process from "node:process";
import { aFunction, aPath, check } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { exists, linkFile, makeDirectory, readText, removeFile, temporaryName, writeFileAtomic } from "./files.ts";

/** A process, told apart from all others that ever were. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When it started, as the system counts; null where the system does not tell. */
  readonly start: string | null;
}

/**
 * Runs `work` while this process has `directory` to itself; the directory is made if it is missing, and goes again if
 * nothing was put into it.
 * @throws InputError if another process has it, which is named
 */
export async function withLock<T>(directory: string, work: () => Promise<T>): Promise<T> {
  check("directory", directory, aPath);
  check("work", work, aFunction);
  const made = missingDirectories(directory);
  makeDirectory(directory);
  const path = `${directory}/training.lock`;
  const me = { pid: process.pid, host: hostname(), start: startOf(process.pid) };
  const other = acquire(path, me);
  if (other !== undefined) throw refusal(directory, path, other);
  try {
    return await work();
  } finally {
    if (isSame(holderOf(path), me)) removeFile(path);
    removeEmpty(made);
  }
}

function refusal(directory: string, path: string, { pid, host }: Holder): InputError {
  if (host === hostname()) {
    return new InputError(
      `${directory} is in use: process ${pid} is training there; wait for its end or stop it first`,
    );
  }
  const advice = `if it has ended, delete ${path}`;
  return new InputError(`${directory} is in use: process ${pid} of the machine ${host} is training there; ${advice}`);
}

/**
 * Makes `path` the lock of `me`, or returns whose it is. The lock of a dead process is removed under a lock of its own:
 * otherwise two that both found it dead might each remove what they find, the second the new lock of the first.
 */
function acquire(path: string, me: Holder): Holder | undefined {
  if (create(path, me)) return undefined;
  const holder = holderOf(path);
  if (holder !== undefined && isAlive(holder)) return holder;
  const removal = `${path}.removal`;
  const remover = acquire(removal, me);
  if (remover !== undefined) return remover;
  if (isSame(holderOf(path), holder)) removeFile(path);
  removeFile(removal);
  return acquire(path, me);
}

/** Whether there was no file. */
function create(path: string, me: Holder): boolean {
  const beside = temporaryName(path);
  writeFileAtomic(beside, JSON.stringify(me));
  try {
    return linkFile(beside, path);
  } finally {
    removeFile(beside);
  }
}

/** Undefined if the file is gone, or none that this program has written. */
function holderOf(path: string): Holder | undefined {
  try {
    const { pid, host, start } = JSON.parse(readText(path));
    return Number.isSafeInteger(pid) && typeof host === "string" ? { pid, host, start } : undefined;
  } catch (error) {
    if (error instanceof InputError || error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function isSame(a: Holder | undefined, b: Holder | undefined): boolean {
  return a?.pid === b?.pid && a?.host === b?.host && a?.start === b?.start;
}

/** Whether the process may still run. Of another machine's nobody here can tell. */
function isAlive({ pid, host, start }: Holder): boolean {
  if (host !== hostname()) return true;
  if (!isRunning(pid)) return false;
  const known = startOf(pid);
  return known === null || start === null || known === start;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // there is one, of another user
  }
}

/** Boot and tick at which the process started, as Linux tells it (proc(5)); null elsewhere. Nothing equals that of a zombie. */
function startOf(pid: number): string | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the name before may hold anything
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return state === "Z" ? "ended" : `${boot} ${fields[18]}`;
  } catch {
    return null;
  }
}

/** `path` and those above it that do not exist, the deepest first. */
function missingDirectories(path: string): string[] {
  return exists(path) || path === dirname(path) ? [] : [path, ...missingDirectories(dirname(path))];
}

function removeEmpty(directories: readonly string[]): void {
  for (const directory of directories) {
    if (exists(directory) && fs.readdirSync(directory).length === 0) fs.rmdirSync(directory);
  }
}
