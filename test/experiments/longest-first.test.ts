/** The order in which a cluster gets an experiment's cells: those that hold up the end the longest come first. */
import * as assert from "uvu/assert";
import type { SweepJob } from "../../src/cluster/sweep.ts";
import { longestFirst } from "../../src/experiments/lab/cluster-run.ts";
import { plain } from "../../src/experiments/lab/recipe.ts";
import type { CellRun } from "../../src/experiments/lab/run-cell.ts";
import { suite } from "../harness.ts";

const test = suite("longest jobs first");

test("a cell counts with the longest of those that wait for it, and equal ones keep their order", () => {
  const members = new Map<SweepJob, CellRun>();
  const add = (name: string, share: number, source?: string) => {
    const job = { after: source === undefined ? {} : { source } };
    const run = { cell: { ...plain, name, share }, settings: { budget: 1e6, evalTokens: 100, seed: 0, overrides: [] } };
    members.set({ name, label: name, job } as unknown as SweepJob, run as unknown as CellRun);
  };
  add("short", 1);
  add("other", 1);
  add("begins", 1);
  add("long", 3);
  add("waits", 4, "begins");
  assert.equal(
    longestFirst(members).map(({ name }) => name),
    ["begins", "waits", "long", "short", "other"],
  );
});
