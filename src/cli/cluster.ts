/** `memorizing cluster status`: machines, jobs, rates and the time that is left. */

import { InputError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { isNatsAddress } from "../cluster/nats-client.ts";
import { type SweepStatus, statusOf, type WorkerStatus } from "../cluster/status.ts";
import { isDirectory } from "../platform/files.ts";
import { duration } from "../report/progress.ts";
import { formatTable } from "../report/table.ts";
import { command } from "./arguments/command.ts";
import { flag } from "./arguments/options.ts";
import { clusterOptions, WHERE_HELP, withExchange } from "./cluster-options.ts";
import { printJson, printText } from "./printing.ts";
import { summaries } from "./summaries.ts";

const SHOWN = 12;

export const clusterStatusCommand = command(
  {
    name: "memorizing cluster status",
    summary: summaries["cluster status"],
    operands: ["WHERE"],
    options: { credentials: clusterOptions.credentials, json: flag("prints the result as JSON") },
    details: () => WHERE_HELP,
  },
  async ({ credentials, json }, [place]) => {
    requireExchange(place);
    const { workers, sweeps } = await withExchange(place, { credentials }, statusOf);
    if (json) {
      const plain = sweeps.map(({ dead, ...sweep }) => ({ ...sweep, dead: Object.fromEntries(dead) }));
      printJson({ workers, sweeps: plain });
      return 0;
    }
    const deaths = sweeps.flatMap(({ dead }) =>
      [...dead].map(([job, error]) => `dead ${short(job)}: ${printable(error)}`),
    );
    printText(`${[workerTable(workers), sweepTable(sweeps), ...deaths].join("\n\n")}\n`);
    return 0;
  },
);

/** Refuses a directory that is not there: to look must not make one. */
function requireExchange(place: string): void {
  if (isNatsAddress(place) || isDirectory(place)) return;
  throw new InputError(
    `there is no directory ${place}; give the one that workers were started with, or nats://HOST:PORT`,
  );
}

function workerTable(workers: readonly WorkerStatus[]): string {
  const header = ["worker", "program", "job", "done", "failed", "jobs/h", ""];
  const rows = workers.map(({ worker, program, job, done, failed, rate, silent, isAlive }) => {
    const state = isAlive ? "" : `silent for ${duration(silent)}`;
    return [
      printable(worker),
      short(program),
      job === null ? "" : short(job),
      `${done}`,
      `${failed}`,
      rate.toFixed(1),
      state,
    ];
  });
  return formatTable([header, ...rows], ["left", "left", "left", "right", "right", "right", "left"]);
}

function sweepTable(sweeps: readonly SweepStatus[]): string {
  const header = ["sweep", "program", "jobs", "done", "running", "dead", "left"];
  const rows = sweeps.map(({ title, program, jobs, done, running, dead, secondsLeft }) => {
    const left = secondsLeft === undefined ? "unknown" : duration(secondsLeft);
    return [printable(title), short(program), `${jobs}`, `${done}`, `${running}`, `${dead.size}`, left];
  });
  return formatTable([header, ...rows], ["left", "left", "right", "right", "right", "right", "right"]);
}

function short(name: string): string {
  return name.slice(0, SHOWN);
}
