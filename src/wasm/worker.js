/**
 * The script of a worker thread, in every runtime: waits for its start message, then runs thread.ts. Do not import it.
 * It is JavaScript because bundlers identify a worker by its file name, which must be the same in `src` and in `dist`.
 */
import { runThread } from "./thread.ts";

const port = globalThis.process?.getBuiltinModule?.("node:worker_threads").parentPort;
if (port) port.once("message", (start) => void runThread(start, () => port.postMessage("ready")));
else globalThis.onmessage = ({ data }) => void runThread(data, () => globalThis.postMessage("ready"));
