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
    variants: [{ mechanism_window: 5 }, { mechanism_window: 2 }, { mechanism_window: 10 }],
    limit: { settings: { mechanism_window: 31 }, full: { xl_cache_length: 30 }, tolerance: 0 },
    remembers: true,
  },
  linear: {
    variants: [{}, { smear_keys: "all" }],
    limit: "products of elu + 1 are not the exponentials of softmax",
    remembers: true,
  },
  performer: {
    variants: [{ mechanism_features: 9 }, { mechanism_features: 3 }],
    limit: {
      settings: { mechanism_features: 8192, attention_scale_init: 1 },
      full: { xl_cache_length: 28, attention_scale_init: 1 },
      tolerance: 0.02,
    },
    remembers: true,
  },
  infini: {
    variants: [{}, { xl_cache_length: 5 }],
    limit: {
      settings: { xl_cache_length: 28 },
      full: { xl_cache_length: 28 },
      prepare: (model) => {
        for (const layer of [0, 1]) model.parameters.get(`model.layers.${layer}.mechanism.gate`).fill(-100);
      },
      tolerance: 1e-6,
    },
    remembers: true,
  },
};
