/**
 * The recipe of every cell that does not say otherwise: a model of about a million parameters, with a memory in its third layer of four. It
 * learns in minutes, and its memory is small compared with the documents.
 *
 * Below it are the models that several experiments share. With joint attention they have equally many parameters; gates, smears and copying add
 * a few.
 */
import type { ModelConfig } from "../../model/config.ts";
import type { TrainingOptions } from "../../train/options.ts";
import type { Cell } from "./experiment.ts";

/**
 * Two heads of 64: a wide head tells many keys apart, so its memory may grow. The third layer has no position bias, which would
 * favour near tokens over retrieved pairs, since those have no position. Quantised search is exact.
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

/** Small batches and a fast embedding: with 16 rows and one rate for all, the same result takes three times the tokens. */
export const recipeTraining: Partial<TrainingOptions> = {
  batchSize: 8,
  learningRate: 4e-3,
  warmupSteps: 100,
  attentionRate: 10,
  embeddingRate: 12,
};

/** Size of the vocabulary learned from a corpus' train split. */
export const VOCABULARY = 2048;

/** Training tokens of a cell. */
export const BUDGET = 1_500_000;

/** Tokens of each document to evaluate, from its beginning. */
export const EVAL_TOKENS = 16_384;

/** M where an experiment has one memory size, and the length W of a Transformer-XL cache: one segment. */
export const MEMORY = 2048;
export const XL_CACHE = 128;

export const plain: Cell = { name: "plain", label: "plain", memorySizes: [0] };

export const xl: Cell = {
  ...plain,
  name: "xl",
  label: `XL cache ${XL_CACHE}`,
  config: { xl_cache_length: XL_CACHE },
};

/** Returns a cell trained with a memory of `size`, and evaluated without memory and with that one. */
export function withMemory(size: number, combine: ModelConfig["memory_combine"] = "joint"): Cell {
  return {
    ...plain,
    name: `${combine}-${size}`,
    label: `memory ${size.toLocaleString("en-US")}, ${combine}`,
    config: { memory_size: size, memory_combine: combine },
    memorySizes: [0, size],
  };
}

/** Returns the same cell with a Transformer-XL cache. */
export function withXl(cell: Cell): Cell {
  return {
    ...cell,
    name: `${cell.name}-xl`,
    label: `${cell.label} + XL`,
    config: { ...cell.config, xl_cache_length: XL_CACHE },
  };
}

/** Returns `cell` with smeared keys in the memory's layer: so it learns to look back within half a million tokens. */
export function smeared(cell: Cell): Cell {
  const config = { ...cell.config, smear_keys: "memory_layers" } as const;
  return { ...cell, name: `smeared-${cell.name}`, config };
}

/** Returns `smeared(cell)` with heads in the memory's layer that begin as induction heads. */
export function induction(cell: Cell): Cell {
  const config = { ...smeared(cell).config, induction_init: true };
  const [name, label] = [`induction-${cell.name}`, `${cell.label}, induction heads`];
  return { ...cell, name, label, config };
}

/** Returns `induction(cell)` whose retrieved pairs also vote for their tokens. */
export function copying(cell: Cell): Cell {
  const config = { ...induction(cell).config, memory_copy: true };
  const [name, label] = [`copying-${cell.name}`, `${cell.label}, induction heads, copying`];
  return { ...cell, name, label, config };
}

/** Returns the same cell with two other seeds, and so with other beginnings. */
export function seeded(cell: Cell): Cell[] {
  return [1, 2].map((seedOffset) => {
    const nameOf = (name: string) => `${name}-seed-${seedOffset}`;
    return { ...cell, name: nameOf(cell.name), label: `${cell.label}, seed + ${seedOffset}`, seedOffset };
  });
}
