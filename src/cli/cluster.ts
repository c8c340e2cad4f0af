/** `memorizing cluster status`: machines, jobs, rates and the time that is left. */

import { printable } from "../base/printable.ts";
import { type Status, type SweepStatus, statusOf } from "../cluster/status.ts";
import type { TrainingStatus } from "../cluster/training/training-status.ts";
import type { WorkerStatus } from "../cluster/workers.ts";
import { duration } from "../report/progress.ts";
import { formatTable } from "../report/table.ts";
import { command } from "./arguments/command.ts";
import { flag } from "./arguments/options.ts";
import { clusterOptions, requireExchange, WHERE_HELP, withExchange } from "./cluster-options.ts";
import { printJson, printText } from "./printing.ts";
import { summaries } from "./summaries.ts";

/** Digits of a name that people compare, and lines of a list. */
const SHOWN = 12;
const MOST_LINES = 20;

export const clusterStatusCommand = command(
  {
    name: "memorizing cluster status",
    summary: summaries["cluster status"],
    operands: ["WHERE"],
    options: { credentials: clusterOptions.credentials, json: flag("prints the result as JSON") },
    details: () => WHERE_HELP,
  },
  async ({ credentials, json }, [place]) => {
    requireExchange(place, "workers");
    const status = await withExchange(place, { credentials }, statusOf);
    if (json) printJson(summaryOf(status));
    else printText(`${pageOf(status).join("\n\n")}\n`);
    return 0;
  },
);

/** The parts of the page, an empty line between them. */
function pageOf({ workers, sweeps, trainings, labels, damage }: Status): string[] {
  const dead = sweeps.flatMap((sweep) => [...sweep.dead].map(([job, error]) => `dead ${job}: ${error}`));
  return [
    workers.length === 0 ? "No worker is here; memorizing worker WHERE starts one." : workerTable(workers, labels),
    ...(sweeps.length > 0 ? [sweepTable(sweeps)] : []),
    ...(sweeps.length + trainings.length === 0 ? ["No sweep is here; a command with --cluster WHERE begins one."] : []),
    ...(trainings.length > 0 ? [trainingTable(trainings)] : []),
    ...listOf(dead),
    ...listOf(damage.map((sentence) => `damaged: ${sentence}`)),
  ];
}

/** Lines of a list; none of an empty one. */
function listOf(lines: readonly string[]): string[] {
  const rest = lines.length > MOST_LINES ? [`and ${lines.length - MOST_LINES} more`] : [];
  const shown = [...lines.slice(0, MOST_LINES), ...rest].map((line) => `  ${printable(line)}`);
  return shown.length === 0 ? [] : [shown.join("\n")];
}

/** The status as `--json` prints it. */
function summaryOf({ workers, sweeps, trainings, damage }: Status) {
  return {
    workers,
    sweeps: sweeps.map(({ dead, ...sweep }) => ({ ...sweep, dead: Object.fromEntries(dead) })),
    trainings,
    damage,
  };
}

function workerTable(workers: readonly WorkerStatus[], labels: ReadonlyMap<string, string>): string {
  const header = ["worker", "program", "job", "done", "failed", "jobs/h", ""];
  const rows = workers.map(({ worker, program, job, done, failed, rate, silent, isAlive }) => {
    const state = isAlive ? "" : `silent for ${duration(silent)}`;
    const task = job === null ? "" : (labels.get(job) ?? short(job));
    return [worker, short(program), task, `${done}`, `${failed}`, rate.toFixed(1), state];
  });
  return formatTable([header, ...rows], ["left", "left", "left", "right", "right", "right", "left"]);
}

function sweepTable(sweeps: readonly SweepStatus[]): string {
  const header = ["sweep", "program", "jobs", "done", "running", "dead", "left"];
  const rows = sweeps.map((sweep) => {
    const { title, program, jobs, done, running, dead } = sweep;
    return [title, short(program), `${jobs}`, `${done}`, `${running}`, `${dead.size}`, timeLeft(sweep)];
  });
  return formatTable([header, ...rows], ["left", "left", "right", "right", "right", "right", "right"]);
}

function timeLeft({ workers, secondsLeft }: SweepStatus): string {
  if (secondsLeft === 0) return "nothing";
  if (workers === 0) return "no worker of this program";
  return secondsLeft === undefined ? "unknown" : duration(secondsLeft);
}

function trainingTable(trainings: readonly TrainingStatus[]): string {
  const header = ["training", "round", "from step", "steps", "workers", ""];
  const rows = trainings.map(({ training, round, step, steps, workers, isLed, hasEnded }) => {
    const note = isLed ? "" : hasEnded ? "its command has ended" : "its command gives no sign of life";
    return [short(training), `${round}`, `${step}`, `${steps}`, `${workers}`, note];
  });
  return formatTable([header, ...rows], ["left", "right", "right", "right", "right", "left"]);
}

function short(name: string): string {
  return name.slice(0, SHOWN);
}
