/**
 * Trains a cell's model in its own directory, from the beginning or from the checkpoint there. When it is done,
 * `trained.json` next to the model records how it was made, and the files that only a training needs are removed.
 */
import { isPlainObject } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import { jsonText, readJson } from "../../formats/json-file.ts";
import type { ModelConfig } from "../../model/config.ts";
import { Transformer } from "../../model/transformer.ts";
import { writeFileAtomic } from "../../platform/atomic-write.ts";
import { exists } from "../../platform/files.ts";
import { loadModel } from "../../train/checkpoint.ts";
import type { EvaluateOptions } from "../../train/evaluate.ts";
import { inheritingModel } from "../../train/inherit.ts";
import { readMetrics } from "../../train/metrics.ts";
import { runTraining } from "../../train/run.ts";
import { discardCheckpoint, holdsRun, newestCheckpoint } from "../../train/run-directory.ts";
import type { MetricsLine, StepMetrics } from "../../train/step-metrics.ts";
import { Trainer } from "../../train/trainer.ts";
import { type CellRecipe, sameRecipe } from "./cell-recipe.ts";
import type { ExperimentCorpus } from "./corpus.ts";
import { FrozenParameters } from "./frozen.ts";
import type { CoursePoint } from "./results.ts";

/** Content of `trained.json`. */
export interface TrainingRecord {
  readonly recipe: CellRecipe;
  readonly steps: number;
  /** Tokens predicted in all steps. */
  readonly tokens: number;
  readonly seconds: number;
  readonly course: readonly CoursePoint[];
}

export interface CellTraining {
  readonly directory: string;
  /** Directory of the model to begin with. */
  readonly source: string | undefined;
  readonly recipe: CellRecipe;
  readonly corpus: ExperimentCorpus;
  /** Options of evaluations during training. */
  readonly evaluation: EvaluateOptions;
  readonly signal?: AbortSignal;
  readonly onStep?: (metrics: StepMetrics, steps: number) => void;
}

/**
 * Trains the model. Resolves to the record of the finished training, at once if it exists; to undefined if `signal` ended it.
 * @throws InputError if the directory holds another recipe's model
 */
export async function trainCell(training: CellTraining): Promise<TrainingRecord | undefined> {
  const { directory, recipe, corpus, evaluation, signal, onStep } = training;
  const finished = finishedTraining(directory, recipe);
  if (finished !== undefined) return finished;
  const trainer = holdsRun(directory) ? resume(training) : begin(training);
  const frozen = recipe.onlyLayer === null ? undefined : new FrozenParameters(trainer.model, recipe.onlyLayer);
  try {
    await runTraining(trainer, {
      tokenizer: corpus.tokenizer,
      directory,
      evaluation: { ...evaluation, documents: corpus.test },
      signal,
      onStep: (metrics) => {
        frozen?.restore();
        onStep?.(metrics, recipe.options.steps);
      },
    });
    if (!trainer.done || signal?.aborted) return undefined; // its last evaluation may be owed
    const record = recordOf(recipe, readMetrics(directory));
    writeFileAtomic(recordPath(directory), jsonText(record));
    discardCheckpoint(`${directory}/checkpoint-${record.steps}`); // the only one that is kept
    return record;
  } finally {
    trainer.release();
    trainer.model.parameters.release();
  }
}

/**
 * The record of the finished training in `directory`; undefined if there is none.
 * @throws InputError if it has another recipe
 */
export function finishedTraining(directory: string, recipe: CellRecipe): TrainingRecord | undefined {
  const path = recordPath(directory);
  if (!exists(path)) return undefined;
  const record = readJson(path);
  if (!isRecord(record)) throw new InputError(`${path} is not the record of a training; move ${directory} away`);
  return sameTraining(record, recipe, directory);
}

function isRecord(value: unknown): value is TrainingRecord {
  const { recipe, steps, tokens, seconds, course } = Object(value) as Partial<TrainingRecord>;
  const areParts = isPlainObject(recipe) && [recipe.config, recipe.options].every(isPlainObject);
  return areParts && [steps, tokens, seconds].every(Number.isFinite) && Array.isArray(course);
}

function recordPath(directory: string): string {
  return `${directory}/trained.json`;
}

/** Returns a model of `config` with the weights of the one in `directory`; missing parameters are initialised from `seed`. */
export function modelWithWeights(directory: string, config: ModelConfig, seed: number): Transformer {
  const { model: source } = loadModel(directory);
  const model = inheritingModel(source, config, seed, directory);
  source.parameters.release();
  return model;
}

function begin({ source, recipe, corpus }: CellTraining): Trainer<Transformer> {
  const { config, options } = recipe;
  const model =
    source === undefined ? new Transformer(config, options.seed) : modelWithWeights(source, config, options.seed);
  return new Trainer(model, corpus.train, options);
}

function resume({ directory, recipe, corpus }: CellTraining): Trainer<Transformer> {
  const { model, record, tensors } = newestCheckpoint(directory);
  const saved = { ...recipe, config: model.config, options: record.options };
  if (!sameRecipe(saved, recipe)) throw otherRecipe(directory);
  const trainer = new Trainer(model, corpus.train, record.options);
  trainer.load(record, tensors);
  return trainer;
}

function sameTraining(record: TrainingRecord, recipe: CellRecipe, directory: string): TrainingRecord {
  if (sameRecipe(record.recipe, recipe)) return record;
  throw otherRecipe(directory);
}

function otherRecipe(directory: string): InputError {
  const advice = "give the same --budget, --eval-tokens, --seed and --set as then, or another --out";
  return new InputError(`${directory} holds a model that was trained otherwise; ${advice}`);
}

function recordOf(recipe: CellRecipe, metrics: readonly MetricsLine[]): TrainingRecord {
  const steps = metrics.filter((line): line is StepMetrics => "loss" in line);
  const course = metrics.flatMap((line) => {
    return "evaluation" in line ? [{ step: line.step, perplexity: line.evaluation.results[0].perplexity }] : [];
  });
  return {
    recipe,
    steps: steps.length,
    tokens: steps.reduce((sum, { tokens }) => sum + tokens, 0),
    seconds: steps.at(-1)?.seconds ?? 0,
    course,
  };
}
