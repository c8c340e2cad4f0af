/**
 * A reader of our output that stops early, as `head` does. A command that only prints ends with it, which is no error. One that was told to
 * write files goes on without a word, and writes them.
 */
import process from "node:process";
import { codeOf } from "../platform/system-errors.ts";

let hasFiles = false;

/** Called by a command that is to write files. */
export function promiseFiles(): void {
  hasFiles = true;
}

/** Whether `error`, of standard output or error, means that nobody reads any more. Ends the program if it has nothing else to do. */
export function hasLostReader(stream: "output" | "error", error: unknown): boolean {
  if (codeOf(error) !== "EPIPE") return false;
  if (stream === "output" && !hasFiles) process.exit();
  return true;
}
