/** What the article's figures ask of the worker. Each is computed when a reader comes to it, by the model that comes along. */
import type { Passage, Question } from "./calls.ts";

/** A figure that is computed from some settings. */
type Figure<A, R> = Question<A, never, R>;

/** A token, and the cosine of its key with a query. */
export interface NearKey extends Passage {
  readonly cosine: number;
}

/** One slot of a ring. */
export interface Slot {
  /** Number of its pair, from 0; below 0 if nothing was written yet. */
  readonly serial: number;
  /** The token of its pair. */
  readonly text: string;
  /** Whether a query can find it. */
  readonly visible: boolean;
}

/** A search with one setting: how many of the true neighbours it found, over many queries. */
export interface Recall {
  readonly search: "exact" | "quantised" | "bucketed" | "inverted";
  /** Buckets for each neighbour, or lists that are scanned; 0 for a search that has no such setting. */
  readonly effort: number;
  /** Share of the true neighbours found, 0 to 1. */
  readonly recall: number;
  /** For each true neighbour of one query, best first, whether it was found. */
  readonly found: readonly boolean[];
}

/** An op of the memory layer on the tape. */
export interface TapedOp {
  readonly op: string;
  readonly shape: readonly number[];
  /** Norm of the gradient that reached its result; undefined if none did. */
  readonly gradient: number | undefined;
  /** Whether it hands gradients on to its inputs. */
  readonly passes: boolean;
}

/** A mean over a passage. */
export interface Loss {
  /** What was varied: the size of a memory, or the share of it. */
  readonly at: number;
  /** Mean −ln p. */
  readonly nats: number;
}

/** Words of one kind. */
export interface WordGain {
  readonly kind: string;
  readonly tokens: number;
  readonly nats: number;
  readonly natsWithout: number;
}

/** All figures, by name. */
export interface Figures {
  /** A name that stands twice, some tokens apart: the loss of its second half. */
  windowFigure: Figure<
    { name: string },
    readonly { readonly distance: number; readonly nats: number; readonly natsWithout: number }[]
  >;
  /** The query of a token against all stored keys of one head. */
  directionsFigure: Figure<
    { token: number; head: number },
    { text: Passage; cosines: Float32Array; nearest: readonly NearKey[] }
  >;
  /** A ring of `size` visible pairs after `count` pairs, four at a time. */
  ringFigure: Figure<{ size: number; count: number }, readonly Slot[]>;
  /** Every search with every setting. */
  searchFigure: Figure<{ topk: number }, { keys: number; queries: number; recalls: readonly Recall[] }>;
  /** The loss by the share of the memory, the same in both heads; and the shares that were learned. */
  gateFigure: Figure<undefined, { losses: readonly Loss[]; learned: readonly number[]; learnedNats: number }>;
  /** The memory layer's ops, and the loss before and after all stored values are negated. */
  gradientsFigure: Figure<
    undefined,
    { ops: readonly TapedOp[]; gate: readonly number[]; before: number; after: number }
  >;
  /** Cosines between remembered keys and the same tokens' keys under the present weights, by age in segments. */
  stalenessFigure: Figure<{ learningRate: number; steps: number }, readonly number[]>;
  /** The loss by the size of the memory. */
  growthFigure: Figure<undefined, readonly Loss[]>;
  /** Gains by the kind of word, and the tokens that gained most. */
  wordsFigure: Figure<
    undefined,
    { kinds: readonly WordGain[]; most: readonly (Passage & { readonly nats: number; readonly natsWithout: number })[] }
  >;
  /** For each token the probability that the model, the model with its memory, and the cache gave to it. */
  cacheFigure: Figure<undefined, { model: Float32Array; memory: Float32Array; cache: Float32Array }>;
}
