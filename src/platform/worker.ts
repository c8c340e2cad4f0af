/**
 * Node's worker threads, which are no Web Workers: both ends of one. Imported by the main thread for `nodeThread`; run by a
 * worker thread as its script.
 */
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Thread } from "../wasm/parallel.ts";
import { runThread, type ThreadStart } from "../wasm/thread.ts";

const PURPOSE = "memorizing-transformer kernels";

/** A thread for `useThreads` in Node. It does not keep the process alive. */
export function nodeThread(): Thread {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: PURPOSE, name: PURPOSE });
  return {
    start: (message) =>
      new Promise((resolve, reject) => {
        worker.once("error", reject);
        worker.once("exit", (code) => reject(new Error(`a worker ended with exit code ${code} before it was ready`)));
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

if (!isMainThread && workerData === PURPOSE) {
  parentPort?.once("message", (start: ThreadStart) => void runThread(start, () => parentPort?.postMessage("ready")));
}
