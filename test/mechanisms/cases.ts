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
  /** Why a document that is read again is left out of the leak test. Undefined if the mechanism cannot read again. */
  readonly seesFuture?: string;
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
      { mechanism_window: 9, mechanism_buckets: 4, mechanism_rounds: 2, mechanism_per_bucket: 3, xl_cache_length: 9 },
      { mechanism_window: 5, mechanism_buckets: 2, mechanism_rounds: 1, mechanism_per_bucket: 4 },
    ],
    limit: "keys are their own queries, and a token does not see itself",
    smooth: { mechanism_window: 40, mechanism_buckets: 2, mechanism_rounds: 1 },
    remembers: true,
  },
  routing: {
    variants: [
      { mechanism_window: 5, mechanism_buckets: 3, xl_cache_length: 16 },
      { mechanism_window: 2, mechanism_buckets: 2, xl_cache_length: 4 },
      { mechanism_window: 9, mechanism_buckets: 3, mechanism_per_bucket: 1, xl_cache_length: 3 },
      { mechanism_window: 30, mechanism_buckets: 2, mechanism_per_bucket: 5 },
    ],
    limit: {
      settings: { mechanism_window: 64, mechanism_buckets: 1, xl_cache_length: 30 },
      full: { xl_cache_length: 30 },
      tolerance: 2e-5,
    },
    smooth: { mechanism_window: 40, mechanism_buckets: 1 },
    remembers: true,
  },
  compressive: {
    variants: [
      { segment_length: 8, mechanism_window: 8, mechanism_stride: 4, mechanism_kept: 3 },
      { segment_length: 6, mechanism_window: 12, mechanism_stride: 2, mechanism_kept: 0 },
    ],
    limit: {
      settings: { mechanism_window: 7, mechanism_stride: 1, mechanism_kept: 21 },
      full: { xl_cache_length: 28 },
      prepare: (model) => setIdentities(model, ["keys.weight", "values.weight"]),
      tolerance: 2e-5,
    },
    remembers: true,
  },
  linear: {
    variants: [{}, { smear_keys: "all" }],
    limit: "products of elu + 1 are not the exponentials of softmax",
    remembers: true,
  },
  performer: {
    variants: [{ mechanism_features: 9 }, { mechanism_features: 3 }, { mechanism_features: 5, mechanism_redraw: 4 }],
    limit: {
      settings: { mechanism_features: 512, attention_scale_init: 1 },
      full: { xl_cache_length: 28, attention_scale_init: 1 },
      tolerance: 0.1,
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
  linformer: {
    variants: [
      { segment_length: 8, mechanism_block: 4, mechanism_cells: 3, mechanism_kept: 5 },
      { segment_length: 6, mechanism_block: 2, mechanism_cells: 1, mechanism_kept: 1 },
      { mechanism_block: 1, mechanism_cells: 2, mechanism_kept: 40 },
    ],
    limit: {
      settings: { mechanism_block: 7, mechanism_cells: 7, mechanism_kept: 21 },
      full: { xl_cache_length: 28 },
      prepare: (model) => setIdentities(model, ["keys.weight", "values.weight"]),
      tolerance: 2e-5,
    },
    remembers: true,
  },
  "h-transformer": {
    variants: [
      { segment_length: 8, mechanism_block: 2, mechanism_levels: 3, mechanism_kept: 4 },
      { segment_length: 8, mechanism_block: 1, mechanism_levels: 4, mechanism_kept: 1 },
      { segment_length: 6, mechanism_block: 3, mechanism_levels: 2, mechanism_kept: 1 },
      { mechanism_block: 7, mechanism_levels: 1, mechanism_kept: 5 },
    ],
    limit: {
      settings: { mechanism_block: 7, mechanism_levels: 1, mechanism_kept: 21 },
      full: { xl_cache_length: 28 },
      tolerance: 2e-5,
    },
    remembers: true,
  },
  combiner: {
    variants: [
      { segment_length: 8, mechanism_block: 4, mechanism_kept: 2 },
      { segment_length: 6, mechanism_block: 2, mechanism_kept: 1 },
      { mechanism_block: 7, mechanism_kept: 3 },
    ],
    smooth: { attention_scale_init: 2 },
    limit: {
      settings: { mechanism_block: 1, mechanism_kept: 21 },
      full: { xl_cache_length: 28 },
      tolerance: 2e-5,
    },
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
  "block-recurrent": {
    variants: [
      { segment_length: 8, mechanism_block: 4, mechanism_cells: 3, xl_cache_length: 5 },
      { segment_length: 6, mechanism_block: 2, mechanism_cells: 1 },
      { mechanism_block: 7, mechanism_cells: 5 },
    ],
    limit: {
      settings: { mechanism_block: 7, mechanism_cells: 2, xl_cache_length: 28 },
      full: { xl_cache_length: 28 },
      prepare: (model) => {
        for (const layer of [0, 1]) model.parameters.get(`model.layers.${layer}.mechanism.read.output.weight`).fill(0);
      },
      tolerance: 0,
    },
    smooth: { attention_scale_init: 2 },
    remembers: true,
  },
  lstm: {
    variants: [{}],
    limit: "a state of one size is not a list of pairs",
    remembers: false,
  },
  feedback: {
    variants: [{ mechanism_window: 5 }, { mechanism_window: 40 }, { mechanism_window: 1 }],
    limit: "a token reads what all layers made of earlier tokens, and not itself",
    remembers: false,
  },
  "read-twice": {
    variants: [
      { segment_length: 8, mechanism_block: 4, mechanism_kept: 3 },
      { segment_length: 6, mechanism_block: 2, mechanism_kept: 1 },
      { mechanism_block: 7, mechanism_kept: 9 },
    ],
    smooth: { attention_scale_init: 2 },
    limit: "blocks meet by their summaries alone",
    remembers: false,
    seesFuture:
      "readAgain is for documents that are given whole: as in the paper, each token then meets summaries of later blocks",
  },
};

/** Sets matrices of both layers to the identity. */
function setIdentities(model: Transformer, names: readonly string[]): void {
  for (const name of [0, 1].flatMap((layer) => names.map((each) => `model.layers.${layer}.mechanism.${each}`))) {
    const parameter = model.parameters.get(name);
    const [, width] = parameter.shape;
    parameter.set(Array.from({ length: parameter.size }, (_, i) => (i % (width + 1) === 0 ? 1 : 0)));
  }
}
