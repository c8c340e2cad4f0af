/**
 * Runs the cells of an experiment on a cluster. What comes back is written where the same run on one machine would have written it, so the two
 * can be mixed: finished cells are known to both.
 */
import { DamageError, jsonIn } from "../../cluster/damage.ts";
import type { Exchange } from "../../cluster/exchange.ts";
import { writeTree } from "../../cluster/files.ts";
import { type Finished, runSweep, type SweepJob, sweepJob } from "../../cluster/sweep.ts";
import { rename } from "../../platform/atomic-write.ts";
import { makeDirectory } from "../../platform/directories.ts";
import { exists, removeTree } from "../../platform/files.ts";
import { readFile } from "../../platform/read-file.ts";
import { cellJob, putCorpus } from "./cell-jobs.ts";
import { corpusName } from "./corpus.ts";
import { expectedSeconds } from "./cost.ts";
import type { Experiment } from "./experiment.ts";
import { isCellResult } from "./results.ts";
import { cellRuns, type ExperimentRun, unfinished, writeReport } from "./run.ts";
import { type CellRun, finishedResult } from "./run-cell.ts";

export interface ClusterRun extends ExperimentRun {
  /** Called when a cell's result came, with how many have, of how many that this run waits for. */
  readonly onResult?: (label: string, done: number, total: number) => void;
}

/**
 * Lets workers compute what is not finished. Resolves to whether all cells are done; they are not if `signal` ended the waiting. The
 * work continues then.
 * @throws InputError as `runExperiment` and `runSweep` do
 */
export async function runOnCluster(exchange: Exchange, experiment: Experiment, run: ClusterRun): Promise<boolean> {
  const runs = cellRuns(experiment, run);
  const members = await sweepOf(exchange, experiment, run, unfinished(experiment, run, runs));
  const report = () => {
    const results = runs.map(finishedResult).filter((result) => result !== undefined);
    run.onReport?.();
    writeReport(experiment, run, results);
  };
  report();
  let done = 0;
  const sweep = longestFirst(members);
  const memberOf = ({ name }: Finished) => sweep.find((member) => member.name === name)!;
  const options = {
    title: `experiment ${experiment.name}`,
    signal: run.signal,
    receive: (finished: Finished) => receive(exchange, finished, members.get(memberOf(finished))!),
  };
  for await (const finished of runSweep(exchange, sweep, options)) {
    run.onResult?.(memberOf(finished).label, ++done, sweep.length);
    report();
  }
  return done === sweep.length;
}

/** The jobs of the cells that are not finished, and the cells. */
async function sweepOf(
  exchange: Exchange,
  experiment: Experiment,
  { corpora }: ClusterRun,
  todo: readonly CellRun[],
): Promise<ReadonlyMap<SweepJob, CellRun>> {
  const members = new Map<SweepJob, CellRun>();
  for (const directory of corpora) {
    const missing = todo.filter(({ corpus }) => corpus.name === corpusName(directory));
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

/**
 * Jobs in the order of the expected time from their beginning to the end of the last one that waits for them, longest first, so that no
 * machine computes a long one at the end while the others have nothing to do.
 */
export function longestFirst(members: ReadonlyMap<SweepJob, CellRun>): SweepJob[] {
  const sweep = [...members.keys()];
  const seconds = (member: SweepJob): number => {
    const { cell, settings } = members.get(member)!;
    const waiting = sweep.filter(({ job }) => Object.values(job.after).includes(member.name));
    return expectedSeconds(cell, settings) + Math.max(0, ...waiting.map(seconds));
  };
  const order = new Map(sweep.map((member) => [member, seconds(member)]));
  return sweep.sort((a, b) => order.get(b)! - order.get(a)!);
}

/**
 * Writes a result where this machine would have left it; the cell's own file comes last, since it says that all is there.
 * @throws DamageError if the result is not one of this cell
 */
async function receive(exchange: Exchange, { tree, worker }: Finished, run: CellRun): Promise<void> {
  const { cell, models, results } = run;
  const incoming = `${results}/${cell.name}.incoming`;
  makeDirectory(results);
  removeTree(incoming);
  try {
    await writeTree(exchange, tree, incoming);
    const path = `${incoming}/${cell.name}.json`;
    if (exists(`${incoming}/result.json`)) rename(`${incoming}/result.json`, path);
    const isResult = exists(path) && isCellResult(jsonIn(readFile(path), `the result of ${cell.name}`));
    if (!isResult || finishedResult({ ...run, results: incoming }) === undefined) {
      throw new DamageError(`${worker} sent a result of ${cell.name} that was made by another recipe`);
    }
    replace(`${incoming}/model`, `${models}/${cell.name}`);
    replace(`${incoming}/artifacts`, `${results}/${cell.name}`);
    rename(path, `${results}/${cell.name}.json`);
  } finally {
    removeTree(incoming);
  }
}

/** Puts a directory in the place of another one, if there is one to put. */
function replace(from: string, to: string): void {
  if (!exists(from)) return;
  removeTree(to);
  rename(from, to);
}
