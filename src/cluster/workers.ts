/** The workers of an exchange, by the signs of life that they give. */
import { isBlockName } from "./blocks.ts";
import { isCount, shortText } from "./damage.ts";
import type { Exchange } from "./exchange.ts";
import { contents, type Reading } from "./records.ts";
import { SIGNS } from "./worker-record.ts";

const LONGEST_NAME = 100;

export interface WorkerStatus {
  /** Machine and process. */
  readonly worker: string;
  readonly program: string;
  /** Name of the job that it computes, or null. */
  readonly job: string | null;
  readonly done: number;
  readonly failed: number;
  /** Jobs an hour since it began. */
  readonly rate: number;
  /** Seconds since it gave a sign of life. */
  readonly silent: number;
  readonly isAlive: boolean;
}

/** The workers that gave a sign of life; what is wrong with the records of others goes to `damage`. */
export async function workersOf(exchange: Exchange, damage: string[] = []): Promise<WorkerStatus[]> {
  const workers = await contents(exchange, "workers", workerIn, damage);
  return workers.map(({ content, changedAt }) => statusOfWorker(content, changedAt));
}

interface WorkerContent extends Pick<WorkerStatus, "worker" | "program" | "job" | "done" | "failed"> {
  readonly began: number;
}

const workerIn: Reading<WorkerContent> = ({ worker, program, job, done, failed, began }) => {
  if (typeof worker !== "string" || !isBlockName(program) || !(job === null || isBlockName(job))) return undefined;
  if (!isCount(done) || !isCount(failed) || !isCount(began)) return undefined;
  return { worker: shortText(worker, LONGEST_NAME), program, job, done, failed, began };
};

function statusOfWorker({ began, ...content }: WorkerContent, changedAt: number): WorkerStatus {
  const silent = Math.max(0, Date.now() - changedAt) / 1000;
  const hours = Math.max(1, Date.now() - began) / 3_600_000;
  return { ...content, rate: content.done / hours, silent, isAlive: silent < (3 * SIGNS) / 1000 };
}
