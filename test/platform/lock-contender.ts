/**
 * A process that wants a lock: `lock-contender DIRECTORY MILLISECONDS` at a given moment and for a while, `lock-contender
 * DIRECTORY` at once and until its standard input ends.
 */
import { once } from "node:events";
import process from "node:process";
import { InputError } from "../../src/base/errors.ts";
import { withLock } from "../../src/platform/lock.ts";

const [directory, moment] = process.argv.slice(2);
const HELD_MS = 700;

while (moment !== undefined && Date.now() < Number(moment)); // the timer of a busy machine would spread the contenders
try {
  await withLock(directory, async () => {
    if (moment === undefined) await once(process.stdin.resume(), "end");
    else await new Promise((resolve) => setTimeout(resolve, HELD_MS));
  });
  process.stdout.write("got it");
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stdout.write("refused");
}
