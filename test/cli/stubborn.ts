/**
 * Work that does not heed Ctrl-C, for tests: `stubborn waiting` waits on, `stubborn computing` computes without a pause, `stubborn
 * deaf` hears nothing for a while in its first step.
 */
import process from "node:process";
import { interruptible } from "../../src/cli/interruption.ts";

const LONG_MS = 60_000;
const DEAF_MS = 1000;

await interruptible(
  () => process.stdout.write("interrupted"),
  async (signal) => {
    process.stdout.write("begun");
    if (process.argv[2] === "deaf") for (const end = performance.now() + DEAF_MS; performance.now() < end; );
    if (process.argv[2] === "computing") {
      while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 5));
      process.stdout.write("computing");
      for (const end = performance.now() + LONG_MS; performance.now() < end; );
    }
    await new Promise((resolve) => setTimeout(resolve, LONG_MS));
  },
);
