/**
 * `npm run test:crash -- [--kills N] [--seed N] [--threads N]`: kills a training N times (100), resumes it each time, and
 * compares weights, moments, memories, contexts and metrics with those of a training that was never killed.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { scriptOptions } from "../../bench/script.ts";
import { Random } from "../../src/base/random.ts";
import { formatTable } from "../../src/report/table.ts";
import { differences, type KillCounts, trainingArguments, trainToEnd, trainUnderFire } from "./crash-training.ts";

const { values } = scriptOptions({
  options: {
    kills: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    threads: { type: "string", default: "1" },
  },
});
/** More than the killed lives can do; what is left is done in the last one. */
const STEPS_PER_KILL = 12;

const kills = Number(values.kills);
const random = new Random(Number(values.seed));
const folder = fs.mkdtempSync(join(tmpdir(), "crash-"));
const argumentsFor = (name: string) =>
  trainingArguments(folder, join(folder, name), kills * STEPS_PER_KILL, Number(values.threads));

const start = performance.now();
await trainToEnd(argumentsFor("whole"));
const counts = await trainUnderFire(argumentsFor("killed"), kills, random);
await trainToEnd(argumentsFor("killed"));
report(counts, differences(join(folder, "whole"), join(folder, "killed")));
fs.rmSync(folder, { recursive: true });

function report(found: KillCounts, different: readonly string[]): void {
  const rows = Object.entries(found).map(([place, count]) => [`killed in ${place}`, String(count)]);
  const total = Object.values(found).reduce((sum, count) => sum + count, 0);
  const seconds = Math.round((performance.now() - start) / 1000);
  rows.push(["killed in all", String(total)], ["seconds", String(seconds)]);
  rows.push(["files that differ in the end", different.length === 0 ? "0" : different.join(", ")]);
  process.stdout.write(`${formatTable(rows, "left")}\n`);
  if (different.length > 0 || total < kills) process.exitCode = 1;
}
