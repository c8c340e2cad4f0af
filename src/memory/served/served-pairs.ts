/** Pairs of a memory that other processes hold, as a state and its observers see them. served-memory.ts has the only kind. */
import type { KvMemory } from "../memory.ts";
import type { SourceTable } from "../source-table.ts";

/** The part of a memory that a layer reads. */
export type MemorySearch = Pick<KvMemory, "lookup" | "length">;

/** Pairs that are older than all that a state remembers itself, and that it never changes. */
export interface ServedPairs {
  /** How many there are. */
  readonly length: number;
  /**
   * Lookups in the pairs of `layer` and in `memory` at once. What they return has negative slots for the pairs of others: −1 is the newest
   * of them.
   */
  besides(memory: KvMemory, layer: number): MemorySearch;
  /** The sources of all of them, oldest first. Throws an InputError if they were not noted. */
  sources(): SourceTable;
  /** The tokens of all of them, oldest first; −1 for those whose holder does not answer, where one may go on without it. */
  tokens(): Int32Array;
}
