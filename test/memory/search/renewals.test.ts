/** The calendar: clusters are built from keys that outlive their use, and depend only on the remembered pairs. */
import * as assert from "uvu/assert";
import { Renewals } from "../../../src/memory/search/renewals.ts";
import { suite } from "../../harness.ts";

const test = suite("renewals");

test("a small example, written out: a full memory of 1000 renews its clusters every 250 pairs, from half of its keys", () => {
  const renewals = new Renewals(1000, 10);
  assert.equal(renewals.latest(4100, 5100), { point: 5000, from: 4250, begin: 4750, held: 1000 });
  assert.is(renewals.next(4100, 5100)?.point, 5250);
  assert.is(renewals.next(4000, 5000)?.point, 5250, "the next ones begin as soon as the last are in use");
});

/** Sizes, the least number of keys, and the first pair of a row. */
const cases = [4, 5, 7, 8, 31, 64, 100, 103].flatMap((size) =>
  [1, 2, 7, 30, size].flatMap((least) =>
    [0, 1, 17, 50].map((start) => ({ size, least: Math.min(least, size), start })),
  ),
);

test("the keys of clusters are remembered from the beginning of their building to the end of their use", () => {
  for (const { size, least, start } of cases) {
    const renewals = new Renewals(size, least);
    for (let end = start; end < start + 4 * size; end++) {
      const first = Math.max(start, end - size);
      const context = `${size} pairs, ${least} at least, [${first}, ${end})`;
      for (const made of [renewals.latest(first, end), renewals.next(first, end)]) {
        if (made === undefined) continue;
        assert.ok(first <= made.from && made.from < made.begin && made.begin <= Math.min(end, made.point), context);
      }
    }
  }
});

test("the clusters built for a point are those that come into use then", () => {
  for (const { size, least, start } of cases) {
    const renewals = new Renewals(size, least);
    for (let end = start; end < start + 4 * size; end++) {
      const first = Math.max(start, end - size);
      const latest = renewals.latest(first, end);
      const later = end + 1;
      const then = renewals.latest(Math.max(start, later - size), later);
      if (latest === undefined || then === undefined) continue;
      const made = then.point === latest.point ? latest : renewals.next(first, end);
      assert.equal(then, made, `${size} pairs, ${least} at least, [${first}, ${end})`);
    }
  }
});

test("the clusters of a quarter are started a quarter before, so that the work is spread over it", () => {
  for (const { size, least, start } of cases) {
    const renewals = new Renewals(size, least);
    const quarter = Math.floor(size / 4);
    for (let end = start; end < start + 4 * size; end++) {
      const latest = renewals.latest(Math.max(start, end - size), end);
      if (latest === undefined || latest.point < (Math.ceil(start / quarter) + 2) * quarter) continue;
      assert.is(latest.point - latest.begin, quarter, `${size} pairs, ${least} at least, [${start}, ${end})`);
    }
  }
});

test("the first clusters come with the least number of keys, and never in a memory that cannot hold those", () => {
  assert.is(new Renewals(100, 30).latest(5, 34), undefined);
  assert.equal(new Renewals(100, 30).latest(5, 35), { point: 35, from: 5, begin: 35, held: 60 });
  assert.is(new Renewals(100, 101).latest(0, 100), undefined);
});
