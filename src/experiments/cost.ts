/**
 * What a cell will cost, as good as one can say beforehand: arithmetic over the rate at which two cores of a laptop do it.
 * For the list of experiments and the time that is left; a run corrects it by what its cells really took.
 */
import { cellRecipe, type RunSettings } from "./cell-recipe.ts";
import type { Cell, Experiment } from "./experiment.ts";
import { VOCABULARY } from "./recipe.ts";

/** Multiply-and-adds a second: of the model's products in training and evaluation, and of a memory's exact search. */
const TRAINING_RATE = 8e9;
const EVALUATION_RATE = 8e9;
const SEARCH_RATE = 20e9;

/** Tokens in the test documents that are long enough to be evaluated, taken to be this many documents. */
const TEST_DOCUMENTS = 9;

/** Seconds that training and measuring `cell` take. */
export function expectedSeconds(cell: Cell, settings: RunSettings): number {
  const { config, options } = cellRecipe(cell, settings, VOCABULARY);
  const { hidden_size: width, num_hidden_layers: layers, num_attention_heads: heads, head_dim } = config;
  const inner = heads * head_dim;
  const block = 4 * width * inner + 2 * width * config.intermediate_size;
  const local = 2 * inner * (config.segment_length + config.xl_cache_length);
  const model = layers * (block + local) + width * config.vocab_size; // a token
  const search = (size: number) => config.memory_layers.length * inner * size;
  const training = options.steps * options.batchSize * config.segment_length;
  const perTraining = (3 * model) / TRAINING_RATE + search(config.memory_size) / SEARCH_RATE;
  const courses = options.evaluateEvery > 0 ? Math.ceil(options.steps / options.evaluateEvery) : 0;
  const sizes = [...cell.memorySizes, ...new Array(courses).fill(cell.memorySizes.at(-1) ?? 0)];
  const evaluating = TEST_DOCUMENTS * settings.evalTokens;
  const perEvaluation = sizes.reduce((sum, size) => sum + model / EVALUATION_RATE + search(size) / SEARCH_RATE, 0);
  return training * perTraining + evaluating * perEvaluation;
}

/** Hours that all cells of the experiment take on one corpus. */
export function expectedHours({ cells }: Experiment, settings: RunSettings): number {
  return cells.reduce((sum, cell) => sum + expectedSeconds(cell, settings), 0) / 3600;
}
