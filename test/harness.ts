/**
 * What every test file imports instead of uvu itself: `suite(name)`, a uvu suite that cannot be green by accident.
 *
 * uvu alone exits 0 when a `before` hook throws, when a test throws something that is no Error, when `run()` is forgotten.
 * Here every handler is wrapped and counted, hooks too, and each suite registers itself; `run.ts` compares the counts. An error that
 * nobody caught, in a promise or a timer, is the failure of the test that runs, and so is a wait without end; the run goes on.
 * This file knows nothing of what is tested.
 */
import process from "node:process";
import { setImmediate, setTimeout } from "node:timers";

// uvu must find these before it loads, or it starts itself in the middle of the imports.
Object.assign(globalThis, { UVU_DEFER: 1, UVU_INDEX: 0, UVU_QUEUE: [[null]] });
const { suite: uvuSuite, exec } = await import("uvu");

type Handler = () => void | Promise<void>;

/** What ran, over all suites of this process. */
export const tally = { registered: 0, passed: 0, failed: 0, hung: 0, skipped: 0, skips: [] as string[] };

export interface Suite {
  (name: string, handler: Handler): void;
  /** Registers the test when `reason` is empty; otherwise counts it as skipped and says why at the end of the run. */
  unless(reason: string | undefined, name: string, handler: Handler): void;
  before(handler: Handler): void;
  after(handler: Handler): void;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`a test threw something that is no Error: ${String(thrown)}`);
}

/** What runs, or ran last. */
let current = "no test";

const betweenTests = () => void tally.failed++;
/** Has what runs fail. */
let fail: (error: Error) => void = betweenTests;

for (const event of ["unhandledRejection", "uncaughtException"]) {
  process.on(event, (thrown: unknown) => {
    const error = asError(thrown);
    console.error(`${current}: nobody caught ${error.name}: ${error.message}`);
    fail(error);
  });
}

let isOver = true;
process.on("exit", () => {
  if (isOver) return;
  console.error(`${current}: the run ended here, since nothing was left to wait for`);
  process.exitCode = 1;
});

/** Runs a handler to its end, to an error that nobody caught, or until it has waited too long. */
async function watched(name: string, handler: Handler): Promise<void> {
  current = name;
  const uncaught = new Promise<never>((_, reject) => (fail = reject));
  const limit = setTimeout(() => {
    tally.hung++;
    console.error(`${name}: still not over after ${patience} minutes`);
    fail(new Error(`still not over after ${patience} minutes`));
  }, patience * 60_000);
  limit.unref(); // a run in which nothing is left to wait for ends at once
  const run = async () => {
    await handler();
    await new Promise((resolve) => setImmediate(resolve)); // by then it is known who caught nothing
  };
  try {
    await Promise.race([run(), uncaught]);
  } finally {
    clearTimeout(limit);
    fail = betweenTests;
  }
}

/** A hook that throws fails the run, not only the process's mood. */
function guardHook(name: string, handler: Handler): Handler {
  return async () => {
    try {
      await watched(name, handler);
    } catch (thrown) {
      tally.failed++;
      throw asError(thrown);
    }
  };
}

/** Whether the first failure ends the run. */
let hasty = false;

/** Minutes after which a test that waits for something is taken to wait for ever. The slowest takes a tenth of it. */
let patience = 20;

function countTest(name: string, handler: Handler): Handler {
  return async () => {
    if (hasty && tally.failed > 0) return;
    try {
      await watched(name, handler);
      tally.passed++;
    } catch (thrown) {
      tally.failed++;
      throw asError(thrown);
    }
  };
}

const finishers: (() => void)[] = [];

/** Opens a suite; its tests run when `run.ts` (or the end of a single file's import) starts them. */
export function suite(name: string): Suite {
  const inner = uvuSuite(name);
  finishers.push(() => inner.run());
  const add = (title: string, handler: Handler) => {
    tally.registered++;
    inner(title, countTest(`${name}: ${title}`, handler));
  };
  const unless = (reason: string | undefined, title: string, handler: Handler) => {
    if (reason === undefined || reason === "") return add(title, handler);
    tally.skipped++;
    tally.skips.push(`${name}: ${title} (${reason})`);
  };
  return Object.assign(add, {
    unless,
    before: (handler: Handler) => inner.before(guardHook(`${name}: before`, handler)),
    after: (handler: Handler) => inner.after(guardHook(`${name}: after`, handler)),
  });
}

/**
 * Runs every suite opened so far. Called once, by `run.ts`. With `bail` the first failure is the last test, and the process ends
 * with its suite. A test that is not over after `minutes` has failed.
 */
export async function runSuites(bail = false, minutes = patience): Promise<void> {
  [hasty, patience] = [bail, minutes];
  for (const finish of finishers.splice(0)) finish();
  isOver = false;
  await exec(bail).finally(() => (isOver = true));
}
