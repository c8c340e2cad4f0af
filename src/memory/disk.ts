/** Memories on disk, in the format of memory-file.ts. A new file is written next to the old one and then renamed over it. */
import { aFunction, aPath, check, optional } from "../base/check.ts";
import { writeFileAtomic } from "../platform/atomic-write.ts";
import { readFile } from "../platform/read-file.ts";
import { decodeMemory, encodeMemory, requireMemoryFile } from "./memory-file.ts";
import type { MemorySnapshot } from "./snapshot.ts";

/**
 * Replaces the file at `path`, usually called `NAME.memory.safetensors`, all at once. `require` is called when all is written, just before
 * the file takes the old one's place: what it throws leaves that as it is.
 * @throws InputError if the file cannot be written, or cannot hold the snapshot
 */
export function writeMemory(path: string, snapshot: MemorySnapshot, require?: () => void): void {
  check("path", path, aPath);
  check("require", require, optional(aFunction));
  writeFileAtomic(path, encodeMemory(snapshot), require);
}

/**
 * Reads a memory from its file.
 * @throws InputError if the file is missing, truncated or altered, or is not a memory's
 */
export function readMemory(path: string): MemorySnapshot {
  return decodeMemory(memoryFileAt(path), path);
}

/**
 * The bytes of a memory's file.
 * @throws InputError if the file is missing, or begins as no memory's does
 */
export function memoryFileAt(path: string): Uint8Array {
  check("path", path, aPath);
  const look = (beginning: Uint8Array, size = Number.POSITIVE_INFINITY) => requireMemoryFile(beginning, size, path);
  return readFile(path, Infinity, { check: look });
}
