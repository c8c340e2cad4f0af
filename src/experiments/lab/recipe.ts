/**
 * The recipe that every cell follows where it does not say otherwise: a model of about a million parameters, with a memory
 * in its third layer of four, which learns in minutes and is small against the documents that it reads. All models begin
 * with the same weights, those of `names`, which has learned to look back within a segment and has not seen the corpus yet.
 *
 * Below it are the models that several experiments share. The plain model has the memory's parameters, too (joint attention
 * needs none of its own), so that all of them are equally large.
 */
import type { ModelConfig } from "../../model/config.ts";
import type { TrainingOptions } from "../../train/options.ts";
import type { Cell } from "./experiment.ts";

/**
 * Two heads of 64: a wide head tells many keys apart, so that its memory may grow. No position bias in the third layer: one
 * that favours what is near would keep retrieved pairs, which have none, from ever counting. Quantised search is exact.
 */
export const recipeConfig: Partial<ModelConfig> = {
  hidden_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  head_dim: 64,
  intermediate_size: 512,
  segment_length: 128,
  memory_layers: [2],
  memory_size: 0,
  memory_topk: 32,
  memory_combine: "joint",
  memory_search: "quantised",
  memory_layer_position_bias: false,
  attention_scale_init: 10,
};

/** Small batches and an embedding that moves fast: with 16 rows and one rate for all, the same takes three times the tokens. */
export const recipeTraining: Partial<TrainingOptions> = {
  batchSize: 8,
  learningRate: 4e-3,
  warmupSteps: 100,
  attentionRate: 10,
  embeddingRate: 12,
};

/** Tokens in the vocabulary that a corpus' train split makes. */
export const VOCABULARY = 2048;

/** Training tokens of a cell, those of `names` not counted. */
export const BUDGET = 1_500_000;

/** Tokens of each document that count, from its beginning. */
export const EVAL_TOKENS = 16_384;

/** M where an experiment has one memory size, and W where it has a Transformer-XL cache: one segment. */
export const MEMORY = 2048;
export const XL_CACHE = 128;

/**
 * What all others begin with: a million tokens of invented names (invented-names.ts), without a memory. That is where a head of the
 * third layer learns to find where the present token stood last, and to tell what followed.
 */
export const names: Cell = {
  name: "names",
  label: "names alone",
  documents: "names",
  training: { schedule: "constant", attentionRate: 15 },
  share: 0.7,
  memorySizes: [0],
};

export const plain: Cell = { name: "plain", label: "plain", from: names.name, memorySizes: [0] };

export const xl: Cell = {
  ...plain,
  name: "xl",
  label: `XL cache ${XL_CACHE}`,
  config: { xl_cache_length: XL_CACHE },
};

/** Trained with a memory of `size`; evaluated without, and with the same. */
export function withMemory(size: number, combine: ModelConfig["memory_combine"] = "joint"): Cell {
  return {
    ...plain,
    name: `${combine}-${size}`,
    label: `memory ${size.toLocaleString("en-US")}, ${combine}`,
    config: { memory_size: size, memory_combine: combine },
    memorySizes: [0, size],
  };
}

/** The same with a Transformer-XL cache. */
export function withXl(cell: Cell): Cell {
  return {
    ...cell,
    name: `${cell.name}-xl`,
    label: `${cell.label} + XL`,
    config: { ...cell.config, xl_cache_length: XL_CACHE },
  };
}
