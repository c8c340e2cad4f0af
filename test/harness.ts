/**
 * What every test file imports instead of uvu itself: `suite(name)`, a uvu suite that cannot be green by accident.
 *
 * uvu alone exits 0 when a `before` hook throws, when a test throws something that is no Error, when `run()` is forgotten.
 * Here every handler is wrapped and counted, hooks too, and each suite registers itself; `run.ts` compares the counts.
 * This file knows nothing of what is tested.
 */

// uvu must find these before it loads, or it starts itself in the middle of the imports.
Object.assign(globalThis, { UVU_DEFER: 1, UVU_INDEX: 0, UVU_QUEUE: [[null]] });
const { suite: uvuSuite, exec } = await import("uvu");

type Handler = () => void | Promise<void>;

/** What ran, over all suites of this process. */
export const tally = { registered: 0, passed: 0, failed: 0, skipped: 0, skips: [] as string[] };

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

/** A hook that throws fails the run, not only the process's mood. */
function guardHook(handler: Handler): Handler {
  return async () => {
    try {
      await handler();
    } catch (thrown) {
      tally.failed++;
      throw asError(thrown);
    }
  };
}

/** Whether the first failure ends the run. */
let hasty = false;

function countTest(handler: Handler): Handler {
  return async () => {
    if (hasty && tally.failed > 0) return;
    try {
      await handler();
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
    inner(title, countTest(handler));
  };
  const unless = (reason: string | undefined, title: string, handler: Handler) => {
    if (reason === undefined || reason === "") return add(title, handler);
    tally.skipped++;
    tally.skips.push(`${name}: ${title} (${reason})`);
  };
  return Object.assign(add, {
    unless,
    before: (handler: Handler) => inner.before(guardHook(handler)),
    after: (handler: Handler) => inner.after(guardHook(handler)),
  });
}

/**
 * Runs every suite opened so far. Called once, by `run.ts`. With `bail` the first failure is the last test, and the process ends
 * with its suite.
 */
export async function runSuites(bail = false): Promise<void> {
  hasty = bail;
  for (const finish of finishers.splice(0)) finish();
  await exec(bail);
}
