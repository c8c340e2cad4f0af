/** A process that wants a lock at a given moment and keeps it for a while: `lock-contender DIRECTORY MILLISECONDS`. */
import process from "node:process";
import { InputError } from "../../src/base/errors.ts";
import { withLock } from "../../src/platform/lock.ts";

const [directory, moment] = process.argv.slice(2);
const HELD_MS = 700;

while (Date.now() < Number(moment)); // the timer of a busy machine would spread the contenders
try {
  await withLock(directory, () => new Promise((resolve) => setTimeout(resolve, HELD_MS)));
  process.stdout.write("got it");
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stdout.write("refused");
}
