/**
 * A run of tests that leave errors uncaught, for harness.test.ts: prints what was counted. `uncaught hangs` has one that never ends, and
 * in `uncaught waits` something keeps the process alive meanwhile.
 */
import process from "node:process";
import { runSuites, suite, tally } from "./harness.ts";

const test = suite("uncaught");

const mode = process.argv[2];
const forEver = () => new Promise<void>(() => {});
if (mode === "hangs") test("hangs", forEver);
if (mode === "waits") {
  test("waits", () => {
    setInterval(() => {}, 1000);
    return forEver();
  });
}

test("a promise", () => {
  void Promise.reject(new Error("nobody awaits this"));
});

test("a timer", async () => {
  setTimeout(() => {
    throw new Error("nobody is there");
  }, 0);
  await new Promise(() => {});
});

test("a number", () => {
  void Promise.reject(7);
});

test("caught in time", async () => {
  const later = Promise.reject(new Error("caught"));
  await later.catch(() => {});
});

await runSuites(false, mode === "waits" ? 0.01 : undefined);
console.log(`${tally.passed} passed, ${tally.failed} failed`);
if (tally.hung > 0) process.exit(1);
