/** Runs one cell on one corpus: reads its result, or trains and measures its model if it has none. */
import { InputError } from "../../base/errors.ts";
import { jsonText, readJson } from "../../formats/json-file.ts";
import { writeFileAtomic } from "../../platform/atomic-write.ts";
import { makeDirectory } from "../../platform/directories.ts";
import { exists, listDirectory } from "../../platform/files.ts";
import type { StepMetrics } from "../../train/step-metrics.ts";
import { type CellRecipe, cellRecipe, type RunSettings, sameRecipe } from "./cell-recipe.ts";
import type { ExperimentCorpus } from "./corpus.ts";
import type { Cell } from "./experiment.ts";
import { measureCell, rowsFor } from "./measure-cell.ts";
import { type CellResult, isCellResult } from "./results.ts";
import { modelWithWeights, type TrainingRecord, trainCell } from "./train-cell.ts";

export interface CellRun {
  readonly cell: Cell;
  /** The cell that it begins with, if it does. */
  readonly source?: Cell;
  readonly corpus: ExperimentCorpus;
  readonly settings: RunSettings;
  /** Directory of the corpus' models, with one sub-directory per cell. */
  readonly models: string;
  /** Directory of the experiment's results on the corpus. */
  readonly results: string;
  /** Results of reports, on any corpus; they count where a cell has no file of its own. Default: none. */
  readonly reported?: readonly CellResult[];
  readonly signal?: AbortSignal;
  readonly onStep?: (metrics: StepMetrics, steps: number) => void;
  /** Receives the predictions of the final evaluation made so far, and the total. */
  readonly onEvaluation?: (done: number, total: number) => void;
}

/** Returns the result, if the cell was finished before with the same recipe. */
export function finishedResult(run: CellRun): CellResult | undefined {
  const { cell, corpus, results, reported = [] } = run;
  const path = `${results}/${cell.name}.json`;
  const known = exists(path)
    ? [cellResultIn(path)]
    : reported.filter((result) => result.cell === cell.name && result.corpus === corpus.name);
  return known.find(({ recipe }) => sameRecipe(recipe as CellRecipe, resultRecipe(run)));
}

function cellResultIn(path: string): CellResult {
  const value = readJson(path);
  if (isCellResult(value)) return value;
  throw new InputError(`${path} is not the result of a cell; move it away, and it is measured again`);
}

/**
 * Returns the results of the report in `path`; none if there is no such file.
 * @throws InputError if the file is no report
 */
export function reportedResults(path: string): readonly CellResult[] {
  if (!exists(path)) return [];
  const { cells } = Object(readJson(path)) as { cells?: unknown };
  if (Array.isArray(cells) && cells.every(isCellResult)) return cells;
  throw new InputError(`${path} is not the report of an experiment; move it away, or give another --out`);
}

/**
 * Returns what the reports of all experiments in `out` say of cells, without their measurements. A cell of the same name and recipe has
 * the same perplexity in every experiment.
 */
export function sharedResults(out: string): readonly CellResult[] {
  const directories = exists(out) ? listDirectory(out) : [];
  const reports = directories.filter(({ name }) => holdsReport(`${out}/${name}`, name));
  const results = reports.flatMap(({ name }) => reportedResults(`${out}/${name}/results.json`));
  return results.map((result) => ({ ...result, measurements: {} }));
}

/** Whether the directory holds the report of the experiment `name`, and not a results.json of another program. */
function holdsReport(directory: string, name: string): boolean {
  const path = `${directory}/results.json`;
  return exists(path) && Object(readJson(path)).experiment === name;
}

/** Trains and measures. Resolves to undefined if the signal ended the work; the training until then is kept. */
export async function runCell(run: CellRun): Promise<CellResult | undefined> {
  const { cell, corpus, settings, results } = run;
  const recipe = cellRecipe(cell, settings, corpus.tokenizer.vocabSize);
  const record = recipe.options.steps > 0 ? await train(run, recipe) : "untrained";
  if (record === undefined) return undefined;
  const began = performance.now();
  const measured = await measure(run, recipe);
  if (measured === undefined) return undefined;
  const { parameters, ...found } = measured;
  const result: CellResult = {
    cell: cell.name,
    corpus: corpus.name,
    recipe: resultRecipe(run),
    parameters,
    ...(record === "untrained" ? NO_TRAINING : trainingOf(record)),
    measuringSeconds: (performance.now() - began) / 1000,
    ...found,
  };
  writeFileAtomic(`${results}/${cell.name}.json`, jsonText(result));
  return result;
}

const NO_TRAINING = { steps: 0, trainingTokens: 0, trainingSeconds: 0, course: [] };

function trainingOf({ steps, tokens, seconds, course }: TrainingRecord) {
  return { steps, trainingTokens: tokens, trainingSeconds: seconds, course };
}

function resultRecipe({ cell, source, settings, corpus: { tokenizer } }: CellRun) {
  const recipe = cellRecipe(cell, settings, tokenizer.vocabSize);
  const measured = recipe.options.steps === 0 &&
    source && { source: cellRecipe(source, settings, tokenizer.vocabSize) };
  return { ...recipe, ...measured, memorySizes: cell.memorySizes, evalTokens: settings.evalTokens };
}

function train({ cell, corpus, settings, models, signal, onStep }: CellRun, recipe: CellRecipe) {
  return trainCell({
    directory: `${models}/${cell.name}`,
    source: cell.from === undefined ? undefined : `${models}/${cell.from}`,
    recipe,
    corpus,
    evaluation: {
      memorySizes: cell.memorySizes.slice(-1),
      maxTokens: settings.evalTokens,
      rows: rowsFor(corpus),
    },
    signal,
    onStep,
  });
}

/** Measures the trained model, or the model of `from` if the cell has no training of its own. */
async function measure(run: CellRun, { config, options }: CellRecipe) {
  const { cell, corpus, settings, models, results, signal, onEvaluation } = run;
  const directory = `${models}/${options.steps > 0 ? cell.name : cell.from}`;
  const artifacts = `${results}/${cell.name}`;
  if (cell.measure !== undefined) makeDirectory(artifacts);
  const model = modelWithWeights(directory, config, options.seed);
  const { evalTokens } = settings;
  const given = { cell, model, directory, artifacts, corpus, evalTokens, signal, onProgress: onEvaluation };
  try {
    const measured = await measureCell(given);
    return measured && { parameters: model.parameters.count, ...measured };
  } finally {
    model.parameters.release();
  }
}
