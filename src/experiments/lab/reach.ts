/**
 * How far back a model really looks: passages of other documents are planted in a text, each twice, at known distances. A model that
 * still finds the first occurrence predicts the second better than the first.
 */
import type { TokenizedDocument } from "../../data/corpus.ts";
import { targetLosses } from "../../model/losses.ts";
import type { LanguageModel } from "../../nn/language-model.ts";

/** Tokens from a passage to its second occurrence. */
export const DISTANCES: readonly number[] = [128, 512, 2048, 8192, 32768];

/** Tokens of a passage; the first half of the second occurrence tells which passage it is, the other half is asked for. */
const PASSAGE = 16;
const ASKED = PASSAGE / 2;
/** Passages for each distance. */
const PASSAGES = 24;
/** Tokens from one planted place to the next: more than the passage, so that text lies between them. */
const SPACING = 40;

/** Places whose tokens are asked for, in both occurrences of their passages. */
interface AskedPlaces {
  readonly first: readonly number[];
  readonly second: readonly number[];
}

/** Ids with passages planted, and the places that are asked for, by distance. */
export interface PlantedText {
  readonly ids: Int32Array;
  readonly asked: ReadonlyMap<number, AskedPlaces>;
}

/**
 * Plants passages into `text`: what follows one another in `source`, at even places. Distances for which `text` is too short are left
 * out.
 */
export function plantPassages(text: Int32Array, source: Int32Array, distances = DISTANCES): PlantedText {
  const ids = text.slice();
  const taken = new Set<number>(); // places, in units of SPACING
  const asked = new Map<number, AskedPlaces>();
  let next = 0; // in source
  for (const distance of distances.toReversed()) {
    const apart = Math.round(distance / SPACING);
    const pairs: [number, number][] = [];
    for (let at = 1; pairs.length < PASSAGES && (at + apart + 1) * SPACING <= ids.length; at++) {
      if (taken.has(at) || taken.has(at + apart)) continue;
      taken.add(at).add(at + apart);
      pairs.push([at * SPACING, (at + apart) * SPACING]);
    }
    if (pairs.length < PASSAGES) continue;
    for (const pair of pairs) {
      const begin = next;
      next = (next + 4 * PASSAGE) % Math.max(1, source.length - PASSAGE);
      for (const place of pair) ids.set(source.subarray(begin, begin + PASSAGE), place);
    }
    const places = (which: 0 | 1) =>
      pairs.flatMap((pair) => Array.from({ length: ASKED }, (_, i) => pair[which] + ASKED + i));
    asked.set(distance, { first: places(0), second: places(1) });
  }
  return { ids, asked };
}

/**
 * Returns for each distance the share of the asked tokens' nats that their first occurrence saves: 0 for a model that does not find
 * it, 1 for one that then knows them.
 * @param memorySize M; default: the model's
 */
export function reachOf(model: LanguageModel, { ids, asked }: PlantedText, memorySize?: number): Map<number, number> {
  const nats = lossesOf(model, ids, memorySize);
  const sum = (places: readonly number[]) => places.reduce((total, place) => total + nats[place], 0);
  return new Map([...asked].map(([distance, { first, second }]) => [distance, 1 - sum(second) / sum(first)]));
}

/** −ln p of every token but the first, at its place. */
function lossesOf(model: LanguageModel, ids: Int32Array, memorySize: number | undefined): Float32Array {
  const nats = new Float32Array(ids.length);
  const state = model.newState({ rows: 1, memorySize });
  try {
    for (let at = 0; at + 1 < ids.length; at += state.segmentLength) {
      const end = Math.min(at + state.segmentLength, ids.length - 1);
      nats.set(targetLosses(model, { ids: ids.subarray(at, end) }, ids.subarray(at + 1, end + 1), state), at + 1);
    }
  } finally {
    state.release();
  }
  return nats;
}

/** Plants passages of `others` into `documents`, one after the other. */
export function plantedDocuments(
  documents: readonly TokenizedDocument[],
  others: readonly TokenizedDocument[],
): PlantedText {
  return plantPassages(beginning(documents, 1.25 * Math.max(...DISTANCES)), beginning(others, 2 ** 14));
}

/** The first `length` tokens of the documents, one after the other. */
function beginning(documents: readonly TokenizedDocument[], length: number): Int32Array {
  const parts: number[] = [];
  for (const document of documents) {
    if (parts.length < length) parts.push(...document.tokens().subarray(0, length - parts.length));
  }
  return Int32Array.from(parts);
}
