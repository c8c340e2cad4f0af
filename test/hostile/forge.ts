/** Memory files that the writer would refuse to write: good ones with other metadata or numbers, and a checksum that fits. */
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { encodeMemory } from "../../src/memory/memory-file.ts";
import type { MemorySnapshot } from "../../src/memory/snapshot.ts";
import { joinMemory, partsOf } from "./readers.ts";

/** Changes numbers of tensors; `numbersOf` gives those of one, by its name. */
export type Forgery = (numbersOf: (name: string) => Int32Array | Float32Array) => unknown;

export function forgedMemory(
  good: MemorySnapshot,
  metadata: Readonly<Record<string, string>>,
  change: Forgery,
): Uint8Array {
  const file = readSafetensors(encodeMemory(good), "a good file");
  change((name) => file.tensors.get(name)?.data as Int32Array | Float32Array);
  return joinMemory(partsOf(writeSafetensors(file.tensors, { ...file.metadata, ...metadata })));
}
