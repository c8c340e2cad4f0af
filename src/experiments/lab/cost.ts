/**
 * Estimates the time of a cell from its arithmetic and the speed of two laptop cores. The list of experiments and the
 * remaining time use it; a run corrects it by the time that its cells really took.
 */
import { pastOf } from "../../mechanisms/list.ts";
import type { ModelConfig } from "../../model/config.ts";
import { trainingBytes } from "../../train/bytes.ts";
import { type CellRecipe, cellRecipe, type RunSettings } from "./cell-recipe.ts";
import type { Cell, Experiment } from "./experiment.ts";
import { VOCABULARY } from "./recipe.ts";
import type { CellResult } from "./results.ts";

/** Multiply-adds per second, in the model's products and in a quantised search. */
export const COMPUTE_RATE = 24e9;
export const SEARCH_RATE = 24e9;

/** Seconds per token in a memory layer that do not depend on the memory's size: selection, attention to K pairs, backward. */
const LOOKUP = { training: 47e-6, evaluation: 11e-6 };

/** Typical test documents long enough for the evaluation, and typical tokens of a training document. */
const TEST_DOCUMENTS = 9;
const DOCUMENT_TOKENS = 100_000;

/** Returns the expected seconds for training and measuring `cell`. */
export function expectedSeconds(cell: Cell, settings: RunSettings): number {
  const { config, options } = cellRecipe(cell, settings, VOCABULARY);
  const training = options.steps * options.batchSize * config.segment_length;
  const courses = options.evaluateEvery > 0 ? Math.ceil(options.steps / options.evaluateEvery) : 0;
  const sizes = [...cell.memorySizes, ...new Array<number>(courses).fill(cell.memorySizes.at(-1) ?? 0)];
  const evaluations = sizes.map((size) => evaluationSeconds(config, size, settings.evalTokens));
  const measuring = ((cell.measuringSeconds ?? 0) / 1000) * TEST_DOCUMENTS * settings.evalTokens;
  return training * trainingSeconds(config) + evaluations.reduce((sum, seconds) => sum + seconds, measuring);
}

/** Seconds per token. */
function trainingSeconds(config: ModelConfig): number {
  const { memory_size: size } = config;
  return (3 * modelProducts(config)) / COMPUTE_RATE + lookupSeconds(config, size, DOCUMENT_TOKENS, LOOKUP.training);
}

/** Seconds for the whole test split. */
function evaluationSeconds(config: ModelConfig, size: number, evalTokens: number): number {
  const lookup = lookupSeconds(config, size, evalTokens, LOOKUP.evaluation);
  return TEST_DOCUMENTS * evalTokens * (modelProducts(config) / COMPUTE_RATE + lookup);
}

/** Multiply-adds per token in the model, without its memory. */
export function modelProducts({ hidden_size: width, intermediate_size, vocab_size, ...config }: ModelConfig): number {
  const inner = config.num_attention_heads * config.head_dim;
  const projections = 4 * width * inner + 2 * width * intermediate_size;
  const local = 2 * inner * (config.segment_length + pastOf(config).length);
  return config.num_hidden_layers * (projections + local) + width * vocab_size;
}

/** Mean seconds of search per token in documents of `length` tokens, while a memory of `size` fills up. */
function lookupSeconds(config: ModelConfig, size: number, length: number, constant: number): number {
  if (size === 0) return 0;
  const stored = size < length ? size - size ** 2 / (2 * length) : length / 2;
  const search = (config.num_attention_heads * config.head_dim * stored) / SEARCH_RATE;
  return config.memory_layers.length * (constant + search);
}

/** Returns the expected hours of all cells on one corpus. */
export function expectedHours({ cells }: Experiment, settings: RunSettings): number {
  return cells.reduce((sum, cell) => sum + expectedSeconds(cell, settings), 0) / 3600;
}

/** Returns kB of what one document keeps: contexts, memories, and what a mechanism carries. */
export function stateKilobytes({ recipe }: CellResult): number {
  return Math.round(trainingBytes((recipe as CellRecipe).config, { batchSize: 1 }).memories / 1000);
}
