/** Learning-rate schedules, above all at their corners. */
import * as assert from "uvu/assert";
import { constant, cosine, rsqrt, type Schedule } from "../../src/train/schedules.ts";
import { suite } from "../harness.ts";

const test = suite("schedules");

function assertFactors(schedule: Schedule, expected: Record<number, number>): void {
  for (const [step, factor] of Object.entries(expected)) {
    const actual = schedule(Number(step));
    assert.ok(Math.abs(actual - factor) < 1e-12, `step ${step}: ${actual} instead of ${factor}`);
  }
}

test("a small example, written out: a constant schedule with a warm-up of 4 steps", () => {
  assertFactors(constant(4), { 1: 0.25, 2: 0.5, 3: 0.75, 4: 1, 5: 1 });
});

test("every schedule rises linearly to 1 at the last step of its warm-up, and its factors are never 0", () => {
  for (const schedule of [constant(10), rsqrt(10), cosine(100, 10)]) {
    assertFactors(schedule, { 1: 0.1, 2: 0.2, 9: 0.9, 10: 1 });
  }
});

test("constant stays at 1, from the first step on without a warm-up", () => {
  assertFactors(constant(), { 1: 1, 2: 1, 1e9: 1 });
  assertFactors(constant(10), { 11: 1, 1e9: 1 });
});

test("rsqrt falls with the root of the step, to half at four times the warm-up", () => {
  assertFactors(rsqrt(1000), { 500: 0.5, 1000: 1, 4000: 0.5, 100000: 0.1 });
  assertFactors(rsqrt(0), { 1: 1, 4: 0.5, 100: 0.1 });
});

test("rsqrt with the rate 1/√1000 is the paper's 1/√step", () => {
  const rate = 1 / Math.sqrt(1000);
  for (const step of [1000, 1001, 54_321, 500_000]) {
    assert.ok(Math.abs(rate * rsqrt(1000)(step) * Math.sqrt(step) - 1) < 1e-12);
  }
});

test("cosine ends at a tenth, or at `final`, and stays there", () => {
  assertFactors(cosine(110, 10), { 10: 1, 60: 0.55, 110: 0.1, 111: 0.1, 1e6: 0.1 });
  assertFactors(cosine(100, 0, 0), { 50: 0.5, 100: 0 });
  assertFactors(cosine(100, 0, 1), { 1: 1, 77: 1 });
});

test("cosine never rises after the warm-up, and works with a warm-up of the whole run", () => {
  const schedule = cosine(1000, 100);
  for (let step = 100; step < 1200; step++) assert.ok(schedule(step + 1) <= schedule(step));
  assertFactors(cosine(10, 10), { 1: 0.1, 10: 1, 11: 0.1 });
  assertFactors(cosine(10, 20), { 10: 0.5, 19: 0.95, 20: 1, 21: 0.1 });
});
