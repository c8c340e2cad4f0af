/**
 * The test runner: `node dist/test/run.js [--quick] [--bail] [--no-skips] [filter …]`, or `deno run -A test/run.ts …`.
 *
 * Imports every `*.test` file below this folder whose path contains one of the filters, runs their uvu suites in this
 * process, in the order of the filters, and exits 1 unless every registered test ran and passed, and no fewer ran than the
 * floor below. `--quick` stands for the filters of quick.ts; `--bail` ends the run with the first failure,
 * and with `--no-skips` a skipped test fails it.
 */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { runSuites, tally } from "./harness.ts";
import { QUICK } from "./quick.ts";

/** Fewer tests than this in a whole run means that files were not found, whatever else was green. */
const LEAST_TESTS = 1200;

function testFiles(folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name === "node_modules") continue; // of the tools in bundlers/
    if (entry.isDirectory()) found.push(...testFiles(path));
    else if (/\.test\.(ts|js)$/.test(entry.name)) found.push(path);
  }
  return found.sort();
}

const here = fileURLToPath(new URL(".", import.meta.url));
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean" }, bail: { type: "boolean" }, "no-skips": { type: "boolean" } },
});
const filters = flags.quick ? [...QUICK, ...positionals] : positionals;
const all = testFiles(here);
const chosen = filters.flatMap((filter) => all.filter((path) => relative(here, path).includes(filter)));
const files = filters.length === 0 ? all : new Set(chosen);

for (const file of files) await import(pathToFileURL(file).href);
try {
  await runSuites(flags.bail);
} catch (thrown) {
  console.error(thrown);
}

const { registered, passed, failed, hung, skipped, skips } = tally;
for (const skip of skips) console.log(`skipped  ${skip}`);
const missing = registered - passed - failed;
if (missing > 0) console.error(`${missing} tests were registered but never ran.`);
const tooFew = filters.length === 0 && passed < LEAST_TESTS;
if (tooFew) console.error(`Only ${passed} tests passed; a whole run has at least ${LEAST_TESTS}.`);
console.log(`${passed} passed, ${failed + Math.max(0, missing)} failed, ${skipped} skipped`);
const surplus = flags["no-skips"] === true && skipped > 0;
if (surplus) console.error("No test may be skipped here.");
process.exitCode = surplus || failed > 0 || missing > 0 || tooFew || passed === 0 ? 1 : 0;
if (hung > 0) process.exit(1); // what they wait for would keep this process alive
