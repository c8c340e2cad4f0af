/**
 * Runs random command lines: `run-command-lines SEED FROM COUNT`. Ends with exit code 1 at the first that changed what it must
 * not, and otherwise prints as JSON how many were refused and how many wrote something.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Random } from "../../src/base/random.ts";
import { runHere } from "../cli/in-process.ts";
import { newDirectory } from "./attack.ts";
import { Judge } from "./command-judge.ts";
import { randomLine } from "./command-lines.ts";
import { makeWorld, restoreWorld, snapshotOf } from "./command-world.ts";

const [seed, from, count] = process.argv.slice(2).map(Number);
const directory = fs.realpathSync(newDirectory());
const [root, copy] = [join(directory, "world"), join(directory, "copy")];
const totals: Record<string, { lines: number; written: number; refused: number }> = {};

await makeWorld(copy);
restoreWorld(root, copy);
let before = snapshotOf(root);
for (let index = from; index < from + count; index++) {
  const line = randomLine(new Random(index + seed * 2 ** 32), root);
  const total = (totals[line.args[0]] ??= { lines: 0, written: 0, refused: 0 });
  try {
    const judge = new Judge(root, before, line);
    const { code } = await runHere(...line.args);
    const hasChanged = judge.requireInnocence(code);
    total.lines++;
    total.written += Number(hasChanged);
    total.refused += Number(code !== 0);
    if (!hasChanged) continue;
  } catch (error) {
    const words = line.args.join(" ").replaceAll(`${root}/`, "");
    process.stderr.write(`line ${index} of seed ${seed}: ${words}\n${(error as Error).stack}\n`);
    fs.rmSync(directory, { recursive: true });
    process.exit(1);
  }
  restoreWorld(root, copy);
  before = snapshotOf(root);
}
fs.rmSync(directory, { recursive: true });
process.stdout.write(`${JSON.stringify(totals)}\n`);
