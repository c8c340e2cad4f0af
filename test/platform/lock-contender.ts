/**
 * A process that wants a lock, at once or at a moment that is given: `lock-contender DIRECTORY [MILLISECONDS]`. It says `got` or
 * `refused`, keeps the lock until its standard input ends, and then says `released`.
 */
import { once } from "node:events";
import process from "node:process";
import { InputError } from "../../src/base/errors.ts";
import { withLock } from "../../src/platform/lock.ts";

const [directory, moment] = process.argv.slice(2);

while (moment !== undefined && Date.now() < Number(moment)); // the timer of a busy machine would spread the contenders
try {
  await withLock(directory, async () => {
    process.stdout.write("got");
    await once(process.stdin.resume(), "end");
  });
  process.stdout.write(" released");
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stdout.write("refused");
}
