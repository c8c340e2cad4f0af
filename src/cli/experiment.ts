/** `memorizing experiment`: runs or resumes one of the paper's experiments in small, and writes its report. */
import { cpus } from "node:os";
import process from "node:process";
import { nearest } from "../base/did-you-mean.ts";
import { InputError } from "../base/errors.ts";
import type { Exchange } from "../cluster/exchange.ts";
import { splits } from "../data/gather-corpus.ts";
import type { RunSettings } from "../experiments/lab/cell-recipe.ts";
import { runOnCluster } from "../experiments/lab/cluster-run.ts";
import { corpusName } from "../experiments/lab/corpus.ts";
import { expectedHours, expectedSeconds } from "../experiments/lab/cost.ts";
import type { Experiment } from "../experiments/lab/experiment.ts";
import { BUDGET } from "../experiments/lab/recipe.ts";
import { type ExperimentRun, runExperiment, withSources } from "../experiments/lab/run.ts";
import { experiments } from "../experiments/list.ts";
import { withLock } from "../platform/lock.ts";
import { duration, ProgressLine, wholeNumber } from "../report/progress.ts";
import { formatTable } from "../report/table.ts";
import { build } from "../wasm/build.ts";
import { threadCount } from "../wasm/parallel.ts";
import { command } from "./arguments/command.ts";
import { flag, integer, text, texts } from "./arguments/options.ts";
import { UsageError } from "./arguments/usage.ts";
import { clusterOptions, withExchange } from "./cluster-options.ts";
import { ensureCodeCorpus } from "./corpus.ts";
import { ExperimentProgress } from "./experiment-progress.ts";
import { INTERRUPTED, interruptible } from "./interruption.ts";
import { overrides } from "./model-config.ts";
import { experimentOutputs } from "./outputs/directories.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printError, printLine, printText } from "./printing.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";

const OUT = "runs/experiments";

export const experimentCommand = command(
  {
    name: "memorizing experiment",
    summary: summaries.experiment,
    operands: ["NAME"],
    options: {
      corpus: texts("DIR", "directories with train, valid and test [the Python standard library of this machine]"),
      out: text("DIR", `where models, results and the report go [${OUT}]`),
      cells: texts("NAME", "computes only these cells, and reports them with those computed before [all]"),
      budget: integer(`training tokens of a cell [${BUDGET}]`, 1, 2 ** 40),
      evalTokens: integer("tokens evaluated in each document, from its beginning [see below]", 1, 2 ** 40),
      seed: integer("decides first weights and the order of the documents [0]", 0, 2 ** 32),
      set: overrides("replaces keys of the configuration in all cells that do not set them themselves"),
      list: flag("lists the cells with their expected time, and runs nothing"),
      force: forceOption,
      ...clusterOptions,
      threads: threadsOption,
    },
    details: () => `${experimentList()}\n\n${RESUMING}`,
  },
  async (values, [name]) => {
    const experiment = experimentCalled(name);
    const { out = OUT, budget = BUDGET, evalTokens = experiment.evalTokens, seed = 0, threads } = values;
    const settings: RunSettings = { budget, evalTokens, seed, overrides: values.set };
    requireCells(experiment, values.cells);
    if (values.list) {
      const only = values.cells.length > 0 ? withSources(values.cells, experiment.cells) : undefined;
      const cells = experiment.cells.filter(({ name }) => only?.has(name) !== false);
      printText(`${cellList({ ...experiment, cells }, settings)}\n`);
      return 0;
    }
    const { cluster, credentials } = values;
    if (cluster === undefined && credentials !== undefined) {
      throw new UsageError("--credentials means nothing without --cluster");
    }
    if (cluster !== undefined && threads !== undefined) {
      throw new UsageError("--threads means nothing with --cluster; give it to the workers");
    }
    if (cluster === undefined) {
      await startThreads(threads);
      return withLock(out, () => runInto(out, experiment, settings, values));
    }
    const warn = (sentence: string) => printError(sentence);
    return withExchange(cluster, { credentials, warn }, (exchange) => {
      return withLock(out, () => runInto(out, experiment, settings, { ...values, exchange }));
    });
  },
);

interface Work {
  readonly corpus: readonly string[];
  readonly cells: readonly string[];
  readonly force: boolean;
  /** Where workers are asked to compute; without it, this machine computes. */
  readonly exchange?: Exchange;
}

/** Runs the experiment, shows how it goes on, and resolves to the exit code. */
async function runInto(
  out: string,
  experiment: Experiment,
  settings: RunSettings,
  { corpus, cells, force, exchange }: Work,
): Promise<number> {
  const corpora = corpus.length > 0 ? distinct(corpus) : [defaultCorpus(out)];
  const inputs = corpora.flatMap((directory) => splits.map((split) => `${directory}/${split}`));
  const outputs = new Outputs({ outputs: experimentOutputs(out, experiment, corpora), inputs, force });
  const only = cells.length > 0 ? cells : undefined;
  const progress = new ProgressLine(process.stderr);
  const facts = factsOf(experiment, settings, corpora, exchange);
  const run = { settings, corpora, out, only, facts, onReport: () => outputs.check() };
  const { ending, later, work } =
    exchange === undefined ? alone(experiment, run, progress) : together(exchange, experiment, run, progress);
  const interrupted = await interruptible(() => progress.note(ending), work).finally(() => progress.end());
  if (interrupted) progress.note(later);
  else printLine(`${out}/${experiment.name}: index.html, table.md and results.json`);
  return interrupted ? INTERRUPTED : 0;
}

