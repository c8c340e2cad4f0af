/**
 * Runs the cells of an experiment on its corpora, one after the other. Finished cells stay as they are, and interrupted
 * trainings continue. The report is rewritten after every cell, so it always shows all results so far.
 *
 * Below the output directory: `models/CORPUS/CELL` are models, shared by all experiments; `NAME/CORPUS/CELL.json` has the
 * measurements of one experiment; `NAME/results.json`, `table.md`, `index.html` and `charts/` are its report. A cell of the report needs no
 * other file, so a report that was kept without its models can get more rows. A cell that measures nothing but
 * perplexity may be in the report of another experiment.
 */
import { jsonText } from "../../formats/json-file.ts";
import { writeFilesAtomic } from "../../platform/atomic-write.ts";
import { exists } from "../../platform/files.ts";
import { type ExperimentReport, markdownReport } from "../../report/experiment-report.ts";
import { chartFiles, experimentPage } from "../../report/html/experiment-page.ts";
import type { StepMetrics } from "../../train/step-metrics.ts";
import type { RunSettings } from "./cell-recipe.ts";
import { corpusName, openCorpus, requireSplits } from "./corpus.ts";
import type { Cell, Experiment } from "./experiment.ts";
import { VOCABULARY } from "./recipe.ts";
import { type CellResult, Results } from "./results.ts";
import { type CellRun, finishedResult, reportedResults, runCell, sharedResults } from "./run-cell.ts";

export interface ExperimentRun {
  readonly settings: RunSettings;
  /** Directories of corpora. */
  readonly corpora: readonly string[];
  readonly out: string;
  /** Names of the cells to compute, with the cells that they begin with (default: all). The report has all known results. */
  readonly only?: readonly string[];
  /** Facts for the report on how it was made, such as the command and the machine. */
  readonly facts: ExperimentReport["facts"];
  readonly signal?: AbortSignal;
  /** Called when a cell begins, the `index`-th from 0; `finished` if its result exists already. */
  readonly onCell?: (corpus: string, cell: Cell, index: number, finished: boolean) => void;
  readonly onStep?: (metrics: StepMetrics, steps: number) => void;
  /** Receives the predictions of an evaluation made so far, and the total. */
  readonly onEvaluation?: (done: number, total: number) => void;
  /** Called before the report is written. */
  readonly onReport?: () => void;
}

/**
 * Runs the experiment. Resolves to whether all cells are done; they are not if `signal` ended the run.
 * @throws InputError if a corpus lacks a split, or if models in the output directory were trained differently
 */
export async function runExperiment(experiment: Experiment, run: ExperimentRun): Promise<boolean> {
  const runs = cellRuns(experiment, run);
  const todo = new Set(unfinished(experiment, run, runs));
  const done = new Map(runs.map((cellRun) => [cellRun, finishedResult(cellRun)]));
  for (const [index, cellRun] of runs.entries()) {
    const { cell, corpus } = cellRun;
    if (!todo.has(cellRun) && done.get(cellRun) === undefined) continue;
    run.onCell?.(corpus.name, cell, index, !todo.has(cellRun));
    if (todo.has(cellRun)) {
      const result = await runCell(cellRun);
      if (result === undefined) return false;
      done.set(cellRun, result);
    }
    run.onReport?.();
    writeReport(
      experiment,
      run,
      [...done.values()].filter((result) => result !== undefined),
    );
  }
  return true;
}

/**
 * The cells that are wanted and not finished. Where one of them begins with a cell whose result was kept without its model, that cell
 * is computed again.
 */
export function unfinished(experiment: Experiment, { only }: ExperimentRun, runs: readonly CellRun[]): CellRun[] {
  const wanted = only && withSources(only, experiment.cells);
  const todo: CellRun[] = [];
  for (const run of runs.toReversed()) {
    const { cell, corpus, models } = run;
    const begins = todo.some((later) => later.corpus === corpus && later.cell.from === cell.name);
    const lacksModel = begins && !exists(`${models}/${cell.name}/model.safetensors`);
    if (wanted?.has(cell.name) === false) continue;
    if (lacksModel || finishedResult(run) === undefined) todo.unshift(run);
  }
  return todo;
}

/** Opens the corpora; returns every cell of each of them, in the order in which they are computed and reported. */
export function cellRuns(experiment: Experiment, run: ExperimentRun): CellRun[] {
  const { corpora, out, settings, signal, onStep, onEvaluation } = run;
  for (const directory of corpora) requireSplits(directory);
  const own = reportedResults(`${out}/${experiment.name}/results.json`);
  const shared = sharedResults(out);
  return corpora.flatMap((directory) => {
    const models = `${out}/models/${corpusName(directory)}`;
    const results = `${out}/${experiment.name}/${corpusName(directory)}`;
    const corpus = openCorpus(directory, models, VOCABULARY);
    return experiment.cells.map((cell): CellRun => {
      const source = experiment.cells.find(({ name }) => name === cell.from);
      const reported = cell.measure === undefined && !cell.recall ? shared : own;
      return { cell, source, corpus, settings, models, results, reported, signal, onStep, onEvaluation };
    });
  });
}

/** Returns `names` and the names of all cells that they begin with. */
export function withSources(names: readonly string[], cells: readonly Cell[]): ReadonlySet<string> {
  const wanted = new Set(names);
  for (const { name, from } of cells.toReversed()) if (from !== undefined && wanted.has(name)) wanted.add(from);
  return wanted;
}

/** Writes the report of the cells that are done. `results.json` keeps those that an earlier run reported of other corpora. */
export function writeReport(
  experiment: Experiment,
  { corpora, out, settings, facts }: ExperimentRun,
  done: CellResult[],
): void {
  const { name, title, paper } = experiment;
  const names = corpora.map(corpusName);
  const results = new Results(names, settings.budget, done);
  const seconds = done.reduce((sum, cell) => sum + cell.trainingSeconds + cell.measuringSeconds, 0);
  const hours: [string, string] = ["hours", (seconds / 3600).toFixed(2)];
  const cells: [string, string] = ["cells", `${done.length} of ${corpora.length * experiment.cells.length}`];
  const report = { title, paper, facts: [...facts, cells, hours], ...experiment.report(results) };
  const directory = `${out}/${name}`;
  const kept = reportedResults(`${directory}/results.json`).filter(({ corpus }) => !names.includes(corpus));
  writeFilesAtomic(
    new Map([
      [
        `${directory}/results.json`,
        jsonText({ experiment: name, facts: Object.fromEntries(report.facts), cells: [...done, ...kept] }),
      ],
      [`${directory}/table.md`, markdownReport(report)],
      [`${directory}/index.html`, experimentPage(report)],
      ...[...chartFiles(report)].map(([path, svg]) => [`${directory}/${path}`, svg] as const),
    ]),
  );
}
