/** The program's own processes, for tests that start, watch and kill them. */
import { type ChildProcess, spawn } from "node:child_process";
import { commandLine } from "../cli/child.ts";
import { tally } from "../harness.ts";

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

export class Running {
  private static readonly all: Running[] = [];

  readonly child: ChildProcess;
  readonly line: readonly string[];
  readonly ended: Promise<Ended>;
  output = "";

  constructor(...args: string[]) {
    this.line = args;
    this.child = spawn(...this.lineOf(args), { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on("data", (text) => (this.output += text));
    Running.all.push(this);
    this.ended = new Promise((resolve) => this.child.once("exit", (code) => resolve({ code, output: this.output })));
  }

  /** Ends what tests left running. If one has failed, prints what those processes had said: nothing else tells why they did not end. */
  static async endAll(): Promise<void> {
    for (const running of Running.all.splice(0)) {
      if (running.isRunning && tally.failed > 0)
        console.error(`left running: ${running.line.join(" ")}\n${running.output.slice(-2000)}`);
      await running.end();
    }
  }

  /** Command and arguments that start it. */
  protected lineOf(args: string[]): [string, string[]] {
    return commandLine(args);
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits until the process has written `text`, or has ended. */
  async says(text: string): Promise<void> {
    while (this.isRunning && !this.output.includes(text)) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<Ended> {
    if (this.isRunning) this.child.kill(signal);
    return this.ended;
  }
}
