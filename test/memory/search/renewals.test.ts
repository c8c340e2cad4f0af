/** Clusters are made of keys that outlive their use, and follow from what is remembered alone. */
import * as assert from "uvu/assert";
import { Renewals } from "../../../src/memory/search/renewals.ts";
import { suite } from "../../harness.ts";

const test = suite("renewals");

/** Sizes, the least keys asked for, and the pair that a row begins with. */
const cases = [4, 5, 7, 8, 31, 64, 100, 103].flatMap((size) =>
  [1, 2, 7, 30, size].flatMap((least) =>
    [0, 1, 17, 50].map((start) => ({ size, least: Math.min(least, size), start })),
  ),
);

test("keys that clusters are made of are remembered from when their making begins to the end of their use", () => {
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

test("what is made for a point is what then comes into use, and what a full memory would have made", () => {
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

test("the clusters of a quarter are begun a quarter before, in order that their making is spread over it", () => {
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

test("the first clusters come with the least keys, and none if so many are never remembered", () => {
  assert.is(new Renewals(100, 30).latest(5, 34), undefined);
  assert.equal(new Renewals(100, 30).latest(5, 35), { point: 35, from: 5, begin: 35, held: 60 });
  assert.is(new Renewals(100, 101).latest(0, 100), undefined);
});

test("a full memory renews its clusters at every quarter, from half of its keys", () => {
  const renewals = new Renewals(1000, 10);
  assert.equal(renewals.latest(4100, 5100), { point: 5000, from: 4250, begin: 4750, held: 1000 });
  assert.is(renewals.next(4100, 5100)?.point, 5250);
  assert.is(renewals.next(4000, 5000)?.point, 5250, "the next ones are begun as soon as the last are in use");
});
