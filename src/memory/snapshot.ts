/**
 * A copy of one row's memory as plain arrays. It can be kept in a file (memory-file.ts), restored into another state, resized,
 * or merged with others. The pairs come with their sources, if those were noted.
 */
import { check, type Kind, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { asFloats, type StoredNumbers } from "../wasm/half.ts";
import { type ChosenHeads, headCount, partlyChosen, placesText, type RememberingHeads } from "./chosen-heads.ts";
import type { KvMemory } from "./memory.ts";
import { aSize, type MemoryContents } from "./options.ts";
import type { PairTokens } from "./pair-tokens.ts";
import { MOST_APPENDED } from "./ring.ts";
import { type MemorySnapshot, requireSnapshot } from "./snapshot-check.ts";
import { joinSources, newestSources, type SourceLog } from "./sources.ts";

export type { MemorySnapshot } from "./snapshot-check.ts";

const someParts: Kind = {
  what: "an array of one snapshot or more",
  accepts: (value) => Array.isArray(value) && value.length > 0,
};

/** The part of a ModelState that remembers. */
export interface Remembering {
  /** Memories by layer. */
  readonly memories: ReadonlyMap<number, KvMemory>;
  /** The sources of each row's pairs; empty if they are not logged. */
  readonly sources: readonly SourceLog[];
  /** The tokens of the pairs, where predictions copy. */
  readonly tokens?: PairTokens;
  /** The heads that remember. Default: all of every memory layer. */
  readonly rememberingHeads?: RememberingHeads;
}

/** Copies what row `row` remembers. Its document must have ended, or the last tokens would be missing. */
export function takeSnapshot(remembering: Remembering, row: number, model?: string): MemorySnapshot {
  const { memories, sources } = remembering;
  const any = anyMemory(memories);
  const { width, size } = any;
  const heads = headsOf(remembering);
  const [length, appended, log] = [any.length(row), any.appended(row), sources.at(row)];
  if (log !== undefined && log.appended !== appended) throw new InputError("a snapshot was taken within a document");
  const layers = new Map([...memories].map(([layer, memory]) => [layer, memory.contents(row)]));
  return { name: "the memory", model, ...heads, width, size, length, appended, layers, sources: log?.copyOut(length) };
}

/** H, and the heads that remember where not all do. */
function headsOf({ memories, rememberingHeads }: Remembering): Pick<MemorySnapshot, "heads" | "chosen"> {
  if (rememberingHeads === undefined) return { heads: anyMemory(memories).heads };
  const chosen = partlyChosen(rememberingHeads);
  return { heads: rememberingHeads.count, ...(chosen && { chosen }) };
}

/**
 * Restores row `row` from `snapshot`; if there are more pairs than fit, only the newest. In a memory of the same size every
 * slot is restored, so all later results are bit-identical.
 * @throws InputError if the layers, heads or widths differ, or a file could not hold the snapshot; then nothing changes
 */
export function restoreSnapshot(remembering: Remembering, row: number, snapshot: MemorySnapshot): void {
  requireSnapshot(snapshot);
  requireSameShape(snapshot, remembering);
  const { memories, sources, tokens } = remembering;
  const log = sources.at(row);
  if ((log ?? tokens) !== undefined && snapshot.sources === undefined) {
    throw new InputError(`${snapshot.name} does not say where its pairs come from`);
  }
  if (snapshot.sources !== undefined) tokens?.restore(row, snapshot.appended, snapshot.sources.columns.token);
  for (const [layer, memory] of memories) {
    memory.restore(row, snapshot.appended, snapshot.layers.get(layer) as MemoryContents);
  }
  if (snapshot.sources !== undefined) log?.copyIn(snapshot.appended, snapshot.sources);
}

/**
 * Merges snapshots, one after the other, into a memory of `size` pairs; if there are more, only the newest stay. A single
 * snapshot is resized. The result has half floats if all parts have them.
 * @throws InputError if they come from different models, or differ in layers, heads or widths
 */
export function mergeSnapshots(parts: readonly [MemorySnapshot, ...MemorySnapshot[]], size: number): MemorySnapshot {
  check("parts", parts, someParts);
  for (const part of parts) requireSnapshot(part);
  check("size", size, aSize);
  const [first, ...others] = parts;
  for (const other of others) requireSameOrigin(first, other);
  const length = Math.min(size, sum(parts.map((part) => part.length)));
  const newest = (kind: keyof MemoryContents, layer: number) =>
    newestPairs(
      parts.map(({ layers }) => layers.get(layer)?.[kind] ?? new Float32Array()),
      headCount(first.heads, first.chosen, layer),
      length * first.width,
    );
  const pairsOf = (layer: number): MemoryContents => ({ keys: newest("keys", layer), values: newest("values", layer) });
  const appended = sum(parts.map(({ appended }) => appended));
  check("appended, of all parts,", appended, whole(length, MOST_APPENDED));
  const sources = parts.flatMap(({ sources }) => sources ?? []);
  return {
    ...first,
    size,
    length,
    appended,
    layers: new Map([...first.layers.keys()].map((layer) => [layer, pairsOf(layer)])),
    sources: sources.length < parts.length ? undefined : newestSources(sources.reduce(joinSources), length),
  };
}

/** Refuses a snapshot whose pairs were not made by the model with this fingerprint. */
export function requireModel({ name, model }: MemorySnapshot, fingerprint: string): void {
  if (model === fingerprint) return;
  const origin = model === undefined ? "was made by no model" : `was made by the model ${model}`;
  throw new InputError(`${name} ${origin}, this is the model ${fingerprint}; read the documents again with this one`);
}

/** Refuses a snapshot with a token outside a vocabulary of `vocabSize`. */
export function requireTokens({ name, sources }: MemorySnapshot, vocabSize: number): void {
  const strange = sources?.columns.token.find((token) => token >= vocabSize);
  if (strange === undefined) return;
  throw new InputError(`${name} remembers the token ${strange}, but the tokenizer has only 0 to ${vocabSize - 1}`);
}

function requireSameOrigin(a: MemorySnapshot, b: MemorySnapshot): void {
  if (a.model !== b.model) {
    const [ofA, ofB] = [a, b].map(({ name, model }) => `${name} was made by ${model ?? "no model"}`);
    throw new InputError(`${ofA} and ${ofB}, so they cannot be merged; read the documents again with one model`);
  }
  if (shapeOf(a) !== shapeOf(b)) {
    throw new InputError(`${b.name} has ${shapeOf(b)}, but ${a.name} has ${shapeOf(a)}, so they cannot be merged`);
  }
}

/** @throws InputError if the snapshot has other layers, heads or widths than what is to remember it */
export function requireSameShape(snapshot: MemorySnapshot, remembering: Remembering): void {
  const { memories } = remembering;
  const { width } = anyMemory(memories);
  const wanted = shapeOf({ ...headsOf(remembering), width, layers: memories });
  if (shapeOf(snapshot) === wanted) return;
  throw new InputError(`${snapshot.name} has ${shapeOf(snapshot)}, but ${wanted} should remember it`);
}

/** Returns one of the memories, which all have the same shape. */
function anyMemory(memories: ReadonlyMap<number, KvMemory>): KvMemory {
  for (const memory of memories.values()) return memory;
  throw new InputError("this model has no memory: its memory_size is 0, or it has no memory layers");
}

interface Shape {
  readonly heads: number;
  readonly width: number;
  readonly layers: ReadonlyMap<number, unknown>;
  readonly chosen?: ChosenHeads;
}

/** `layers 2,5 with 4 heads of width 64`; of a layer that remembers in some heads, `5:0,5:3`. */
function shapeOf({ heads, width, layers, chosen }: Shape): string {
  return `layers ${placesText(layers.keys(), chosen)} with ${heads} heads of width ${width}`;
}

/** Returns the last `numbers` numbers of each head, [H, numbers], from arrays [H, n₁·D], [H, n₂·D], … */
function newestPairs(given: readonly StoredNumbers[], heads: number, numbers: number): StoredNumbers {
  const halves = given.every((part) => part instanceof Uint16Array);
  const parts = halves ? given : given.map(asFloats);
  const newest = halves ? new Uint16Array(heads * numbers) : new Float32Array(heads * numbers);
  for (let head = 0; head < heads; head++) {
    let left = numbers;
    for (const part of parts.toReversed()) {
      const end = ((head + 1) * part.length) / heads;
      const taken = Math.min(left, part.length / heads);
      left -= taken;
      newest.set(part.subarray(end - taken, end), head * numbers + left);
    }
  }
  return newest;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
