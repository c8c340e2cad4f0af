/**
 * Work that does not heed Ctrl-C, for tests: `stubborn waiting` waits on, `stubborn computing` computes without a pause, `stubborn
 * deaf FILE` hears nothing in its first step, until there is a file.
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { interruptible } from "../../src/cli/interruption.ts";

const [how, file] = process.argv.slice(2);
const FOR_EVER_MS = 2 ** 31 - 1;

await interruptible(
  () => process.stdout.write("interrupted"),
  async (signal) => {
    process.stdout.write("begun");
    if (how === "deaf") while (!existsSync(file));
    if (how === "computing") {
      while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 5));
      process.stdout.write("computing");
      for (;;);
    }
    await new Promise((resolve) => setTimeout(resolve, FOR_EVER_MS));
  },
);
