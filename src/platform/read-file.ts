/**
 * Reading files whole, and each of them once: what a pipe has given it does not give again. It runs in Node and in Deno.
 *
 * A refusal by the system is an InputError of one sentence that names the path. A caller may look at the first bytes before
 * the rest is read, so that a wrong file of gigabytes costs no more than a wrong file of a line.
 */
import * as fs from "node:fs";
import { InputError } from "../base/errors.ts";
import { decodeUnicode } from "../base/unicode.ts";
import { identityOf } from "./files.ts";
import { systemPath } from "./path-bytes.ts";
import { attempt, codeOf } from "./system-errors.ts";

/** The name of standard input among the files of the system. */
export const STANDARD_INPUT = "/dev/stdin";

export interface Reading {
  /**
   * Called with the first bytes, all of a short file, and with its size, unless that is not known; may refuse the file by an
   * InputError.
   */
  readonly check?: (beginning: Uint8Array, size: number | undefined) => void;
  /** Whether a named pipe is read. It is refused by default, since opening one waits until somebody writes to it. */
  readonly namedPipes?: boolean;
}

/** Other names of standard input. It is read by its number: opening it again fails if it is a socket. */
const INPUT_NAMES = [STANDARD_INPUT, "/dev/fd/0", "/proc/self/fd/0"];

/** One read call of the system moves at most 2 GiB - 1 bytes; longer files are moved in pieces of this size. */
const PIECE = 2 ** 30;

/** The first bytes that a check is shown. */
const BEGINNING = 2 ** 16;

/** The most that is taken of what does not say how long it is; a device may go on for ever. */
const MOST_OF_UNKNOWN = 2 ** 30;

/** Beyond this V8 has no strings. */
const MOST_OF_TEXT = 2 ** 29 - 64;

/**
 * The whole file. Lengths beyond 2 GiB are fine, and so are standard input and the pipes of a shell, whose length is not
 * known before. A file of more than `most` bytes is refused.
 */
export function readFile(path: string, most = Infinity, reading: Reading = {}): Uint8Array {
  return attempt("read", path, () => {
    if (!reading.namedPipes && isNamedPipe(path)) throw new InputError(`${path} is a named pipe, a file is needed`);
    return withFile(path, (file) => {
      const { size } = fs.fstatSync(file);
      const first = fill(file, new Uint8Array(Math.min(size || BEGINNING, BEGINNING)), 0);
      reading.check?.(first, size || undefined);
      if (size > most) throw new InputError(`${path} has ${size} bytes, more than the ${most} that can be read`);
      if (first.length === size) return first;
      if (size > 0) return fill(file, roomFor(first, size, path), first.length);
      return readUnknownSize(file, first, Math.min(most, MOST_OF_UNKNOWN), path);
    });
  });
}

/** The bytes of a file that is to be a text; more than a string can hold are refused. */
export function readTextBytes(path: string, reading?: Reading): Uint8Array {
  return readFile(path, MOST_OF_TEXT, reading);
}

/**
 * The whole file as text, UTF-8 or UTF-16, without a byte order mark. Bytes that are neither are refused, never replaced.
 */
export function readText(path: string, reading?: Reading): string {
  const text = decodeUnicode(readTextBytes(path, reading));
  if (typeof text === "string") return text.replace(/^\ufeff/, "");
  throw new InputError(`${path} is not ${text.encoding} text; convert it to UTF-8 first`);
}

/** At most `most` bytes from the beginning of a regular file; undefined if there is none, or it cannot be read. */
export function beginningOf(path: string, most: number): Uint8Array | undefined {
  if (identityOf(path) === undefined) return undefined;
  try {
    return withFile(path, (file) => fill(file, new Uint8Array(Math.min(most, fs.fstatSync(file).size)), 0));
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** Whether what is at `path` can be read only once: a pipe, a terminal, standard input. Throws an InputError if nothing is there. */
export function isStream(path: string): boolean {
  if (INPUT_NAMES.includes(path)) return true;
  const entry = attempt("read", path, () => fs.statSync(systemPath(path)));
  return !entry.isFile() && !entry.isDirectory();
}

/** A name that two paths to the same pipe share, standard input being one. */
export function streamName(path: string): string {
  if (INPUT_NAMES.includes(path)) return STANDARD_INPUT;
  const { dev, ino } = attempt("read", path, () => fs.statSync(systemPath(path)));
  return `${dev}:${ino}`;
}

function withFile<T>(path: string, use: (file: number) => T): T {
  if (INPUT_NAMES.includes(path)) return use(0);
  const file = fs.openSync(systemPath(path), "r");
  try {
    return use(file);
  } finally {
    fs.closeSync(file);
  }
}

/** Fills `bytes` from `filled` on; returns what was filled, less than all of them only if the file ends before. */
function fill(file: number, bytes: Uint8Array, filled: number): Uint8Array {
  while (filled < bytes.length) {
    const count = readSome(file, bytes, filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** How many bytes came, 0 at the end. */
function readSome(file: number, bytes: Uint8Array, filled: number): number {
  for (;;) {
    try {
      return fs.readSync(file, bytes, filled, Math.min(PIECE, bytes.length - filled), null);
    } catch (error) {
      if (codeOf(error) === "EOF") return 0; // of a console or a pipe of Windows
      if (codeOf(error) !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10); // the writer of the pipe is slower
    }
  }
}

/** A buffer of `size` bytes that begins with `bytes`. */
function roomFor(first: Uint8Array, size: number, path: string): Uint8Array {
  try {
    const bytes = new Uint8Array(size);
    bytes.set(first);
    return bytes;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`${path} has ${size} bytes, more than the memory of this program can hold`);
  }
}

/** All that a pipe or a device gives after `first`, and `first`, if that is not more than `most` bytes. */
function readUnknownSize(file: number, first: Uint8Array, most: number, path: string): Uint8Array {
  let bytes = first;
  for (;;) {
    if (bytes.length > most) throw new InputError(`${path} does not end within ${most} bytes`);
    const larger = new Uint8Array(Math.max(BEGINNING, bytes.length * 2));
    larger.set(bytes);
    const filled = fill(file, larger, bytes.length);
    if (filled.length < larger.length) return filled;
    bytes = larger;
  }
}

/** One with a name of its own; those that a shell makes for `<(command)` have none, and somebody who writes to them. */
function isNamedPipe(path: string): boolean {
  if (INPUT_NAMES.includes(path) || !fs.statSync(systemPath(path)).isFIFO()) return false;
  try {
    return fs.statSync(fs.realpathSync.native(systemPath(path), "buffer")).isFIFO();
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}
