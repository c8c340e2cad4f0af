/** How large a memory is, how it is searched and how its numbers are kept: what each option may be, and its default. */
import { checkOptions, type Kind, type Kinds, oneOf, optional, whole } from "../base/check.ts";
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

export const memoryDefaults: MemoryOptions = {
  kind: "exact",
  bucketsPerNeighbour: 4,
  lists: 0,
  probes: 32,
  dtype: "float32",
};

/** H, D and M, as files of memories have them. */
export const aHeadCount: Kind = whole(1, 2 ** 16);
export const aWidth: Kind = whole(1, 2 ** 20);
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

/** @throws InputError for a shape or options that no memory can have */
export function requireMemoryOptions(shape: MemoryShape, options: Partial<MemoryOptions>): void {
  checkOptions("a memory's shape", shape, shapeKinds);
  checkOptions("a memory's options", options, optionKinds);
}
