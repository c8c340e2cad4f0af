/** The words of the memory: its sizes, how it is searched and stored, and a copy of what one row holds. */
import type { StoredNumbers } from "../wasm/half.ts";

/** B rows of H heads that remember M pairs of D floats; `segment`: T, the most pairs that one step appends. */
export interface MemoryShape {
  /** B, rows. */
  readonly rows: number;
  /** H, heads. */
  readonly heads: number;
  /** D, floats of a key, and of a value. */
  readonly width: number;
  /** M, pairs that a head remembers. */
  readonly size: number;
  /** T, the most pairs that one step appends. */
  readonly segment: number;
}

/** How a memory is searched, in the words of `config.json`. */
export interface SearchOptions {
  /** Which search it is. */
  readonly kind: "exact" | "quantised" | "bucketed" | "inverted";
  /** Of `bucketed`: buckets for each of the K neighbours. */
  readonly bucketsPerNeighbour: number;
  /** Of `inverted`: lists of a head, 0 for automatic, and how many of them a query looks into. */
  readonly lists: number;
  /** Of `inverted`: lists that a query looks into. */
  readonly probes: number;
}

/** How numbers are kept: float16 takes half the bytes; keys and values are then rounded to 11 significant bits. */
export type MemoryDtype = "float32" | "float16";

/** How a memory searches, and how it keeps numbers. */
export interface MemoryOptions extends SearchOptions {
  /** How numbers are kept. */
  readonly dtype: MemoryDtype;
}

/** What a row remembers, [H, length, D] each, oldest first, as it is stored: floats, or the bits of halves. */
export interface MemoryContents {
  /** Keys, oldest first. */
  readonly keys: StoredNumbers;
  /** Values, oldest first. */
  readonly values: StoredNumbers;
}
