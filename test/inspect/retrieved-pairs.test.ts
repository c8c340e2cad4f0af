import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { RetrievedPairs } from "../../src/inspect/retrieved-pairs.ts";
import { suite } from "../harness.ts";

const test = suite("retrieved pairs");

function pairOf(share: number, token: number) {
  return { head: Math.abs(token % 3), token, score: share / 2, weight: share / 4, share };
}

test("a small example, written out: of three shares the two largest are kept, largest first", () => {
  const pairs = new RetrievedPairs(1, 2);
  for (const [token, share] of [0.25, 0.75, 0.5].entries()) pairs.add(0, pairOf(share, token));
  assert.equal(
    pairs.list(0).map(({ token }) => token),
    [1, 2],
  );
});

for (const top of [1, 2, 5, 40]) {
  test(`the ${top} pairs with the largest shares of each token are kept, largest first`, () => {
    const random = new Random(top);
    const pairs = new RetrievedPairs(3, top);
    const added = Array.from({ length: 40 }, (_, i) => pairOf(Math.fround(random.next()), i - 20));
    for (const pair of added) pairs.add(1, pair);
    const sorted = added.sort((a, b) => b.share - a.share).slice(0, top);
    assert.equal(pairs.list(1), sorted);
    assert.equal(pairs.best(1), sorted[0]);
    assert.equal([pairs.list(0), pairs.list(2)], [[], []], "the tokens next to it have none");
    assert.is(pairs.best(0), undefined);
  });
}

test("among equal shares the first is kept", () => {
  const pairs = new RetrievedPairs(1, 2);
  for (const token of [5, 6, 7]) pairs.add(0, pairOf(0.25, token));
  assert.equal(
    pairs.list(0).map(({ token }) => token),
    [5, 6],
  );
});
