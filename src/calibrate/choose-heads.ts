/**
 * The set of remembering heads for a budget: the first heads of a ranking, up to a number of bytes or until they keep a share of the gain of all.
 * Every set that is compared is measured by reading the documents with it.
 */
import type { Decoder } from "../families/decoder.ts";
import { type ReadingSettings, readingSettings } from "../families/reading-settings.ts";
import type { GainReading } from "./gain-shares.ts";
import { headBytes, type MeasuredSet, measureSet } from "./measure-set.ts";
import type { Ranking } from "./rank-heads.ts";

/** What a set may cost, or must bring. */
export type Budget =
  /** Bytes of a remembered token, in the dtype of the memory. */
  | { readonly bytesPerToken: number }
  /** The share of the gain that memories in all heads bring, 0 to 1. */
  | { readonly share: number };

/** A chosen set and those that it was compared with. */
export interface Choice {
  /** The set. */
  readonly chosen: MeasuredSet;
  /** K and R that pay; undefined where the usual ones are as good. */
  readonly neighbours: number | undefined;
  readonly reach: number | undefined;
  /** Without a memory, five budgets and all heads, in ascending order of bytes; of equal sets one. */
  readonly sets: readonly MeasuredSet[];
}

/** Shares of all heads that the five budgets have. */
const BUDGETS = [1 / 45, 2 / 45, 4 / 45, 1 / 6, 1 / 3];
/** Sets that are tried between two budgets. */
const MOST_TRIES = 2;
/** K that is tried in place of the usual number. */
const FEW_NEIGHBOURS = 8;
/** A setting that costs less may lose this share of the gain. */
const TOLERANCE = 0.01;

/** Readings of the documents that a choice takes, at most. */
export const CHOICE_PASSES = BUDGETS.length + 2 + MOST_TRIES + 3;

/** The share of the gain of all heads that a set keeps; NaN where these gain nothing together. */
export function shareOfGain({ loss }: MeasuredSet, sets: readonly MeasuredSet[]): number {
  const [without, all] = [sets[0].loss, sets[sets.length - 1].loss];
  return without > all ? (without - loss) / (without - all) : Number.NaN;
}

/** Measures the best heads, that many of them, with changed settings. */
type Measure = (count: number, changes?: Change) => Generator<number, MeasuredSet>;
type Change = Pick<Partial<ReadingSettings>, "neighbours" | "reach">;

/** Chooses a set. Yields the number of predicted tokens after each segment. */
export function* chooseHeads(
  model: Decoder,
  { heads: ranked }: Ranking,
  reading: GainReading,
  budget: Budget,
): Generator<number, Choice> {
  const best = (count: number) => ranked.slice(0, count).map(({ layer, head }) => [layer, head] as const);
  const measure: Measure = (count, changes = {}) =>
    measureSet(model, { ...reading, settings: { ...reading.settings, ...changes } }, best(count));
  const counts = BUDGETS.map((share) => Math.max(1, Math.round(share * ranked.length)));
  const sets: MeasuredSet[] = [];
  for (const count of new Set([0, ...counts, ranked.length])) sets.push(yield* measure(count));
  const chosen =
    "share" in budget
      ? yield* smallestWith(budget.share, sets, measure)
      : yield* measure(headsFor(model, budget.bytesPerToken, reading, ranked.length));
  const tolerance = TOLERANCE * Math.abs(sets[0].loss - sets[sets.length - 1].loss);
  const changes = chosen.heads.length === 0 ? [] : otherSettings(model, reading);
  const least = "share" in budget ? Math.min(budget.share, shareOfGain(chosen, sets)) : Number.NEGATIVE_INFINITY;
  const keeps = (set: MeasuredSet) => !(shareOfGain(set, sets) < least); // where all gain nothing, there is no share
  const found = yield* settled(chosen, changes, { tolerance, keeps }, measure);
  return { sets, ...found, neighbours: found.neighbours ?? reading.settings.neighbours };
}

/**
 * A set with the changes that pay: fewer neighbours where little is lost and the set still keeps what was asked for, another R where something
 * is won.
 */
function* settled(
  chosen: MeasuredSet,
  changes: readonly Change[],
  { tolerance, keeps }: { readonly tolerance: number; readonly keeps: (set: MeasuredSet) => boolean },
  measure: Measure,
): Generator<number, Omit<Choice, "sets">> {
  let now = chosen;
  let kept: Change = {};
  for (const change of changes) {
    const set = yield* measure(chosen.heads.length, { ...kept, ...change });
    const most = now.loss + (change.neighbours === undefined ? -tolerance : tolerance);
    if (set.loss > most || !keeps(set)) continue;
    now = set;
    kept = { ...kept, ...change };
  }
  return { chosen: now, neighbours: kept.neighbours, reach: kept.reach };
}

/**
 * The smallest set that keeps `share` of the gain, of those measured and of a few between them. Where all heads together gain nothing,
 * the set with the lowest loss.
 */
function* smallestWith(share: number, sets: readonly MeasuredSet[], measure: Measure): Generator<number, MeasuredSet> {
  if (sets[sets.length - 1].loss >= sets[0].loss)
    return sets.reduce((best, set) => (set.loss < best.loss ? set : best));
  const keeps = (set: MeasuredSet) => shareOfGain(set, sets) >= share;
  const at = sets.findIndex(keeps);
  if (at === 0) return sets[0]; // no gain was asked for
  let [below, above] = [sets[at - 1], sets[at]];
  for (let tries = 0; tries < MOST_TRIES && above.heads.length - below.heads.length > 1; tries++) {
    const middle = yield* measure(Math.floor((below.heads.length + above.heads.length) / 2));
    if (keeps(middle)) above = middle;
    else below = middle;
  }
  return above;
}

/** How many heads the bytes of a token pay for. */
function headsFor(model: Decoder, bytes: number, { settings }: GainReading, most: number): number {
  return Math.min(most, Math.floor(bytes / headBytes(model, settings.memoryDtype ?? "float32")));
}

/** Settings that may be better than the usual ones: fewer neighbours, and distances that documents of this length reach. */
function otherSettings(model: Decoder, { documents, maxTokens, settings }: GainReading): Change[] {
  const { architecture } = model;
  const usual = readingSettings(architecture, settings);
  const longest = Math.min(maxTokens, Math.max(...documents.map((document) => document.tokens().length)));
  const fewer = settings.neighbours === undefined && usual.neighbours > FEW_NEIGHBOURS;
  const reaches = architecture.positions.kind === "learned" ? [] : [architecture.context / 4, architecture.context];
  const differs = (reach: number) => Math.min(reach, usual.reach) < longest - usual.window;
  return [
    ...(fewer ? [{ neighbours: FEW_NEIGHBOURS }] : []),
    ...(settings.reach === undefined ? reaches.map(Math.floor).filter(differs) : []).map((reach) => ({ reach })),
  ];
}
