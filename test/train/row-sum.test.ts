/** The sum over rows: its order, by head, and that nobody's share of the work changes a bit of it. */
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { deal } from "../../src/cluster/training/deal.ts";
import { RowSum } from "../../src/train/row-sum.ts";
import { suite } from "../harness.ts";

const test = suite("sum over rows");

const node = (index: number, ...sum: number[]) => ({ level: 0, index, sum: Float32Array.from(sum) });

/** Rows whose sum depends on the order: of very different sizes. */
function rowsOf(count: number, width: number): Float32Array[] {
  const random = new Random(count);
  const value = () => random.normal() * 2 ** (40 * random.next() - 20);
  return Array.from({ length: count }, () => Float32Array.from({ length: width }, value));
}

function total(sum: RowSum): number[] {
  return [...(sum.total() ?? [])];
}

test("a small example, written out: five rows are ((0 + 1) + (2 + 3)) + 4", () => {
  const sum = new RowSum(5);
  for (const index of [4, 2, 0, 3]) sum.add(node(index, 2 ** index));
  assert.is(sum.total(), undefined, "row 1 is missing");
  const waiting = sum.nodes().map(({ level, index, sum: [value] }) => `${level}.${index}: ${value}`);
  assert.equal(waiting.sort(), ["0.0: 1", "1.1: 12", "2.1: 16"], "row 4 has no neighbour on two levels");
  sum.add(node(1, 2));
  assert.equal(total(sum), [31]);
  assert.is(sum.nodes().length, 1);
});

test("a single row is its own sum", () => {
  const sum = new RowSum(1);
  sum.add(node(0, 3, 4));
  assert.equal(total(sum), [3, 4]);
});

test("sums have the same bits in any order, and however rows are dealt out", () => {
  for (const count of [1, 2, 3, 4, 5, 7, 8, 9, 16, 17]) {
    const rows = rowsOf(count, 3);
    const alone = new RowSum(count);
    for (const [index, values] of rows.entries()) alone.add(node(index, ...values));
    for (let hands = 1; hands <= count; hands++) {
      const all = new RowSum(count);
      for (const { from, to } of deal(count, hands).toReversed()) {
        const own = new RowSum(count);
        for (let row = to - 1; row >= from; row--) own.add(node(row, ...rows[row]));
        for (const part of own.nodes()) all.add(part);
      }
      assert.equal(total(all), total(alone), `${count} rows, ${hands} hands`);
    }
  }
});

test("one hand of two sends one vector for its half of eight rows", () => {
  const own = new RowSum(8);
  for (let row = 4; row < 8; row++) own.add(node(row, 1));
  assert.equal(
    own.nodes().map(({ level, index, sum: [value] }) => [level, index, value]),
    [[2, 1, 4]],
  );
});

test("what is dealt out goes to neighbours, and nobody gets two more than another", () => {
  assert.equal(deal(8, 3), [
    { from: 0, to: 2 },
    { from: 2, to: 5 },
    { from: 5, to: 8 },
  ]);
  for (const [things, hands] of [
    [1, 1],
    [7, 7],
    [65, 64],
    [9, 2],
  ]) {
    const sizes = deal(things, hands).map(({ from, to }) => to - from);
    assert.is(
      sizes.reduce((sum, size) => sum + size, 0),
      things,
    );
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1 && Math.min(...sizes) > 0);
  }
});
