/**
 * The manifest of a memory that is served: a record with its segments, oldest first, which is changed by compare-and-set. A segment never
 * changes, and neither does its number nor the numbers of its pairs, so all that read the same manifest see the same pairs. A manifest is found
 * by the fingerprint of the model that made the pairs.
 */
import { InputError } from "../../base/errors.ts";
import { isBlockName } from "../blocks.ts";
import type { Exchange } from "../exchange.ts";
import { changeRecord, lookAt, type Reading, soundRecord } from "../records.ts";

/** The map of manifests. */
const MEMORIES = "memories";
const MOST_PAIRS = 2 ** 31;

/** The heads, and so on, in which pairs of one memory agree. */
export interface MemoryShape {
  /** H */
  readonly heads: number;
  /** D */
  readonly width: number;
  /** Layers that remember, ascending. */
  readonly layers: readonly number[];
}

/** Pairs that follow each other, in a file of somebody who serves them. */
export interface SegmentFile {
  /** SHA-256 of its content. */
  readonly name: string;
  /** n, its pairs in each layer and head. */
  readonly pairs: number;
  /** The file that it was cut from, for people. */
  readonly file: string;
}

export interface Segment extends SegmentFile {
  /** Counted from 0 over all that were ever appended; so is `first`, the number of its oldest pair. */
  readonly number: number;
  readonly first: number;
}

export interface Manifest extends MemoryShape {
  /** SHA-256 of the files that were ever appended; none is appended twice. */
  readonly files: readonly string[];
  /** Oldest first. */
  readonly segments: readonly Segment[];
  /** Numbers of the next segment, and of the next pair. */
  readonly nextNumber: number;
  readonly nextPair: number;
}

/** The record as it is kept: what follows from the rest is left out. */
interface Kept extends MemoryShape {
  readonly files: readonly string[];
  readonly firstNumber: number;
  readonly firstPair: number;
  readonly segments: readonly SegmentFile[];
}

/** The manifest of the memory that `model` made; undefined if none is served, or its record was damaged: then it is set aside. */
export async function readManifest(exchange: Exchange, model: string): Promise<Manifest | undefined> {
  const kept = await soundRecord(exchange, MEMORIES, model, keptIn);
  return kept && manifestOf(kept);
}

/** Fingerprints of the models whose memories are served. */
export async function servedModels(exchange: Exchange): Promise<readonly string[]> {
  const models: string[] = [];
  for (const model of await exchange.keys(MEMORIES)) {
    if ((await lookAt(exchange, MEMORIES, model, keptIn)).content !== undefined) models.push(model);
  }
  return models;
}

/**
 * Appends the segments of a file, called `name` by its SHA-256, unless that was done before.
 * @throws InputError if the memory has another shape
 */
export async function appendSegments(
  exchange: Exchange,
  model: string,
  { heads, width, layers }: MemoryShape,
  name: string,
  segments: readonly SegmentFile[],
): Promise<void> {
  const empty: Kept = { heads, width, layers, files: [], firstNumber: 0, firstPair: 0, segments: [] };
  const append = (known = empty): Kept => {
    if (shapeText(known) !== shapeText(empty)) {
      const there = `the memory at ${exchange.name} has ${shapeText(known)}`;
      throw new InputError(`${segments[0]?.file ?? "the file"} has ${shapeText(empty)}, but ${there}`);
    }
    if (known.files.includes(name)) return known;
    const all = [...known.segments, ...segments];
    if (pairsOf(all) > MOST_PAIRS) throw new InputError(`a memory that is served may have ${MOST_PAIRS} pairs at most`);
    return { ...known, files: [...known.files, name], segments: all };
  };
  await changeRecord(exchange, MEMORIES, model, append, keptIn);
}

/**
 * Drops the oldest `count` segments, or all if there are fewer. Resolves to the pairs that are left.
 * @throws InputError if no such memory is served, or it has no pairs
 */
export async function forgetOldest(exchange: Exchange, model: string, count: number): Promise<number> {
  let left = 0;
  const forget = (known: Kept | undefined): Kept => {
    if (known === undefined) throw new InputError(`${exchange.name} has no memory of the model ${model}`);
    if (known.segments.length === 0) throw new InputError(`the memory at ${exchange.name} has no pairs to forget`);
    const dropped = known.segments.slice(0, count);
    const segments = known.segments.slice(count);
    left = pairsOf(segments);
    const [firstNumber, firstPair] = [known.firstNumber + dropped.length, known.firstPair + pairsOf(dropped)];
    return { ...known, segments, firstNumber, firstPair };
  };
  await changeRecord(exchange, MEMORIES, model, forget, keptIn);
  return left;
}

function manifestOf({ firstNumber, firstPair, segments, ...rest }: Kept): Manifest {
  let nextPair = firstPair;
  const numbered = segments.map((segment, index) => {
    const first = nextPair;
    nextPair += segment.pairs;
    return { ...segment, number: firstNumber + index, first };
  });
  return { ...rest, segments: numbered, nextNumber: firstNumber + segments.length, nextPair };
}

/** The record, checked: anybody who can write to the exchange may have written it. */
const keptIn: Reading<Kept> = ({ heads, width, layers, files, firstNumber, firstPair, segments }) => {
  const isWhole =
    isCount(heads, 1, 2 ** 16) &&
    isCount(width, 1, 2 ** 20) &&
    isList(layers, (layer) => isCount(layer, 0, 2 ** 16)) &&
    isList(files, isBlockName) &&
    isCount(firstNumber, 0, 2 ** 48) &&
    isCount(firstPair, 0, 2 ** 48) &&
    isList(segments, isSegment);
  return isWhole ? ({ heads, width, layers, files, firstNumber, firstPair, segments } as Kept) : undefined;
};

function isSegment(value: unknown): value is SegmentFile {
  const { name, pairs, file } = Object(value);
  return isBlockName(name) && isCount(pairs, 1, MOST_PAIRS) && typeof file === "string";
}

function isCount(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function isList(value: unknown, accepts: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(accepts);
}

function pairsOf(segments: readonly SegmentFile[]): number {
  return segments.reduce((sum, { pairs }) => sum + pairs, 0);
}

function shapeText({ heads, width, layers }: MemoryShape): string {
  return `layers ${layers.join(",")} with ${heads} heads of width ${width}`;
}
