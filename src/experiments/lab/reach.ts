/**
 * How far back a model really looks: passages of random tokens are planted in a document and begin again at known distances. What
 * follows such a beginning can be known only by whoever still finds the first occurrence.
 */
import { noGrad, step } from "../../autodiff/tape.ts";
import { Random } from "../../base/random.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import type { LanguageModel } from "../../nn/language-model.ts";

/** Tokens from a passage to its second occurrence. */
export const DISTANCES: readonly number[] = [128, 512, 2048, 8192, 32768];

/** Tokens of a passage; the first half of the second occurrence tells which passage it is, the other half is asked for. */
const PASSAGE = 12;
const ASKED = PASSAGE / 2;
/** Passages for each distance. */
const PASSAGES = 16;
/** Tokens from one planted place to the next: more than the passage, so that text lies between them. */
const SPACING = 40;

/** Ids with passages planted, and the places whose tokens are asked for, by distance. */
export interface PlantedText {
  readonly ids: Int32Array;
  readonly asked: ReadonlyMap<number, readonly number[]>;
}

/**
 * Plants passages into the beginning of `text`, which should have twice the largest distance that is to be measured; distances
 * that do not fit are left out.
 * @param vocabulary tokens that passages are made of
 */
export function plantPassages(text: Int32Array, vocabulary: Int32Array, distances = DISTANCES): PlantedText {
  const random = new Random(7);
  const ids = text.slice();
  const taken = new Set<number>(); // places, in units of SPACING
  const asked = new Map<number, number[]>();
  for (const distance of distances.toReversed()) {
    const places: number[] = [];
    const apart = Math.round(distance / SPACING);
    for (let at = 1; places.length < PASSAGES * ASKED && (at + apart + 1) * SPACING < ids.length; at++) {
      if (taken.has(at) || taken.has(at + apart)) continue;
      taken.add(at).add(at + apart);
      const passage = Int32Array.from(
        { length: PASSAGE },
        () => vocabulary[Math.floor(random.next() * vocabulary.length)],
      );
      ids.set(passage, at * SPACING);
      ids.set(passage, (at + apart) * SPACING);
      for (let i = ASKED; i < PASSAGE; i++) places.push((at + apart) * SPACING + i);
    }
    if (places.length === PASSAGES * ASKED) asked.set(distance, places);
  }
  return { ids, asked };
}

/**
 * Returns the share of the asked tokens that the model finds most probable, for each distance.
 * @param memorySize M; default: the model's
 */
export function reachOf(model: LanguageModel, { ids, asked }: PlantedText, memorySize?: number): Map<number, number> {
  const wanted = new Set([...asked.values()].flat());
  const found = new Set<number>();
  const width = model.vocabulary;
  const state = model.newState({ rows: 1, memorySize });
  try {
    const last = Math.max(...wanted, 0);
    for (let at = 0; at < last; at += state.segmentLength) {
      const part = ids.subarray(at, Math.min(at + state.segmentLength, last));
      const logits = step(() => noGrad(() => model.forward({ ids: part }, state).toArray())); // [T, V]
      for (let i = 0; i < part.length; i++) {
        if (!wanted.has(at + i + 1)) continue;
        if (mostProbable(logits.subarray(i * width, (i + 1) * width)) === ids[at + i + 1]) found.add(at + i + 1);
      }
    }
  } finally {
    state.release();
  }
  return new Map(
    [...asked].map(([distance, places]) => [distance, places.filter((p) => found.has(p)).length / places.length]),
  );
}

/** Plants passages of the documents' own tokens into the documents, one after the other. */
export function plantedDocuments(documents: readonly TokenizedDocument[]): PlantedText {
  const length = 1.25 * Math.max(...DISTANCES);
  const parts: Int32Array[] = [];
  for (const document of documents) {
    if (parts.reduce((sum, part) => sum + part.length, 0) >= length) break;
    parts.push(document.tokens());
  }
  const text = Int32Array.from(parts.flatMap((part) => [...part])).subarray(0, length);
  return plantPassages(text, Int32Array.from(new Set(text)));
}

function mostProbable(logits: Float32Array): number {
  return logits.reduce((best, logit, id) => (logit > logits[best] ? id : best), 0);
}
