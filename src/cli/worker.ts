/** `memorizing worker`: computes what other machines ask for, until Ctrl-C or kill. */
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { isBlockName } from "../cluster/blocks.ts";
import type { Exchange } from "../cluster/exchange.ts";
import { LEASE } from "../cluster/exchange.ts";
import { resultOf } from "../cluster/jobs.ts";
import { programName } from "../cluster/program.ts";
import { work } from "../cluster/worker.ts";
import { requireWritable } from "../platform/atomic-write.ts";
import { isDirectory, listDirectory, removeTree } from "../platform/files.ts";
import { removeLeftovers } from "../platform/temporary.ts";
import { duration, ProgressLine } from "../report/progress.ts";
import { command } from "./arguments/command.ts";
import { integer, text } from "./arguments/options.ts";
import { clusterOptions, WHERE_HELP, withExchange } from "./cluster-options.ts";
import { ending } from "./ending.ts";
import { JobProcess } from "./job-process.ts";
import { summaries } from "./summaries.ts";
import { threadsOption } from "./threads.ts";

/** Digits of a name that people compare. */
const SHOWN = 12;

export const workerCommand = command(
  {
    name: "memorizing worker",
    summary: summaries.worker,
    operands: ["WHERE"],
    options: {
      dir: text("DIR", "where corpora, models and unfinished jobs are kept [~/.cache/memorizing-transformer/worker]"),
      lease: integer(
        `seconds after which others may have the job of a worker that is silent [${LEASE / 1000}]`,
        1,
        3600,
      ),
      credentials: clusterOptions.credentials,
      threads: threadsOption,
    },
    details: () =>
      `${WHERE_HELP}\n\n` +
      "It takes jobs of its own version only, and computes only what its version knows. Several workers may share a\n" +
      "machine and a DIR. It ends at Ctrl-C; its job goes to others.",
  },
  async ({ dir = join(homedir(), ".cache/memorizing-transformer/worker"), lease, credentials, threads }, [place]) => {
    requireWritable(`${dir}/jobs/trial`);
    const progress = new ProgressLine(process.stderr);
    const milliseconds = lease === undefined ? LEASE : 1000 * lease;
    const warn = (sentence: string) => progress.note(sentence);
    await withExchange(place, { credentials, lease: milliseconds, warn }, async (exchange) => {
      const program = programName();
      const worker = `${hostname()}:${process.pid}`;
      const jobs = new JobProcess(dir, threads, { place, credentials, worker, lease: milliseconds });
      const end = new AbortController();
      void ending().then(() => end.abort());
      progress.note(`works for ${exchange.name} as program ${program.slice(0, SHOWN)}, until Ctrl-C`);
      for (const folder of ["jobs", "done"]) await forgetFinished(exchange, `${dir}/${folder}`);
      removeLeftovers(`${dir}/trees`, isBlockName);
      try {
        await work(exchange, {
          program,
          compute: (assignment, signal) => jobs.compute(assignment, signal),
          directory: dir,
          renewal: milliseconds / 3,
          signal: end.signal,
          onJob: (job, seconds, error) => {
            const outcome = error === undefined ? "done" : `failed: ${error}`;
            progress.note(`job ${job.slice(0, SHOWN)}  ${duration(seconds)}  ${outcome}`);
          },
        });
      } finally {
        jobs.end();
      }
    });
    return 0;
  },
);

/** Removes what is left here of jobs that were finished elsewhere. */
async function forgetFinished(exchange: Exchange, directory: string): Promise<void> {
  if (!isDirectory(directory)) return;
  for (const { name } of listDirectory(directory)) {
    const [job] = name.split("-");
    if (isBlockName(job) && (await resultOf(exchange, job)) !== undefined) removeTree(`${directory}/${name}`);
  }
}
