/**
 * Every reader promises, for every file however bad: it is read, or refused in one sentence that names it; within
 * seconds of work; and without taking memory that the file's size does not justify.
 */
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { Random } from "../../src/base/random.ts";
import { mutant } from "./mutate.ts";
import { type Reader, readers } from "./readers.ts";

/** Of work: what is no promise broken takes a tenth of a second here, and the slowest machine is a few times slower. */
const MOST_MICROSECONDS = 5e6;
const LONGEST_SENTENCE = 1200;
/** Bytes that reading may take whatever the file: tables, compiled code, what other tests left to be collected. */
const ALLOWANCE = 32 * 2 ** 20;
const BYTES_PER_BYTE = 500;

/** Input number `index` of the attacks with `seed`, the same on every machine. */
export function input(seed: number, index: number): { reader: Reader; bytes: Uint8Array } {
  const random = new Random(index + seed * 2 ** 32);
  const reader = readers[index % readers.length];
  return { reader, bytes: mutant(reader, random) };
}

/** A place for the files, in main memory where the system has one: a million files are nothing for a disk. */
export function newDirectory(): string {
  return mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "fuzz-"));
}

/** Has `reader` read `bytes` from a file in `directory`. Returns whether it was refused; throws for a broken promise. */
export function attack(reader: Reader, bytes: Uint8Array, directory: string): boolean {
  const path = `${directory}/${reader.fileName}`;
  writeFileSync(path, bytes);
  const held = bytesHeld();
  const begin = process.cpuUsage();
  const sentence = sentenceOf(reader, path);
  const { user, system } = process.cpuUsage(begin); // a second of work, not of waiting for others
  assert.ok(user + system < MOST_MICROSECONDS, `it took ${(user + system) / 1e6} seconds`);
  const taken = bytesHeld() - held;
  assert.ok(taken < ALLOWANCE + BYTES_PER_BYTE * bytes.length, `it took ${taken} bytes for ${bytes.length}`);
  return sentence !== undefined;
}

/** With what `reader` refuses the file at `path`; undefined if it takes it. */
export function sentenceOf(reader: Reader, path: string): string | undefined {
  try {
    reader.read(path);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { message } = error;
    const short = message.length < LONGEST_SENTENCE;
    assert.ok(short && message.includes(path), `no sentence with the name: ${message.slice(0, 2 * LONGEST_SENTENCE)}`);
    assert.not.match(message, /[\n\r]/);
    return message;
  }
  return undefined;
}

function bytesHeld(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
