/**
 * Starts worker threads in any runtime. Node, Deno and Bun have `node:worker_threads`, whose threads do not keep a
 * program from ending; pages have Web Workers. Both run worker.js; thread.ts is the code of a thread.
 */
import type * as workerThreads from "node:worker_threads";
import { check, type Kind, optional, withMethods } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { builtin } from "./builtin.ts";
import { processors } from "./processors.ts";

/** A running worker, with one interface for Node's and the Web's. */
export interface Thread {
  /** Address of its script, for messages. */
  readonly address: string;
  /** Sends the start message. Resolves when the thread has its kernels and waits for work; rejects if it cannot run. */
  start(message: object): Promise<void>;
  /** Calls `report` with the reason when the thread has ended, for any reason. */
  onEnd(report: (reason: string) => void): void;
  /** Ends the thread at once. */
  terminate(): void;
}

/** What a function that starts threads must return. */
export const aThread: Kind = withMethods("a thread, such as webThread()", "start", "onEnd", "terminate");

/** The members of a Web Worker that `webThread` uses. */
export interface WebWorker {
  /** Called with each message from the worker. */
  onmessage: ((event: MessageEvent) => unknown) | null;
  /** Called when its script does not load or throws. */
  onerror: ((event: ErrorEvent) => unknown) | null;
  /** Sends a message to the worker. */
  postMessage(message: unknown): void;
  /** Ends the worker. */
  terminate(): void;
}

type WorkerThreads = typeof workerThreads;

/** Returns the default number of threads: those that can run at once, or 1 where threads are not permitted. */
export function defaultThreads(): number {
  const { process } = globalThis as { readonly process?: { readonly permission?: { has(scope: string): boolean } } };
  return process?.permission?.has("worker") === false ? 1 : processors();
}

/** Starts a worker of this runtime. */
export function newThread(): Thread {
  const node = builtin<WorkerThreads>("node:worker_threads");
  const directory = import.meta.dirname; // undefined in Deno for a module from the network
  return node === undefined || directory === undefined ? webThread() : nodeThread(node, `${directory}/worker.js`);
}

function nodeThread({ Worker }: WorkerThreads, address: string): Thread {
  // Without the program's flags, which concern its own script: --input-type, for example, is refused for a file.
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
 * Returns a thread in a Web Worker: the library's own, which bundlers find and bundle, or `made`, the caller's. Make your own
 * from `memorizing-transformer/worker` for a bundle that is not a module, or for scripts on another server.
 */
export function webThread(made?: WebWorker): Thread {
  if (made === undefined && globalThis.Worker === undefined) {
    throw new InputError("webThread: there are no Web Workers here; in Node, useThreads starts threads without it");
  }
  check("worker", made, optional(withMethods("a Web Worker", "postMessage", "terminate")));
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
 * Starts the library's worker and finds the address of its script. Bundlers recognise a worker by exactly this expression, and
 * only the expression knows where they have put it. So a proxy of `Worker` records the address while it is evaluated.
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
