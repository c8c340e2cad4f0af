/** Ctrl-C or kill in the midst of long work: the first one ends it in good order, a second one the program, as it always does. */
import process from "node:process";
import { exists } from "../platform/files.ts";

/** What asks a program to end: Ctrl-C, and `kill` or a system that stops its jobs. */
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Exit code of work that one of them ended (128 + SIGINT). */
export const INTERRUPTED = 130;

/** The sentence about a file that was to be written and was not. */
export function notSaved(path: string): string {
  return `interrupted; ${path} ${exists(path) ? "is as it was" : "was not written"}`;
}

/**
 * Runs `work`, whose signal Ctrl-C or kill aborts; `onInterrupt` is called then. Resolves to whether that happened. A second one
 * ends the program at once, if need be in the middle of a step; two that came within one step do when it is over.
 */
export async function interruptible(
  onInterrupt: () => void,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const interruption = new AbortController();
  const stopListening = () => {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  };
  const interrupt = () => {
    if (interruption.signal.aborted) {
      onInterrupt();
      process.exit(INTERRUPTED);
    }
    interruption.abort();
    setImmediate(() => {
      stopListening(); // from now on the system itself ends the program
      onInterrupt(); // not before: a signal that comes while the listener goes would be lost
    });
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    await work(interruption.signal);
  } finally {
    stopListening();
  }
  return interruption.signal.aborted;
}
