/** The keys of config.json that mechanisms read. A mechanism names those that it reads; the others are left out of its file. */
import { type Field, integer } from "../base/fields.ts";

/** Settings of mechanisms. Several mechanisms may share one. */
export interface MechanismSettings {
  /** w, keys that a query sees at most: of a window, a hash bucket, a cluster, states that have not expired. */
  mechanism_window: number;
  /** d, tokens from one key of a window to the next. */
  mechanism_dilation: number;
  /** Tokens of a block. */
  mechanism_block: number;
  /** The document's first tokens that every query sees. */
  mechanism_first: number;
  /** Random earlier blocks that a block sees. */
  mechanism_random: number;
  /** Hash buckets or clusters of a head. */
  mechanism_buckets: number;
  /** Rounds of hashing. */
  mechanism_rounds: number;
  /** Pairs of each bucket or cluster that are kept when they leave the cache. */
  mechanism_per_bucket: number;
  /** Summaries or cells of earlier segments that a layer keeps. */
  mechanism_kept: number;
  /** Cells that stand for a finished block, or state vectors that read it. */
  mechanism_cells: number;
  /** Levels of cells, of 1, 2, 4, … tokens. */
  mechanism_levels: number;
  /** Pairs that are compressed to one. */
  mechanism_stride: number;
  /** m, random features of a query or key. */
  mechanism_features: number;
  /** Training steps from one drawing of random directions to the next; 0: they are drawn once. */
  mechanism_redraw: number;
  /** R, tokens over which a state fades before it is gone. */
  mechanism_ramp: number;
  /** α, what it costs in nats to keep a state for one token longer. */
  mechanism_span_cost: number;
}

/** Every setting, in the order of `--help`. */
export const mechanismFields: Readonly<Record<keyof MechanismSettings, Field>> = {
  mechanism_window: integer(512, 1, 2 ** 20, "keys that a query sees: of a window, a hash bucket, a cluster"),
  mechanism_dilation: integer(1, 1, 2 ** 16, "tokens from one key of a window to the next"),
  mechanism_block: integer(64, 1, 2 ** 16, "tokens of a block of the mechanism"),
  mechanism_first: integer(32, 0, 2 ** 16, "first tokens of the document that every query sees"),
  mechanism_random: integer(3, 0, 2 ** 16, "random earlier blocks that a block sees"),
  mechanism_buckets: integer(32, 1, 2 ** 16, "hash buckets or clusters of a head"),
  mechanism_rounds: integer(2, 1, 64, "rounds of hashing"),
  mechanism_per_bucket: integer(0, 0, 2 ** 16, "older pairs that each bucket or cluster keeps, beyond xl_cache_length"),
  mechanism_kept: integer(256, 0, 2 ** 20, "summaries or cells of earlier segments that a layer keeps"),
  mechanism_cells: integer(16, 1, 2 ** 16, "cells that stand for a finished block, or state vectors that read it"),
  mechanism_levels: integer(4, 1, 16, "levels of cells, of 1, 2, 4, … tokens"),
  mechanism_stride: integer(4, 1, 2 ** 16, "pairs that are compressed to one"),
  mechanism_features: integer(128, 1, 2 ** 14, "random features of a query or key"),
  mechanism_redraw: integer(0, 0, 2 ** 30, "training steps after which random directions are drawn anew; 0 is never"),
  mechanism_ramp: integer(64, 1, 2 ** 16, "tokens over which a state fades before it is gone"),
  mechanism_span_cost: {
    kind: "number",
    default: 1e-4,
    min: 0,
    max: 1,
    about: "what it costs in nats to keep a state for one token longer",
  },
};
