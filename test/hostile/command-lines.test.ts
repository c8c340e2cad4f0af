/** A short run of random command lines, with a seed of its own each day. `npm run test:fuzz` runs thousands. */
import { spawnSync } from "node:child_process";
import * as assert from "uvu/assert";
import { scriptLine } from "../cli/child.ts";
import { suite } from "../harness.ts";

const test = suite("command lines");
const seed = Math.floor(Date.now() / 86_400_000);
const LINES = 300;

test(`whatever is read and written, no input changes, of seed ${seed}`, () => {
  const [command, args] = scriptLine("test/hostile/run-command-lines", [seed, 0, LINES].map(String));
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  assert.is(status, 0, stderr);
  const totals = Object.values<Record<"lines" | "written" | "refused", number>>(JSON.parse(stdout));
  const sum = (field: "lines" | "written" | "refused") => totals.reduce((total, counts) => total + counts[field], 0);
  assert.equal([totals.length, sum("lines")], [8, LINES]);
  assert.ok(sum("written") > LINES / 20 && sum("refused") > LINES / 20, stdout);
});
