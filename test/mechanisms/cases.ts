/**
 * How the tests exercise each mechanism: settings small enough for segments of 7 tokens, and the limit in which it is full
 * attention. A mechanism that is listed without a case does not compile.
 */
import type { MechanismName } from "../../src/mechanisms/list.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import type { Transformer } from "../../src/model/transformer.ts";

/** A limit in which a mechanism sees exactly what full attention sees. */
export interface Limit {
  /** Keys of the mechanism's model. */
  readonly settings: Partial<ModelConfig>;
  /** Keys of the model with full attention that it equals. */
  readonly full: Partial<ModelConfig>;
  /** Sets parameters of the mechanism's own, where the limit needs them. The others are those of the full model. */
  readonly prepare?: (model: Transformer) => void;
  /** Largest difference of a logit; 0 where the same kernel does the same work. */
  readonly tolerance: number;
}

export interface MechanismCase {
  /** Variants of its settings. The first is also trained. */
  readonly variants: readonly Partial<ModelConfig>[];
  /** Undefined if no limit of it is full attention, with the reason. */
  readonly limit: Limit | string;
  /** Settings with which a small change of a weight changes no choice, for gradients. Default: those of the variant. */
  readonly smooth?: Partial<ModelConfig>;
  /** Whether a memory layer can stand on top of it. */
  readonly remembers: boolean;
}

export const cases: Readonly<Record<MechanismName, MechanismCase>> = {
  window: {
    variants: [
      { mechanism_window: 5 },
      { mechanism_window: 2 },
      { mechanism_window: 10 },
      { mechanism_window: 4, mechanism_dilation: 3 },
    ],
    limit: { settings: { mechanism_window: 31 }, full: { xl_cache_length: 30 }, tolerance: 0 },
    remembers: true,
  },
  "big-bird": {
    variants: [
      { mechanism_window: 4, mechanism_block: 3, mechanism_first: 2, mechanism_random: 1, xl_cache_length: 16 },
      { mechanism_window: 1, mechanism_block: 5, mechanism_first: 9, mechanism_random: 0 },
      { mechanism_window: 3, mechanism_block: 1, mechanism_first: 0, mechanism_random: 2, xl_cache_length: 9 },
    ],
    limit: {
      settings: { mechanism_window: 40, mechanism_block: 4, mechanism_first: 0, xl_cache_length: 30 },
      full: { xl_cache_length: 30 },
      tolerance: 2e-5,
    },
    remembers: true,
  },
  etc: {
    variants: [
      { mechanism_window: 4, mechanism_block: 3, mechanism_kept: 2 },
      { mechanism_window: 2, mechanism_block: 1, mechanism_kept: 0 },
      { mechanism_window: 3, mechanism_block: 9, mechanism_kept: 4 },
    ],
    limit: {
      settings: { mechanism_window: 31, mechanism_block: 100, mechanism_kept: 1 },
      full: { xl_cache_length: 99 },
      tolerance: 2e-5,
    },
    remembers: true,
  },
  reformer: {
    variants: [
      { mechanism_window: 5, mechanism_buckets: 4, mechanism_rounds: 2, xl_cache_length: 16 },
      { mechanism_window: 3, mechanism_buckets: 2, mechanism_rounds: 1, xl_cache_length: 4 },
    ],
    limit: "keys are their own queries, and a token does not see itself",
    smooth: { mechanism_window: 40, mechanism_buckets: 2, mechanism_rounds: 1 },
    remembers: true,
  },
  routing: {
    variants: [
      { mechanism_window: 5, mechanism_buckets: 3, xl_cache_length: 16 },
      { mechanism_window: 2, mechanism_buckets: 2, xl_cache_length: 4 },
    ],
    limit: {
      settings: { mechanism_window: 64, mechanism_buckets: 1, xl_cache_length: 30 },
      full: { xl_cache_length: 30 },
      tolerance: 2e-5,
    },
    smooth: { mechanism_window: 40, mechanism_buckets: 1 },
    remembers: true,
  },
  "expire-span": {
    variants: [
      { mechanism_window: 20, mechanism_ramp: 4 },
      { mechanism_window: 3, mechanism_ramp: 2 },
      { mechanism_window: 12, mechanism_ramp: 10, mechanism_span_cost: 1 },
    ],
    limit: {
      settings: { mechanism_window: 31, mechanism_ramp: 1 },
      full: { xl_cache_length: 30 },
      prepare: (model) => {
        for (const layer of [0, 1]) model.parameters.get(`model.layers.${layer}.mechanism.span.bias`).fill(50);
      },
      tolerance: 2e-5,
    },
    remembers: true,
  },
  lstm: {
    variants: [{}],
    limit: "a state of one size is not a list of pairs",
    remembers: false,
  },
};
