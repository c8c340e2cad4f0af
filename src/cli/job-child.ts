/**
 * What runs in the process of job-process.ts: computes the jobs that it is sent, one after the other. It knows the kinds of jobs that there are; no
 * code comes with a job. It ends with its worker.
 */
import process from "node:process";
import { show } from "../base/show.ts";
import type { Assignment, Computed } from "../cluster/worker.ts";
import { computeCell } from "../experiments/compute-cell.ts";
import { CELL } from "../experiments/lab/cell-jobs.ts";
import { rename } from "../platform/atomic-write.ts";
import { makeDirectory } from "../platform/directories.ts";
import { removeTree } from "../platform/files.ts";
import { withLock } from "../platform/lock.ts";
import { DOCUMENT } from "../train/document-jobs.ts";
import { type Connection, computeSeat } from "../train/together/compute-seat.ts";
import { SEAT } from "../train/together/seat-job.ts";
import { computeDocument } from "./compute-document.ts";
import type { Answer, Question } from "./job-process.ts";
import { startThreads } from "./threads.ts";

/** Milliseconds between tries to have a job's directory, and how many: the process of a killed worker takes a moment to end. */
const PAUSE = 500;
const TRIES = 60;

type Kind = (
  job: Assignment["job"],
  inputs: Assignment["inputs"],
  scratch: string,
  connection: Connection,
) => Promise<Computed>;

const kinds: Readonly<Record<string, Kind>> = {
  [CELL]: computeCell,
  [DOCUMENT]: computeDocument,
  [SEAT]: computeSeat,
};

const [directory, threads] = process.argv.slice(2);

process.on("disconnect", () => process.exit());
process.on("SIGINT", () => {}); // Ctrl-C in a terminal reaches this process too; its worker ends it
process.on("message", (question: Question) => {
  void answerTo(question).then((answer) => process.send?.(answer));
});

await startThreads(Number(threads) || undefined);

async function answerTo({ name, job, inputs, connection }: Question): Promise<Answer> {
  try {
    const kind = Object.hasOwn(kinds, job.kind) ? kinds[job.kind] : undefined;
    if (kind === undefined) return { error: `this program has no jobs of the kind ${show(job.kind)}` };
    return await alone(`${directory}/jobs/${name}`, async (scratch) => {
      const computed = await kind(job, inputs, scratch, connection);
      const done = `${directory}/done/${name}-${process.pid}`;
      makeDirectory(`${directory}/done`);
      removeTree(done);
      rename(computed.directory, done);
      removeTree(scratch);
      return { ...computed, directory: done };
    });
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Runs `work` in a directory of the job's own, once no other process has it. */
async function alone(scratch: string, work: (scratch: string) => Promise<Computed>): Promise<Computed> {
  for (let tries = 1; ; tries++) {
    let isOurs = false;
    try {
      return await withLock(scratch, async () => {
        isOurs = true;
        removeTree(`${scratch}/out`);
        return work(scratch);
      });
    } catch (error) {
      if (isOurs || tries === TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
