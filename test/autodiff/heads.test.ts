/** Heads in another order, against indexing. */
import * as assert from "uvu/assert";
import { selectHeads } from "../../src/autodiff/ops/heads.ts";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("selectHeads");

test("a small example, written out: head 1, no head, head 0 twice", () => {
  const order = { width: 2, heads: 2, order: Int32Array.of(1, -1, 0, 0), missing: 9 };
  step(() => {
    const y = selectHeads(tensor([1, 2, 3, 4], [1, 4]), order, [4, 2]);
    assert.equal([...y.toArray()], [3, 4, 9, 9, 1, 2, 1, 2]);
  });
});

// tokens, heads, width, order
const cases: [number, number, number, number[]][] = [
  [1, 1, 1, [0]],
  [3, 2, 1, [1, 0]],
  [2, 3, 5, [2, -1, 0, 2]],
  [5, 4, 7, [3, 1]],
  [1, 6, 16, [0, 3, 1, 4, 2, 5]],
  [4, 2, 3, [-1]],
];
for (const [tokens, heads, width, order] of cases) {
  test(`${tokens} tokens of ${heads} heads of ${width}, taken as [${order}], match indexing`, () => {
    checkOp({
      shapes: [[tokens, heads * width]],
      op: (x) => selectHeads(x, { width, heads, order: Int32Array.from(order) }, [tokens, order.length * width]),
      oracle: (x) =>
        Float64Array.from({ length: tokens * order.length * width }, (_, i) => {
          const [token, place, d] = [
            Math.floor(i / width / order.length),
            Math.floor(i / width) % order.length,
            i % width,
          ];
          return order[place] < 0 ? 0 : x[(token * heads + order[place]) * width + d];
        }),
    });
  });
}

test("a shape that the heads do not fill is refused", () => {
  const order = { width: 2, heads: 2, order: Int32Array.of(0) };
  step(() => assert.throws(() => selectHeads(tensor([1, 2, 3, 4], [1, 4]), order, [1, 4]), /do not fill \[1,4\]/));
});
