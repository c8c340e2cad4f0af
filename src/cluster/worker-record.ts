/** What a worker says of itself, for `memorizing cluster status`: who it is, what it does, what it has done. */
import { hostname } from "node:os";
import process from "node:process";
import type { Exchange } from "./exchange.ts";
import { replaceRecord } from "./records.ts";

/** Milliseconds between two signs of life; one that gave none for three of them is taken for dead. */
export const SIGNS = 10_000;

export class WorkerRecord {
  /** Its machine and process, for people. */
  readonly worker = `${hostname()}:${process.pid}`;
  private readonly exchange: Exchange;
  private readonly program: string;
  private readonly key = crypto.randomUUID();
  private readonly began = Date.now();
  private job: string | null = null;
  private done = 0;
  private failed = 0;
  private timer: NodeJS.Timeout | undefined;
  private signed: Promise<void> = Promise.resolve();

  constructor(exchange: Exchange, program: string) {
    this.exchange = exchange;
    this.program = program;
  }

  async begin(): Promise<void> {
    await this.write();
    this.timer = setInterval(() => this.sign(), SIGNS);
  }

  take(job: string): void {
    this.job = job;
    this.sign();
  }

  /** The job is over. */
  finish(succeeded: boolean): void {
    this.job = null;
    if (succeeded) this.done++;
    else this.failed++;
    this.sign();
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.signed;
    await replaceRecord(this.exchange, "workers", this.key);
  }

  /** Writes when what was begun is written; what is lost the next sign tells. */
  private sign(): void {
    this.signed = this.signed.then(() => this.write()).catch(() => {});
  }

  private async write(): Promise<void> {
    const { worker, program, began, job, done, failed } = this;
    await replaceRecord(this.exchange, "workers", this.key, {
      worker,
      program,
      began,
      job,
      done,
      failed,
      at: Date.now(),
    });
  }
}
