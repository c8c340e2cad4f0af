/** Ctrl-C in the midst of long work: the first one ends it in good order, a second one the program, as it always does. */
import process from "node:process";
import { exists } from "../platform/files.ts";

/** Exit code of a program that Ctrl-C ended (128 + SIGINT). */
export const INTERRUPTED = 130;

/** The sentence about a file that was to be written and was not. */
export function notSaved(path: string): string {
  return `interrupted; ${path} ${exists(path) ? "is as it was" : "was not written"}`;
}

/**
 * Runs `work`, whose signal Ctrl-C aborts; `onInterrupt` is called then. Resolves to whether that happened. A second Ctrl-C
 * ends the program at once, if need be in the middle of a step; two that came within one step do when it is over.
 */
export async function interruptible(
  onInterrupt: () => void,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const interruption = new AbortController();
  const interrupt = () => {
    if (interruption.signal.aborted) {
      onInterrupt();
      process.exit(INTERRUPTED);
    }
    interruption.abort();
    setImmediate(() => {
      process.off("SIGINT", interrupt); // from now on the system itself ends the program
      onInterrupt(); // not before: a signal that comes while the listener goes would be lost
    });
  };
  process.on("SIGINT", interrupt);
  try {
    await work(interruption.signal);
  } finally {
    process.off("SIGINT", interrupt);
  }
  return interruption.signal.aborted;
}
