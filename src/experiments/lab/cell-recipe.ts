/** Turns a cell into its complete configuration and training options. */
import { applyOverrides, type ModelConfig, parseConfig } from "../../model/config.ts";
import { parseTrainingOptions, type TrainingOptions } from "../../train/options.ts";
import type { Cell } from "./experiment.ts";
import { recipeConfig, recipeTraining } from "./recipe.ts";

/** Settings that a run chooses for all of its cells. */
export interface RunSettings {
  /** Training tokens of a cell. */
  readonly budget: number;
  readonly seed: number;
  /** Tokens of each document that are evaluated, from its beginning. */
  readonly evalTokens: number;
  /** Each `key=value` replaces one of the recipe; a cell's own keys win. */
  readonly overrides: readonly string[];
}

/** Everything that determines a cell's result on a corpus. */
export interface CellRecipe {
  readonly config: ModelConfig;
  readonly options: TrainingOptions;
  readonly from: string | null;
  readonly onlyLayer: number | null;
  /** Tokens of each document in evaluations during training; only if there are such evaluations. */
  readonly courseTokens?: number;
  /** How the model was trained that is measured; only of a cell without a training of its own. */
  readonly source?: CellRecipe;
}

/** Checkpoints during a training. */
const CHECKPOINTS = 5;

export function cellRecipe(cell: Cell, settings: RunSettings, vocabSize: number): CellRecipe {
  const recipe = applyOverrides(
    parseConfig({ ...recipeConfig, vocab_size: vocabSize }, "the recipe"),
    settings.overrides,
  );
  const config = parseConfig({ ...recipe, ...cell.config }, `the cell ${cell.name}`);
  const { from = null, onlyLayer = null, courseEvaluations = 0 } = cell;
  const course = courseEvaluations > 0 ? { courseTokens: settings.evalTokens } : {};
  const options = cellOptions(cell, settings, config.segment_length);
  return { config, options, from, onlyLayer, ...course };
}

/** Returns the training options, whose steps of B·T tokens use up the cell's share of the budget. */
function cellOptions(cell: Cell, { budget, seed }: RunSettings, segmentLength: number): TrainingOptions {
  const { share = 1, seedOffset = 0, courseEvaluations = 0 } = cell;
  const options = parseTrainingOptions({ ...recipeTraining, ...cell.training }, `the cell ${cell.name}`);
  const paid = Math.round((share * budget) / (options.batchSize * segmentLength));
  const steps = share > 0 ? Math.max(1, paid) : 0;
  const every = (times: number) => (times > 0 ? Math.ceil(steps / times) : 0);
  return {
    ...options,
    steps,
    warmupSteps: Math.min(options.warmupSteps, every(10)),
    evaluateEvery: every(courseEvaluations),
    checkpointEvery: every(CHECKPOINTS),
    keep: 0,
    seed: seed + seedOffset,
  };
}

/**
 * Whether two recipes are the same. A recipe read from a file may lack keys that did not exist yet; they have their
 * defaults.
 */
export function sameRecipe(a: CellRecipe, b: CellRecipe): boolean {
  return JSON.stringify(completed(a)) === JSON.stringify(completed(b));
}

function completed(recipe: CellRecipe): CellRecipe {
  const options = { ...parseTrainingOptions({}, "the defaults"), ...recipe.options };
  const source = recipe.source && { source: completed(recipe.source) };
  return { ...recipe, config: parseConfig(recipe.config, "the recipe of a finished cell"), options, ...source };
}
