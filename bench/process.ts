/**
 * The harness's end of an implementation's process: starts it, sends requests, stops it. One request is under way at a time, and
 * every failure in the process becomes an Error of one line.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { env } from "node:process";
import { createInterface } from "node:readline";
import type { Answer, Greeting, Request } from "./protocol.ts";

/** Variables that a process gets in addition to ours; those that are undefined are removed. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A process to run: an implementation at a thread count. */
export interface ProcessPlan {
  /** Its name in the report. */
  readonly impl: string;
  /** The name by which the process and the cases know it. Default: `impl`. */
  readonly role?: string;
  readonly threads: number;
  readonly command: readonly string[];
  readonly environment?: Environment;
}

/** An implementation's answer once it has prepared a problem and solved it once. */
export interface Preparation {
  readonly fallbacks?: number;
}

export class ImplementationProcess {
  readonly impl: string;
  readonly role: string;
  readonly threads: number;
  /** Version of the library under test, in its own words. */
  version = "";
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;
  private errors = "";

  private constructor({ impl, role = impl, threads, command, environment }: ProcessPlan) {
    this.impl = impl;
    this.role = role;
    this.threads = threads;
    const [program, ...rest] = command;
    this.child = spawn(program, [...rest, String(threads), role], { env: { ...env, ...environment } });
    this.child.on("error", (error) => (this.errors += error.message));
    this.child.stdin.on("error", () => {});
    this.child.stderr.on("data", (chunk) => (this.errors = (this.errors + chunk).slice(-4096)));
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts the process and waits until it is ready. Throws if it cannot run, for example if a peer is not installed. */
  static async start(plan: ProcessPlan): Promise<ImplementationProcess> {
    const started = new ImplementationProcess(plan);
    const greeting = await started.nextLine<Greeting>();
    started.version = greeting.version;
    return started;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Prepares a problem; returns undefined if the implementation lacks the operation. */
  async prepare(request: Extract<Request, { do: "prepare" }>): Promise<Preparation | undefined> {
    const answer = await this.ask(request);
    return "supported" in answer && answer.supported ? answer : undefined;
  }

  /** Returns the mean milliseconds of one run. */
  async time(iterations: number): Promise<number> {
    const answer = await this.ask({ do: "time", iterations });
    if (!("ms" in answer)) throw new Error(`${this.impl} did not answer with a time`);
    return answer.ms;
  }

  async release(): Promise<void> {
    await this.ask({ do: "release" });
  }

  stop(): void {
    this.child.kill();
  }

  private async ask(request: Request): Promise<Answer> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const answer = await this.nextLine<Answer>();
    if ("error" in answer) throw new Error(`${this.impl}: ${answer.error}`);
    return answer;
  }

  private async nextLine<Message>(): Promise<Message> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.impl} ended: ${lastLine(this.errors) || "it said nothing"}`);
    return JSON.parse(value) as Message;
  }
}

/** Finds the line that names the error: Python's last one, Node's first one that names an error. */
function lastLine(text: string): string {
  const lines = text.trim().split("\n");
  return (lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[lines.length - 1]).trim();
}
