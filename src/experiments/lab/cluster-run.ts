/**
 * Runs the cells of an experiment on a cluster. What comes back is written where the same run on one machine would have written it, so the two
 * can be mixed: finished cells are known to both.
 */
import { InputError } from "../../base/errors.ts";
import type { Exchange } from "../../cluster/exchange.ts";
import { writeTree } from "../../cluster/files.ts";
import { type Finished, runSweep, type SweepJob, sweepJob } from "../../cluster/sweep.ts";
import { rename } from "../../platform/atomic-write.ts";
import { makeDirectory } from "../../platform/directories.ts";
import { exists, removeTree } from "../../platform/files.ts";
import { cellJob, putCorpus } from "./cell-jobs.ts";
import { corpusName } from "./corpus.ts";
import type { Experiment } from "./experiment.ts";
import { cellRuns, type ExperimentRun, withSources, writeReport } from "./run.ts";
import { type CellRun, finishedResult } from "./run-cell.ts";

export interface ClusterRun extends ExperimentRun {
  /** Called when a cell's result came, with how many have, of how many that this run waits for. */
  readonly onResult?: (label: string, done: number, total: number) => void;
}

/**
 * Has workers compute what is not finished. Resolves to whether all cells are done; they are not if `signal` ended the waiting, which
 * leaves the work going on.
 * @throws InputError as `runExperiment` and `runSweep` do
 */
export async function runOnCluster(exchange: Exchange, experiment: Experiment, run: ClusterRun): Promise<boolean> {
  const runs = cellRuns(experiment, run);
  const members = await sweepOf(exchange, experiment, run, runs);
  const report = () => {
    const results = runs.map(finishedResult).filter((result) => result !== undefined);
    run.onReport?.();
    writeReport(experiment, run, results);
  };
  report();
  let done = 0;
  const sweep = [...members.keys()];
  const options = { title: `experiment ${experiment.name}`, signal: run.signal };
  for await (const finished of runSweep(exchange, sweep, options)) {
    const member = sweep.find(({ name }) => name === finished.name)!;
    await receive(exchange, finished, members.get(member)!);
    run.onResult?.(member.label, ++done, sweep.length);
    report();
  }
  return done === sweep.length;
}

/** The jobs of the cells that are wanted and not finished, and the cells. */
async function sweepOf(
  exchange: Exchange,
  experiment: Experiment,
  { corpora, only }: ClusterRun,
  runs: readonly CellRun[],
): Promise<ReadonlyMap<SweepJob, CellRun>> {
  const wanted = only && withSources(only, experiment.cells);
  const members = new Map<SweepJob, CellRun>();
  for (const directory of corpora) {
    const ours = runs.filter(({ corpus }) => corpus.name === corpusName(directory));
    const missing = ours.filter((run) => finishedResult(run) === undefined && wanted?.has(run.cell.name) !== false);
    if (missing.length === 0) continue;
    const jobs = new Map<string, string>();
    const parts = { experiment: experiment.name, corpus: await putCorpus(exchange, directory), jobs };
    for (const run of missing) {
      const label = `${run.corpus.name}/${run.cell.name}`;
      const member = await sweepJob(exchange, label, await cellJob(exchange, run, parts));
      jobs.set(run.cell.name, member.name);
      members.set(member, run);
    }
  }
  return members;
}

/** Writes a result where this machine would have left it; the cell's own file comes last, since it says that all is there. */
async function receive(exchange: Exchange, { tree, worker }: Finished, run: CellRun): Promise<void> {
  const { cell, models, results } = run;
  const incoming = `${results}/${cell.name}.incoming`;
  makeDirectory(results);
  removeTree(incoming);
  await writeTree(exchange, tree, incoming);
  replace(`${incoming}/model`, `${models}/${cell.name}`);
  replace(`${incoming}/artifacts`, `${results}/${cell.name}`);
  rename(`${incoming}/result.json`, `${results}/${cell.name}.json`);
  removeTree(incoming);
  if (finishedResult(run) !== undefined) return;
  throw new InputError(`${worker} sent a result of ${cell.name} that was made by another recipe`);
}

/** Puts a directory in the place of another one, if there is one to put. */
function replace(from: string, to: string): void {
  if (!exists(from)) return;
  removeTree(to);
  rename(from, to);
}
