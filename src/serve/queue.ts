/** The line of requests that compute: one at a time, in the order in which they came. */
import { Refusal } from "./refusals.ts";

export class Queue {
  private readonly most: number;
  private readonly line: (() => void)[] = [];
  private isBusy = false;

  /** At most `most` requests wait. */
  constructor(most: number) {
    this.most = most;
  }

  /** Requests that wait. */
  get length(): number {
    return this.line.length;
  }

  /**
   * Runs `work` when all that came before is done. A caller that aborts `signal` gives up its place in the line.
   * @throws Refusal if too many wait
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.turn(signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.pass();
    }
  }

  private turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.isBusy && this.line.length >= this.most) {
      const sentence = `${this.line.length} requests wait already, and no more may; try again later`;
      throw new Refusal(429, sentence, undefined, { "retry-after": "1" });
    }
    if (this.isBusy) return this.place(signal);
    this.isBusy = true;
    return Promise.resolve();
  }

  /** Waits in the line. */
  private place(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.line.splice(this.line.indexOf(start), 1);
        reject(signal.reason);
      };
      const start = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.line.push(start);
    });
  }

  private pass(): void {
    const next = this.line.shift();
    this.isBusy = next !== undefined;
    next?.();
  }
}
