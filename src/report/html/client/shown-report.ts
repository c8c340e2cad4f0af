/** A report as the text view and the panel see it: one that is complete, or one that grows while a model reads. */
import type { TokenText } from "./token-text.ts";

/** A pair that was retrieved for a token. */
export interface ShownPair {
  /** The name of the head. */
  readonly head: string;
  /** The pair's token; below 0 if it was read before the document. */
  readonly token: number;
  /** Its part of the softmax over the head's retrieved pairs, 0 to 1. */
  readonly weight: number;
  /** q·k of the pair. */
  readonly score: number;
}

/** Everything that is shown of each token of a text. */
export interface ShownReport
  extends Pick<TokenText, "text" | "length" | "begin" | "end" | "textOf" | "line" | "place" | "excerpt"> {
  /** Names of the heads that have a memory. */
  readonly heads: readonly string[];
  /** Why nothing was retrieved for a token that has no pairs. */
  readonly whyNone: string;
  /** −ln p(token) with memory, [length]; NaN for a token that was not read yet, here and without memory. */
  readonly nats: Float32Array;
  /** −ln p(token) without memory, [length]. */
  readonly natsWithout: Float32Array;
  /** The nats that the memory saves. */
  gain(token: number): number;
  /** The share of the memory in each head's result. */
  gates(token: number): readonly number[];
  /** The retrieved pairs, largest share first. */
  pairs(token: number): readonly ShownPair[];
}

/** The strength of a token's colour: 0 for a gain near 0, up to 5, or down to −5 if the memory does harm. */
export function levelOf(gain: number): number {
  const level = [0.1, 0.3, 1, 2, 4].filter((least) => Math.abs(gain) >= least).length;
  return gain < 0 ? -level : level;
}
