/**
 * The type of a snapshot, and the check that a file can keep it. Every snapshot is checked on its way in, whether from a
 * program or to a file. So nothing is written that memory-file.ts would refuse to read.
 */
import { aText, check, checkOptions, type Kind, type Kinds, optional, someObject, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { type ChosenHeads, headCount, requireChosen, someChosenHeads } from "./chosen-heads.ts";
import { requireContents } from "./contents-check.ts";
import { aHeadCount, aSize, aWidth, type MemoryContents } from "./options.ts";
import { MOST_APPENDED } from "./ring.ts";
import { requireSources, type SourceTable } from "./source-table.ts";

/** A copy of the pairs that one row remembers, independent of any model. */
export interface MemorySnapshot {
  /** The name used in messages: the path of its file, if it comes from one. */
  readonly name: string;
  /** Fingerprint of the model that made the pairs; undefined if they have another origin. */
  readonly model: string | undefined;
  /** H */
  readonly heads: number;
  /** D */
  readonly width: number;
  /** M, the size of the memory that the pairs were taken from. It is not a limit. */
  readonly size: number;
  /** n, pairs of each layer and head. */
  readonly length: number;
  /** Pairs that were ever remembered, including those that fell out. */
  readonly appended: number;
  /** The contents of each memory layer, by its number. */
  readonly layers: ReadonlyMap<number, MemoryContents>;
  /** The heads of layers that remember in only some of H, by the layer's number. Contents have no other heads. Default: all. */
  readonly chosen?: ChosenHeads;
  /** The sources of the pairs, if they were noted. */
  readonly sources: SourceTable | undefined;
}

export const MOST_PAIRS = 2 ** 31;
export const MOST_LAYER = 2 ** 16;
/** The fingerprint of a model. */
export const FINGERPRINT = /^\w{1,64}$/;

const aModel: Kind = {
  what: "the fingerprint of a model, 1 to 64 letters and digits",
  accepts: (value) => typeof value === "string" && FINGERPRINT.test(value),
};
const aLayer = whole(0, MOST_LAYER);
const layersKind: Kind = {
  what: `a Map from layers, whole numbers from 0 to ${MOST_LAYER}, to what they remember`,
  accepts: (value) => value instanceof Map && [...value.keys()].every(aLayer.accepts),
};

const snapshotKinds: Kinds<Required<MemorySnapshot>> = {
  name: aText,
  model: optional(aModel),
  heads: aHeadCount,
  width: aWidth,
  size: aSize,
  length: whole(0, MOST_PAIRS),
  appended: whole(0, MOST_APPENDED),
  layers: layersKind,
  chosen: optional(someChosenHeads),
  sources: optional(someObject),
};

/** @throws InputError that names the part a memory's file cannot hold */
export function requireSnapshot(snapshot: MemorySnapshot): void {
  checkOptions("the snapshot", snapshot, snapshotKinds);
  const { heads, width, length, appended, layers, chosen, sources } = snapshot;
  check("appended", appended, whole(length, MOST_APPENDED));
  if (chosen !== undefined) requireChosen(chosen, snapshot);
  for (const [layer, contents] of layers) {
    const count = headCount(heads, chosen, layer);
    requireContents(contents, count, width);
    if (contents.keys.length === count * length * width) continue;
    const found = contents.keys.length / count / width;
    throw new InputError(`layers: layer ${layer} has ${found} pairs; the snapshot must have its length, ${length}`);
  }
  if (sources !== undefined) requireSources(sources, length);
}
