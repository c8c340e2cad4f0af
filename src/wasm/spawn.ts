/**
 * Worker threads of whatever runtime this is: Node, Deno and Bun have `node:worker_threads`, whose threads do not keep a
 * program from ending; pages have Web Workers. The script of both is worker.js, what threads do is in thread.ts.
 */
import type * as workerThreads from "node:worker_threads";
import { builtin } from "./builtin.ts";
import { processors } from "./processors.ts";

/** A running worker, as `useThreads` needs it: those of Node and those of the Web differ. */
export interface Thread {
  /** Where its script is, for messages. */
  readonly address: string;
  /** Sends the start message; resolves when the thread has its kernels and waits for work, rejects if it cannot run. */
  start(message: object): Promise<void>;
  /** Has `report` told the reason when the thread has ended, whatever ended it. */
  onEnd(report: (reason: string) => void): void;
  /** Ends the thread at once. */
  terminate(): void;
}

/** What `webThread` uses of a Web Worker. */
export interface WebWorker {
  /** Called with what the worker posts. */
  onmessage: ((event: MessageEvent) => unknown) | null;
  /** Called when its script does not load, or throws. */
  onerror: ((event: ErrorEvent) => unknown) | null;
  /** Sends it a message. */
  postMessage(message: unknown): void;
  /** Ends it. */
  terminate(): void;
}

type WorkerThreads = typeof workerThreads;

/** Returns the number of threads if nobody says one: as many as can run at once, one where none may be started. */
export function defaultThreads(): number {
  const { process } = globalThis as { readonly process?: { readonly permission?: { has(scope: string): boolean } } };
  return process?.permission?.has("worker") === false ? 1 : processors();
}

/** Starts a worker of this runtime. */
export function newThread(): Thread {
  const node = builtin<WorkerThreads>("node:worker_threads");
  const directory = import.meta.dirname; // Deno has none for a module from the network
  return node === undefined || directory === undefined ? webThread() : nodeThread(node, `${directory}/worker.js`);
}

function nodeThread({ Worker }: WorkerThreads, address: string): Thread {
  // The flags of the program are about its own script: --input-type, for one, would be refused for a file.
  const worker = new Worker(address, { name: "memorizing-transformer kernels", execArgv: [] });
  return {
    address,
    start: (message) =>
      new Promise((resolve, reject) => {
        worker.once("error", reject);
        worker.once("exit", (code) => reject(new Error(`it ended with exit code ${code}`)));
        worker.once("message", () => {
          worker.unref();
          resolve();
        });
        worker.postMessage(message);
      }),
    onEnd: (report) => {
      worker.once("error", (error) => report(error.message));
      worker.once("exit", (code) => report(`it ended with exit code ${code}`));
    },
    terminate: () => void worker.terminate(),
  };
}

/**
 * Returns a thread in a Web Worker: the library's own, which bundlers find and bundle, or one that the caller has made of
 * `memorizing-transformer/worker` himself, for a bundle that is no module, or scripts on another server.
 */
export function webThread(made?: WebWorker): Thread {
  const { worker, address } = made === undefined ? ownWorker() : { worker: made, address: "the caller's" };
  return {
    address,
    start: (message) =>
      new Promise((resolve, reject) => {
        worker.onmessage = () => resolve();
        worker.onerror = (event) => reject(new Error(event.message || "it does not load"));
        worker.postMessage(message);
      }),
    onEnd: (report) => {
      worker.onerror = (event) => {
        event.preventDefault(); // Deno would end the program
        report(event.message);
      };
    },
    terminate: () => worker.terminate(),
  };
}

/**
 * The library's worker, and where its script is. Bundlers know a worker by exactly this expression, and no other would tell
 * where they have put it; so `Worker` takes a note of that while the expression is evaluated.
 */
function ownWorker(): { worker: WebWorker; address: string } {
  const original = globalThis.Worker;
  let address = "";
  globalThis.Worker = new Proxy(original, {
    construct(target, [url, options]) {
      address = String(url);
      return new target(url, options);
    },
  });
  try {
    return { worker: new Worker(new URL("./worker.js", import.meta.url), { type: "module" }), address };
  } finally {
    globalThis.Worker = original;
  }
}
