/**
 * `npm run test:soak -- [--steps N] [--tokens N]`: 20,000 training steps and 100,000 generated tokens of a very small model.
 * The WebAssembly memory must not grow at all, the process by no more than a collector's whims.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { scriptOptions } from "../../bench/script.ts";
import { formatTable } from "../../src/report/table.ts";
import { growth, type Reading, soakGeneration, soakTraining } from "./soak-run.ts";

const { values } = scriptOptions({
  options: { steps: { type: "string", default: "20000" }, tokens: { type: "string", default: "100000" } },
});
const MIB = 2 ** 20;
/** The most by which objects and the process may grow. */
const TOLERATED = { wasm: 0, allocated: 0, objects: 2 * MIB, resident: 16 * MIB };

const folder = fs.mkdtempSync(join(tmpdir(), "soak-"));
report("training steps", await soakTraining(Number(values.steps), folder));
report("generated tokens", await soakGeneration(Number(values.tokens)));
fs.rmSync(folder, { recursive: true });

function report(unit: string, readings: readonly Reading[]): void {
  const mib = (bytes: number) => (bytes / MIB).toFixed(2);
  const rows = readings.map(({ done, wasm, allocated, objects, resident }) => {
    return [done.toLocaleString("en"), mib(wasm), mib(allocated), mib(objects), mib(resident)];
  });
  const names = Object.keys(TOLERATED) as (keyof typeof TOLERATED)[];
  const grown = names.map((name) => growth(readings, name));
  rows.push(["growth", ...grown.map(mib)], ["tolerated", ...names.map((name) => mib(TOLERATED[name]))]);
  process.stdout.write(`${formatTable([[unit, ...names.map((name) => `${name} MiB`)], ...rows], "right")}\n\n`);
  if (names.some((name, i) => grown[i] > TOLERATED[name])) process.exitCode = 1;
}
