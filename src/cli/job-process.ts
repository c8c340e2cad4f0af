/**
 * The process in which a worker's jobs are computed, started when it is first needed. The worker itself stays free to renew leases, and survives
 * whatever a job does.
 */
import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Assignment, Computed } from "../cluster/worker.ts";
import type { Connection } from "../train/together/compute-seat.ts";

/** What the process answers. */
export type Answer = Computed | { readonly error: string };

/** What the process is asked. The connection is not among its arguments, which other users can see. */
export interface Question extends Assignment {
  readonly connection: Connection;
}

export class JobProcess {
  private readonly directory: string;
  private readonly threads: number | undefined;
  private readonly connection: Connection;
  private child: ChildProcess | undefined;

  /** `directory` is where interrupted jobs wait to be continued; `connection` is for jobs that speak with others. */
  constructor(directory: string, threads: number | undefined, connection: Connection) {
    this.directory = directory;
    this.threads = threads;
    this.connection = connection;
  }

  /** Computes a job; when `signal` aborts, the process ends. */
  async compute(assignment: Assignment, signal: AbortSignal): Promise<Computed> {
    const child = (this.child ??= this.start());
    const end = () => this.end();
    signal.addEventListener("abort", end);
    try {
      if (signal.aborted) this.end();
      const answer = await ask(child, { ...assignment, connection: this.connection });
      if ("error" in answer) throw new Error(answer.error);
      return answer;
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  end(): void {
    this.child?.kill();
    this.child = undefined;
  }

  private start(): ChildProcess {
    const script = fileURLToPath(new URL(`./job-child${extname(import.meta.url)}`, import.meta.url));
    const child = fork(script, [this.directory, String(this.threads ?? 0)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const forget = () => {
      if (this.child === child) this.child = undefined;
    };
    child.once("exit", forget);
    child.on("error", forget); // it could not be started, or hears nothing any more
    return child;
  }
}

function ask(child: ChildProcess, question: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const over = () => {
      child.off("message", answered);
      child.off("exit", ended);
      child.off("error", failed);
    };
    const answered = (answer: unknown) => {
      over();
      resolve(answer as Answer);
    };
    const ended = (code: number | null, signal: string | null) => {
      over();
      reject(new Error(`the process that computed it ended (${signal ?? `exit code ${code}`})`));
    };
    const failed = (error: Error | null) => {
      if (error === null) return;
      over();
      reject(new Error(`the process that computes could not be reached: ${error.message}`));
    };
    child.on("message", answered);
    child.on("exit", ended);
    child.on("error", failed);
    child.send(question, failed);
  });
}
