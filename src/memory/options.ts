/** The size, search and number format of a memory: the range of each option, and its default. */
import { checkOptions, type Kind, type Kinds, oneOf, optional, whole } from "../base/check.ts";
import type { StoredNumbers } from "../wasm/half.ts";

/** The size of a memory: B rows of H heads that remember M pairs of D floats. */
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

/** The search of a memory, with the names of `config.json`. */
export interface SearchOptions {
  /** The kind of search. */
  readonly kind: "exact" | "quantised" | "bucketed" | "inverted";
  /** For `bucketed`: buckets for each of the K neighbours. */
  readonly bucketsPerNeighbour: number;
  /** For `inverted`: lists of each head; 0 is automatic. */
  readonly lists: number;
  /** For `inverted`: lists that a query scans. */
  readonly probes: number;
}

/** The format of keys and values. float16 takes half the bytes and rounds to 11 significant bits. */
export type MemoryDtype = "float32" | "float16";

/** The search and the number format of a memory. */
export interface MemoryOptions extends SearchOptions {
  /** The format of keys and values. */
  readonly dtype: MemoryDtype;
}

/** The pairs of a row, [H, length, D] each, oldest first, as stored: floats, or the bits of halves. */
export interface MemoryContents {
  /** Keys, oldest first. */
  readonly keys: StoredNumbers;
  /** Values, oldest first. */
  readonly values: StoredNumbers;
}

export const memoryDefaults: MemoryOptions = {
  kind: "exact",
  bucketsPerNeighbour: 4,
  lists: 0,
  probes: 32,
  dtype: "float32",
};

/** Ranges of H, D and M in the files of memories. */
export const aHeadCount: Kind = whole(1, 2 ** 16);
/** Wider keys would overflow sums of quantised scans, and the room of searches. */
export const aWidth: Kind = whole(1, 2 ** 14);
export const aSize: Kind = whole(1, 2 ** 31);
export const aSearch: Kind = oneOf("exact", "quantised", "bucketed", "inverted");
export const aDtype: Kind = oneOf("float32", "float16");

const shapeKinds: Kinds<MemoryShape> = {
  rows: whole(1, 2 ** 16),
  heads: aHeadCount,
  width: aWidth,
  size: aSize,
  segment: whole(0, 2 ** 20),
};

const optionKinds: Kinds<MemoryOptions> = {
  kind: optional(aSearch),
  bucketsPerNeighbour: optional(whole(1, 64)),
  lists: optional(whole(0, 2 ** 16 - 1)),
  probes: optional(whole(1, 2 ** 16 - 1)),
  dtype: optional(aDtype),
};

/** @throws InputError for an impossible shape or option */
export function requireMemoryOptions(shape: MemoryShape, options: Partial<MemoryOptions>): void {
  checkOptions("a memory's shape", shape, shapeKinds);
  checkOptions("a memory's options", options, optionKinds);
}
