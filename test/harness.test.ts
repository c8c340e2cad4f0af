/** The harness itself: an error that nobody caught is one test's failure, and ends no run unseen. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import * as assert from "uvu/assert";
import { scriptLine } from "./cli/child.ts";
import { suite } from "./harness.ts";
import { HANGS } from "./in-time.ts";

const test = suite("harness");

const inNode = process.versions.deno === undefined ? undefined : "Deno ends a run of this kind by itself";

function runOf(...args: string[]) {
  const [command, line] = scriptLine("test/uncaught", args);
  return spawnSync(command, line, { encoding: "utf8", timeout: HANGS });
}

test.unless(inNode, "an error that nobody caught fails the test that runs, by name, and the others go on", () => {
  const { stdout, stderr } = runOf();
  assert.match(stdout, "1 passed, 3 failed");
  assert.match(stderr, "uncaught: a promise: nobody caught Error: nobody awaits this\n");
  assert.match(stderr, "uncaught: a timer: nobody caught Error: nobody is there\n");
  assert.match(stderr, "uncaught: a number: nobody caught Error: a test threw something that is no Error: 7\n");
  assert.not.match(stderr, "caught in time");
});

test.unless(inNode, "a run that ends before its last test says where, and fails", () => {
  const { status, stderr } = runOf("hangs");
  assert.match(stderr, "uncaught: hangs: the run ended here");
  assert.is.not(status, 0);
});

test.unless(inNode, "a test that waits for ever fails by name, and the others go on", () => {
  const { status, stdout, stderr } = runOf("waits");
  assert.match(stdout, "1 passed, 4 failed");
  assert.match(stderr, "uncaught: waits: still not over after 0.01 minutes");
  assert.is(status, 1);
});
