/** The script of a Web Worker: waits for its start message, then lives as thread.ts says. Not to be imported. */
import { runThread, type ThreadStart } from "./thread.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: { data: ThreadStart }) => void) | null;
  postMessage(message: string): void;
};
scope.onmessage = ({ data }) => void runThread(data, () => scope.postMessage("ready"));
