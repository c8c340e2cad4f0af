/**
 * The test runner: `node dist/test/run.js [filter …]`, or `deno run -A test/run.ts [filter …]`.
 *
 * Imports every `*.test` file below this folder whose path contains one of the filters, runs their uvu suites in this
 * process, and exits 1 unless every registered test ran and passed, and no fewer ran than the floor below.
 */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runSuites, tally } from "./harness.ts";

/** Fewer tests than this in a whole run means that files were not found, whatever else was green. */
const LEAST_TESTS = 900;

function testFiles(folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...testFiles(path));
    else if (/\.test\.(ts|js)$/.test(entry.name)) found.push(path);
  }
  return found.sort();
}

const here = fileURLToPath(new URL(".", import.meta.url));
const filters = process.argv.slice(2);
const files = testFiles(here).filter((path) => {
  const name = relative(here, path);
  return filters.length === 0 || filters.some((filter) => name.includes(filter));
});

for (const file of files) await import(pathToFileURL(file).href);
try {
  await runSuites();
} catch (thrown) {
  console.error(thrown);
}

const { registered, passed, failed, skipped, skips } = tally;
for (const skip of skips) console.log(`skipped  ${skip}`);
const missing = registered - passed - failed;
if (missing > 0) console.error(`${missing} tests were registered but never ran.`);
const tooFew = filters.length === 0 && passed < LEAST_TESTS;
if (tooFew) console.error(`Only ${passed} tests passed; a whole run has at least ${LEAST_TESTS}.`);
console.log(`${passed} passed, ${failed + Math.max(0, missing)} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || missing > 0 || tooFew || passed === 0 ? 1 : 0;
