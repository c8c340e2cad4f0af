/**
 * The summary of an inspection (paper, section 4.6): which tokens gain from the memory, and which documents their pairs came
 * from. Tokens are grouped by kind of word, by earlier occurrences and by distance to the retrieved pair.
 */
import {
  aText,
  check,
  checkOptions,
  instance,
  type Kind,
  type Kinds,
  listOf,
  oneOf,
  someObject,
  tokenIds,
  whole,
} from "../base/check.ts";
import { requireSources } from "../memory/source-table.ts";
import { type Word, type WordKind, wordKinds } from "../text/words.ts";
import type { Inspection } from "./inspect.ts";
import { RetrievedPairs } from "./retrieved-pairs.ts";

/** A group of predictions. */
export interface TokenGroup {
  /** The name of the group, such as a kind of word. */
  readonly name: string;
  /** Predictions in the group. */
  readonly tokens: number;
  /** Mean −ln p with memory. */
  readonly nats: number;
  /** Mean −ln p without memory. */
  readonly natsWithout: number;
}

/** The share of one document in everything that was retrieved. */
export interface DocumentShare {
  /** Name of the document. */
  readonly document: string;
  /** Its share of the weight of all retrieved pairs, 0 to 1. */
  readonly share: number;
}

/** The summary of an inspection: which tokens gained, and from where. */
export interface InspectionSummary {
  /** All predictions. */
  readonly all: TokenGroup;
  /** By the kind of the token's word. */
  readonly kinds: readonly TokenGroup[];
  /** By the occurrences of the token's word so far, including this one. */
  readonly occurrences: readonly TokenGroup[];
  /** By the distance in tokens to the pair with the largest share, in powers of two. */
  readonly distances: readonly TokenGroup[];
  /** Every document with a retrieved pair, largest share first. */
  readonly documents: readonly DocumentShare[];
  /** Places of the tokens that gained, largest gain first. */
  readonly mostGained: readonly number[];
}

const floats = instance(Float32Array, "a Float32Array");
const inspectionKinds: Kinds<Inspection> = {
  name: aText,
  ids: tokenIds,
  memorySize: whole(1),
  nats: floats,
  natsWithout: floats,
  heads: listOf(someObject),
  gates: floats,
  retrieved: instance(RetrievedPairs, "the pairs that inspect() found"),
  earlier: someObject,
  received: instance(Float64Array, "a Float64Array"),
};
const aWord: Kind = {
  what: "a word, with text and kind",
  accepts(value) {
    const { text, kind }: Partial<Word> = Object(value);
    return typeof text === "string" && wordKinds.includes(kind as WordKind);
  },
};

/** @throws InputError if `inspection` is not a result of inspect() */
function requireInspection(inspection: Inspection): void {
  checkOptions("inspection", inspection, inspectionKinds);
  const { ids, nats, natsWithout, received, earlier } = inspection;
  for (const [name, { length }] of Object.entries({ nats, natsWithout })) {
    check(`${name}.length`, length, oneOf(ids.length));
  }
  requireSources(earlier, received.length - ids.length);
}

/** The best pair of a token that retrieved nothing. */
const NOTHING = Number.NaN;

type Range = readonly [from: number, to: number];

const OCCURRENCES: readonly Range[] = [
  [1, 1],
  [2, 3],
  [4, 10],
  [11, 30],
  [31, 100],
  [101, Infinity],
];
const DISTANCES: readonly Range[] = Array.from({ length: 25 }, (_, power) => [2 ** power, 2 ** (power + 1) - 1]);

/**
 * Summarizes an inspection.
 * @param words the word of each token, see text/words.ts
 * @param gained the most tokens that `mostGained` may have
 */
export function summarize(inspection: Inspection, words: readonly Word[], gained: number): InspectionSummary {
  requireInspection(inspection);
  check("words", words, listOf(aWord));
  check("words.length", words.length, oneOf(inspection.ids.length));
  check("gained", gained, whole(0));
  const { ids, retrieved } = inspection;
  const predicted = Array.from({ length: ids.length - 1 }, (_, i) => i + 1);
  const group = (name: string, has: (token: number) => boolean) => groupOf(inspection, name, predicted.filter(has));
  const byRange = (ranges: readonly Range[], of: (token: number) => number) =>
    ranges.map(([from, to]) => group(rangeName(from, to), (token) => of(token) >= from && of(token) <= to));
  const occurrences = occurrencesOf(words);
  const best = Array.from(ids, (_, token) => retrieved.best(token)?.token ?? NOTHING);
  const gain = (token: number) => gainOf(inspection, token);
  return {
    all: group("all", () => true),
    kinds: wordKinds.map((kind) => group(kind, (token) => words[token].kind === kind)).filter(isFilled),
    occurrences: byRange(OCCURRENCES, (token) => occurrences[token]).filter(isFilled),
    distances: [
      ...byRange(DISTANCES, (token) => (best[token] >= 0 ? distanceTo(token, best[token]) : NOTHING)),
      group("read before", (token) => best[token] < 0),
      group("nothing retrieved", (token) => Number.isNaN(best[token])),
    ].filter(isFilled),
    documents: documentShares(inspection),
    mostGained: predicted
      .filter((token) => gain(token) > 0)
      .sort((a, b) => gain(b) - gain(a))
      .slice(0, gained),
  };
}

/** Nats that the memory saves in the prediction of one token; below 0 if it hurts. */
export function gainOf({ nats, natsWithout }: Inspection, token: number): number {
  return natsWithout[token] - nats[token];
}

/** Distance in tokens from the query, the token just before the predicted one, back to the retrieved token. */
export function distanceTo(token: number, retrieved: number): number {
  return token - 1 - retrieved;
}

function groupOf({ nats, natsWithout }: Inspection, name: string, tokens: readonly number[]): TokenGroup {
  const mean = (losses: Float32Array) => tokens.reduce((sum, token) => sum + losses[token], 0) / tokens.length;
  return { name, tokens: tokens.length, nats: mean(nats), natsWithout: mean(natsWithout) };
}

function isFilled({ tokens }: TokenGroup): boolean {
  return tokens > 0;
}

/** `1`, `2–3`, `from 101` */
function rangeName(from: number, to: number): string {
  if (to === Infinity) return `from ${from}`;
  return from === to ? String(from) : `${from}–${to}`;
}

/** For each token, the occurrences of its word so far; the tokens of one word share one number. */
function occurrencesOf(words: readonly Word[]): number[] {
  const seen = new Map<string, number>();
  return words.map((word, token) => {
    const before = seen.get(word.text) ?? 0;
    const count = word === words[token - 1] ? before : before + 1;
    seen.set(word.text, count);
    return count;
  });
}

function documentShares({ name, earlier, received }: Inspection): DocumentShare[] {
  const here = earlier.documents.length;
  const weights = new Map<number, number>();
  for (const [pair, weight] of received.entries()) {
    const document = earlier.columns.document[pair] ?? here;
    weights.set(document, (weights.get(document) ?? 0) + weight);
  }
  const ownName = earlier.documents.includes(name) ? `${name} (this document)` : name;
  const total = received.reduce((sum, weight) => sum + weight, 0);
  return [...weights]
    .filter(([, weight]) => weight > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([document, weight]) => ({ document: earlier.documents[document] ?? ownName, share: weight / total }));
}
