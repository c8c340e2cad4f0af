/**
 * The kv heads of a model in the order of what their memories bring. What a head brings depends on the others that remember: two heads
 * that do the same are each worth little next to the other. So heads are left out in rounds, and the rest is compared again.
 */
import type { Decoder } from "../families/decoder.ts";
import { allMemoryHeads } from "../families/reading-settings.ts";
import { GAIN_PASSES, type GainReading, gainShares, type HeadGain } from "./gain-shares.ts";

/** The share of heads that stays after a round. */
const KEPT = 1 / 3;

/** A ranking of heads. */
export interface Ranking {
  /** All heads, the best first. The gain of each is that among all heads. */
  readonly heads: readonly HeadGain[];
}

/** Passes over the documents that a ranking in `rounds` rounds takes. */
export function rankingPasses(rounds: number): number {
  return rounds * GAIN_PASSES;
}

/**
 * Ranks all heads that can remember. Each round keeps a third of the heads, those with the largest shares in what they bring together;
 * the others follow in the order of their own last round. Yields the number of predicted tokens after each segment.
 */
export function* rankHeads(model: Decoder, reading: GainReading, rounds: number): Generator<number, Ranking> {
  let left: ReturnType<typeof allMemoryHeads> = allMemoryHeads(model.architecture);
  let first: readonly HeadGain[] = [];
  const behind: HeadGain[] = [];
  let ahead: readonly HeadGain[] = [];
  for (let round = 0; round < rounds && left.length > 0; round++) {
    const settings = { ...reading.settings, memoryHeads: left };
    const shares = yield* gainShares(model, { ...reading, settings });
    if (round === 0) first = shares;
    const ordered = shares.toSorted((a, b) => b.gain - a.gain);
    const kept = round === rounds - 1 ? ordered.length : Math.ceil(ordered.length * KEPT);
    behind.unshift(...ordered.slice(kept));
    ahead = ordered.slice(0, kept);
    left = ahead.map(({ layer, head }) => [layer, head]);
  }
  const amongAll = ({ layer, head }: HeadGain) => first.find((one) => one.layer === layer && one.head === head)!;
  return { heads: [...ahead, ...behind].map(amongAll) };
}
