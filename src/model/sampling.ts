/**
 * Choosing the next token from its logits: temperature, top-k, top-p (nucleus sampling, Holtzman et al. 2020).
 * There is one row of logits for each token, so plain TypeScript is fast enough.
 */

import { type Field, integer } from "../base/fields.ts";
import { exp } from "../base/portable-math.ts";
import type { Random } from "../base/random.ts";

/** The options of drawing a token. */
export interface SamplingOptions {
  /** Logits are divided by it; 0: always the likeliest. */
  temperature: number;
  /** The number of likeliest tokens to draw from; 0: all. */
  topK: number;
  /** Draws only from the likeliest tokens that make up this probability; 1: all. */
  topP: number;
}

export const samplingFields: Readonly<Record<keyof SamplingOptions, Field>> = {
  temperature: {
    kind: "number",
    default: 1,
    min: 0,
    max: 1000,
    about: "logits are divided by it; 0: always the likeliest",
  },
  topK: integer(0, 0, 2 ** 24, "the number of likeliest tokens to draw from; 0: all"),
  topP: {
    kind: "number",
    default: 1,
    above: 0,
    max: 1,
    about: "draw only from the likeliest tokens that make up this probability",
  },
};

/** Draws a token and returns its id. Among equally likely tokens the smaller id comes first. */
export function sampleToken(
  logits: Float32Array,
  { temperature, topK, topP }: SamplingOptions,
  random: Random,
): number {
  const likeliest = indexOfLargest(logits);
  if (temperature === 0) return likeliest;
  const ids = Array.from(logits.keys());
  if (topK > 0 || topP < 1) ids.sort((a, b) => logits[b] - logits[a]);
  if (topK > 0) ids.splice(topK);
  const weights = ids.map((id) => exp((logits[id] - logits[likeliest]) / temperature));
  if (topP < 1) weights.splice(countToReach(topP * sum(weights), weights));
  const drawn = countToReach(random.next() * sum(weights), weights) - 1;
  return ids[drawn];
}

function indexOfLargest(values: Float32Array): number {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}

/** Returns how many of the first weights have a sum above `target`; all of them if rounding keeps the sum below it. */
function countToReach(target: number, weights: readonly number[]): number {
  let rest = target;
  const last = weights.findIndex((weight) => (rest -= weight) < 0);
  return last < 0 ? weights.length : last + 1;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