interface Computing {
  /** Said at Ctrl-C, and when the work is over then. */
  readonly ending: string;
  readonly later: string;
  readonly work: (signal: AbortSignal) => Promise<void>;
}

function alone(experiment: Experiment, run: ExperimentRun, progress: ProgressLine): Computing {
  const shown = new ExperimentProgress(progress, experiment, run);
  return {
    ending: "finishing this step, then saving; Ctrl-C again ends at once and saves nothing",
    later: "interrupted; the same command continues from there",
    work: async (signal) => {
      await runExperiment(experiment, { ...run, signal, ...shown.callbacks });
    },
  };
}

function together(exchange: Exchange, experiment: Experiment, run: ExperimentRun, progress: ProgressLine): Computing {
  const onResult = (label: string, done: number, total: number) => progress.note(`cell ${done} of ${total}  ${label}`);
  return {
    ending: "the workers go on",
    later: `interrupted; the same command joins in again, and memorizing cluster status ${exchange.name} tells how far it is`,
    work: async (signal) => {
      await runOnCluster(exchange, experiment, { ...run, signal, onResult });
    },
  };
}

const RESUMING = `A cell is a model that is trained and measured. What is finished is not computed again, and what was interrupted goes on:
give the same command. Experiments share models, so later ones take less than is said here.`;

function experimentCalled(name: string): Experiment {
  const found = experiments.find((experiment) => experiment.name === name);
  if (found !== undefined) return found;
  const names = experiments.map((experiment) => experiment.name);
  const guess = nearest(name, names);
  const advice = guess === undefined ? `the experiments are ${names.join(", ")}` : `did you mean ${guess}?`;
  throw new UsageError(`memorizing experiment: unknown experiment "${name}"; ${advice}`);
}

function requireCells({ name, cells }: Experiment, wanted: readonly string[]): void {
  const names = cells.map((cell) => cell.name);
  const unknown = wanted.find((cell) => !names.includes(cell));
  if (unknown === undefined) return;
  const guess = nearest(unknown, names);
  const advice = guess === undefined ? `memorizing experiment ${name} --list names them` : `did you mean ${guess}?`;
  throw new UsageError(`the experiment ${name} has no cell "${unknown}"; ${advice}`);
}

function experimentList(): string {
  const rows = experiments.map((experiment) => {
    const { name, cells, evalTokens, summary } = experiment;
    const hours = expectedHours(experiment, { budget: BUDGET, evalTokens, seed: 0, overrides: [] });
    return [name, hours.toFixed(1), String(cells.length), wholeNumber(evalTokens), summary];
  });
  const header = ["NAME", "hours", "cells", "--eval-tokens", ""];
  const table = formatTable([header, ...rows], ["left", "right", "right", "right", "left"]);
  return `Experiments, and hours for one corpus of the size of a megabyte or two a split, on two cores:\n${table}`;
}

function cellList(experiment: Experiment, settings: RunSettings): string {
  const rows = experiment.cells.map((cell) => {
    const { name, label, from = "", memorySizes } = cell;
    return [name, duration(expectedSeconds(cell, settings)), memorySizes.join(","), from, label];
  });
  const table = formatTable(
    [["cell", "time", "memory", "from", ""], ...rows],
    ["left", "right", "right", "left", "left"],
  );
  return `${table}\n${experiment.title}: ${expectedHours(experiment, settings).toFixed(1)} hours for each corpus`;
}

/** Refuses two corpora of one name: their results would share a directory. */
function distinct(corpora: readonly string[]): readonly string[] {
  const names = corpora.map(corpusName);
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated === undefined) return corpora;
  throw new InputError(`two corpora are called ${repeated}; the last part of a corpus' path names it, and must differ`);
}

/** The corpus that every machine with Python has; gathered once. */
function defaultCorpus(out: string): string {
  const directory = `${out}/corpora/code`;
  ensureCodeCorpus(directory);
  return directory;
}

function factsOf(
  { name }: Experiment,
  { budget, evalTokens, seed, overrides }: RunSettings,
  corpora: readonly string[],
  exchange: Exchange | undefined,
): readonly (readonly [string, string])[] {
  const set = overrides.length > 0 ? ` --set ${overrides.join(" ")}` : "";
  const options = `--budget ${budget} --eval-tokens ${evalTokens} --seed ${seed}${set}`;
  return [
    ["command", `memorizing experiment ${name} --corpus ${corpora.join(" ")} ${options}`],
    ["training tokens a cell", wholeNumber(budget)],
    ["tokens evaluated in each document", wholeNumber(evalTokens)],
    ["seed", String(seed)],
    ["machine", exchange === undefined ? thisMachine() : `workers at ${exchange.name}, ${build} kernels`],
  ];
}

function thisMachine(): string {
  const threads = threadCount() === 1 ? "1 thread" : `${threadCount()} threads`;
  return `${cpus()[0]?.model ?? "unknown processor"}, ${threads}, ${build} kernels`;
}
