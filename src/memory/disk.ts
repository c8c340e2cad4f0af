/** Memories on disk: what memory-file.ts makes of them, written beside and renamed, so that a file is never half new. */
import { writeFileAtomic } from "../platform/atomic-write.ts";
import { readFile } from "../platform/files.ts";
import { decodeMemory, encodeMemory } from "./memory-file.ts";
import type { MemorySnapshot } from "./snapshot.ts";

/** Replaces the file at `path`, customarily `NAME.memory.safetensors`, all at once. */
export function writeMemory(path: string, snapshot: MemorySnapshot): void {
  writeFileAtomic(path, encodeMemory(snapshot));
}

/**
 * Reads a memory from its file.
 * @throws InputError if the file is missing, truncated or altered, or is not a memory's
 */
export function readMemory(path: string): MemorySnapshot {
  return decodeMemory(readFile(path), path);
}
