/** Memories on disk, in the format of memory-file.ts. A new file is written next to the old one and then renamed over it. */
import { aPath, check } from "../base/check.ts";
import { writeFileAtomic } from "../platform/atomic-write.ts";
import { readFile } from "../platform/read-file.ts";
import { decodeMemory, encodeMemory, requireMemoryFile } from "./memory-file.ts";
import type { MemorySnapshot } from "./snapshot.ts";

/**
 * Replaces the file at `path`, usually called `NAME.memory.safetensors`, all at once.
 * @throws InputError if the file cannot be written, or cannot hold the snapshot
 */
export function writeMemory(path: string, snapshot: MemorySnapshot): void {
  check("path", path, aPath);
  writeFileAtomic(path, encodeMemory(snapshot));
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
