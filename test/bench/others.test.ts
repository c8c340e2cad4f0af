/** The benchmark's watch over other processes: what it reads from /proc. */
import * as assert from "uvu/assert";
import { timeInStat, timeOfAll } from "../../bench/others.ts";
import { suite } from "../harness.ts";

const test = suite("other processes");

test("a small example, written out", () => {
  // user 1, nice 2, system 3, idle 4, iowait 5, irq 6, softirq 7, steal 8, guest 9: 27 ticks are neither idle nor guests'.
  assert.is(timeOfAll("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1\n"), 270);
  // utime 10, stime 20, cutime 30, cstime 40, behind a name that looks like fields.
  assert.is(timeInStat("42 (a) b (c) S 1 1 1 0 -1 4 0 0 0 0 10 20 30 40 20 0 1 0 5"), 1000);
});

test("systems without steal are read too", () => {
  assert.is(timeOfAll("cpu 1 1 1 1 1 1 1"), 50);
});
