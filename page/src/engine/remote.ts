/** The page's side of the worker: asks, passes news on, and stops. */
import type { Questions } from "./calls.ts";
import type { Name, ToPage, ToWorker } from "./wire.ts";

/** Thrown for a question that was stopped on request. */
export class Stopped extends Error {}

interface Waiting {
  readonly news: (news: unknown) => void;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Remote {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;
  /** Why the worker answers no more. */
  private failure: Error | undefined;

  constructor(worker: Worker) {
    this.worker = worker;
    worker.onmessage = ({ data }: MessageEvent<ToPage>) => this.hear(data);
    worker.onerror = (event) => this.fail(new Error(event.message || "the worker does not load"));
  }

  /**
   * Asks, and passes news to `onNews` until the answer is there.
   * @throws Stopped after an abort; an Error with one sentence for everything that goes wrong
   */
  ask<N extends Name>(
    name: N,
    args: Questions[N]["args"],
    onNews: (news: Questions[N]["news"]) => void = () => {},
    signal?: AbortSignal,
  ): Promise<Questions[N]["answer"]> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const id = ++this.last;
    const stop = () => this.send({ id, stop: true });
    return new Promise<Questions[N]["answer"]>((resolve, reject) => {
      const news = onNews as (news: unknown) => void;
      this.waiting.set(id, { news, resolve: resolve as (answer: unknown) => void, reject });
      this.send({ id, ask: name, args });
      if (signal?.aborted) stop();
      signal?.addEventListener("abort", stop);
    }).finally(() => signal?.removeEventListener("abort", stop));
  }

  private send(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  private hear(message: ToPage): void {
    const waiting = this.waiting.get(message.id);
    if (waiting === undefined) return;
    if (!("news" in message)) this.waiting.delete(message.id);
    if ("news" in message) waiting.news(message.news);
    else if ("answer" in message) waiting.resolve(message.answer);
    else waiting.reject(message.stopped ? new Stopped(message.refusal) : new Error(message.refusal));
  }

  private fail(error: Error): void {
    this.failure = error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
