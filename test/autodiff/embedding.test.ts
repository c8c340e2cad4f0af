/** The embedding against plain indexing, with ids that repeat. */
import * as assert from "uvu/assert";
import { addPositions, embedding } from "../../src/autodiff/ops/embedding.ts";
import { assertFiniteTape, backward, step } from "../../src/autodiff/tape.ts";
import { parameter, tensor } from "../../src/autodiff/tensor.ts";
import { InputError } from "../../src/base/errors.ts";
import { checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("embedding op");

test("a small example, written out: ids 2 and 0 pick the last and the first row", () => {
  const table = parameter([3, 2], [0, 1, 10, 11, 20, 21]);
  step(() => {
    const y = embedding(table, Int32Array.of(2, 0), [2]);
    assert.equal([...y.toArray()], [20, 21, 0, 1]);
    backward(y, [5, 6, 7, 8]);
  });
  assert.equal([...table.grad!.toArray()], [7, 8, 0, 0, 5, 6]);
});

const ids = Int32Array.of(2, 0, 2, 4, 2, 1);

for (const width of [1, 2, 3, 4, 5, 8, 9, 17]) {
  test(`gathers rows of ${width} and scatters their gradients back`, () => {
    checkOp({
      shapes: [[5, width]],
      op: (table) => embedding(table, ids, [2, 3]),
      oracle: (table) => {
        const rows = Array.from(ids, (id) => [...table.subarray(id * width, (id + 1) * width)]);
        return Float64Array.from(rows.flat());
      },
    });
  });
}

test("the result's shape begins with that of the ids, which are read when the op runs, not later", () => {
  const table = parameter([3, 2], [0, 1, 10, 11, 20, 21]);
  const changing = Int32Array.of(1, 2);
  step(() => {
    const y = embedding(table, changing, [1, 2]);
    assert.equal([...y.shape], [1, 2, 2]);
    changing.fill(0);
    backward(y, [1, 1, 1, 1]);
  });
  assert.equal(Array.from(table.grad!.toArray()), [0, 0, 1, 1, 1, 1]);
});

test("no ids give an empty tensor", () => {
  step(() => assert.equal([...embedding(parameter([3, 2]), new Int32Array(0), [0]).shape], [0, 2]));
});

test("an id outside the table is refused by name, and ids must fill the shape", () => {
  const table = parameter([5, 2]);
  const refusal = (id: number) => (error: unknown) =>
    error instanceof InputError && error.message === `token id ${id} is not in the vocabulary of 5 tokens (0 to 4)`;
  step(() => {
    assert.throws(() => embedding(table, Int32Array.of(0, 5, 1), [3]), refusal(5));
    assert.throws(() => embedding(table, Int32Array.of(-1), [1]), refusal(-1));
    assert.throws(() => embedding(table, Int32Array.of(1, 2, 3), [2, 2]), /3 ids do not fill the shape \[2,2\]/);
  });
});

test("positions, written out: two tokens from position 1 on get rows 1 and 2", () => {
  const table = parameter([3, 1], [10, 20, 30]);
  step(() => {
    const y = addPositions(tensor([1, 2], [1, 2, 1]), table, Int32Array.of(1));
    assert.equal([...y.toArray()], [21, 32]);
    backward(y, [5, 6]);
  });
  assert.equal([...table.grad!.toArray()], [0, 5, 6]);
});

for (const width of [1, 3, 4, 5, 17]) {
  test(`adds rows of ${width} from each row's first position on, and sums gradients where rows of the batch overlap`, () => {
    const positions = Int32Array.of(0, 4, 1);
    checkOp({
      shapes: [
        [3, 3, width],
        [7, width],
      ],
      op: (x, table) => addPositions(x, table, positions),
      oracle: (x, table) =>
        x.map((value, i) => {
          const token = Math.floor(i / width);
          return value + table[(positions[Math.floor(token / 3)] + (token % 3)) * width + (i % width)];
        }),
    });
  });
}

test("positions outside the table and other shapes are refused, and a NaN is named", () => {
  const table = parameter([4, 2]);
  step(() => {
    const x = tensor([1, 2, 3, Number.NaN], [1, 2, 2]);
    assert.throws(
      () => addPositions(x, table, Int32Array.of(3)),
      /addPositions: 2 tokens from position 3 on do not fit a table of 4/,
    );
    assert.throws(
      () => addPositions(x, parameter([4, 3]), Int32Array.of(0)),
      /x \[1,2,2\] does not fit a table \[4,3\]/,
    );
    addPositions(x, table, Int32Array.of(2));
    assert.throws(assertFiniteTape, /the output of addPositions is not finite/);
  });
});
