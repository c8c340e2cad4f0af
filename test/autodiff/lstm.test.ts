/** The LSTM against plain loops, with its state; odd sizes everywhere. */
import * as assert from "uvu/assert";
import { lstm } from "../../src/autodiff/ops/lstm.ts";
import { step } from "../../src/autodiff/tape.ts";
import { persistentTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { assertClose, checkOp, checkThreads } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("lstm");

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** h of every token [B, T, C], then h and c after the last one [B, C]. */
function plainLstm(
  x: ArrayLike<number>,
  u: ArrayLike<number>,
  before: { readonly hidden: ArrayLike<number>; readonly cell: ArrayLike<number> },
  [rows, segment, width]: readonly [number, number, number],
  forgetBias = 0,
) {
  const out = new Float64Array(rows * segment * width);
  const [hidden, cell] = [Float64Array.from(before.hidden), Float64Array.from(before.cell)];
  for (let row = 0; row < rows; row++) {
    for (let t = 0; t < segment; t++) {
      const h = hidden.slice(row * width, (row + 1) * width);
      const z = Array.from({ length: 4 * width }, (_, n) => {
        return h.reduce((sum, value, k) => sum + value * u[n * width + k], x[(row * segment + t) * 4 * width + n]);
      });
      for (let k = 0; k < width; k++) {
        const [i, f, g, o] = [z[k], z[width + k] + forgetBias, z[2 * width + k], z[3 * width + k]];
        const at = row * width + k;
        cell[at] = sigmoid(f) * cell[at] + sigmoid(i) * Math.tanh(g);
        hidden[at] = sigmoid(o) * Math.tanh(cell[at]);
        out[(row * segment + t) * width + k] = hidden[at];
      }
    }
  }
  return { out, hidden, cell };
}

/** States [B, C] before and after the tokens. */
function statesOf(rows: number, width: number, seed = 3) {
  const random = new Random(seed);
  const [hidden, cell, nextHidden, nextCell] = Array.from({ length: 4 }, () => persistentTensor([rows, width]));
  for (const state of [hidden, cell]) state.set(Float32Array.from({ length: state.size }, () => random.normal()));
  return { hidden, cell, nextHidden, nextCell };
}

const values = (length: number, random: Random) => Float32Array.from({ length }, () => random.normal());

test("a small example, written out: one unit and one token", () => {
  const states = statesOf(1, 1);
  states.hidden.fill(0.5);
  states.cell.fill(2);
  step(() => {
    const [x, u] = [tensor([0, 0, 1, 0], [1, 1, 4]), tensor([2, 0, 0, 0], [4, 1])];
    const h = lstm(x, u, states);
    const c = 0.5 * 2 + sigmoid(1) * Math.tanh(1);
    assertClose(h.toArray(), [0.5 * Math.tanh(c)], 1e-6, "h");
    assertClose(states.nextCell.toArray(), [c], 1e-6, "c");
    assertClose(states.nextHidden.toArray(), h.toArray(), 0, "the state");
  });
});

for (const sizes of [
  [1, 1, 1],
  [1, 5, 3],
  [2, 3, 4],
  [7, 4, 5],
  [13, 2, 9],
] as const) {
  const [rows, segment, width] = sizes;
  test(`output, state and gradients match the definition: ${rows} rows, ${segment} tokens, ${width} units`, () => {
    const states = statesOf(rows, width);
    const before = { hidden: states.hidden.toArray(), cell: states.cell.toArray() };
    for (const forgetBias of [0, 1]) {
      checkOp({
        shapes: [
          [rows, segment, 4 * width],
          [4 * width, width],
        ],
        op: (x: Tensor, u: Tensor) => lstm(x, u, states, forgetBias),
        oracle: (x, u) => plainLstm(x, u, before, sizes, forgetBias).out,
      });
    }
    const random = new Random(5);
    const [x, u] = [values(rows * segment * 4 * width, random), values(4 * width * width, random)];
    step(() => lstm(tensor(x, [rows, segment, 4 * width]), tensor(u, [4 * width, width]), states));
    const expected = plainLstm(x, u, before, sizes);
    assertClose(states.nextHidden.toArray(), expected.hidden, 2e-6, "h");
    assertClose(states.nextCell.toArray(), expected.cell, 2e-6, "c");
  });
}

test("two halves of a segment give the bits of the whole", () => {
  const [rows, width] = [3, 5];
  const random = new Random(8);
  const [x, u] = [values(rows * 6 * 4 * width, random), values(4 * width * width, random)];
  const read = (from: number, to: number, states: ReturnType<typeof statesOf>) =>
    step(() => {
      const part = Array.from({ length: rows }, (_, row) => [
        ...x.subarray((row * 6 + from) * 4 * width, (row * 6 + to) * 4 * width),
      ]);
      return lstm(tensor(part.flat(), [rows, to - from, 4 * width]), tensor(u, [4 * width, width]), states).toArray();
    });
  const states = statesOf(rows, width);
  const whole = read(0, 6, states);
  const parts = [read(0, 2, states)];
  const { nextHidden: hidden, nextCell: cell } = states;
  parts.push(read(2, 6, { hidden, cell, nextHidden: states.hidden, nextCell: states.cell }));
  for (let row = 0; row < rows; row++) {
    const halves = [2, 4].flatMap((count, n) => [...parts[n].subarray(row * count * width, (row + 1) * count * width)]);
    assert.equal(halves, [...whole.subarray(row * 6 * width, (row + 1) * 6 * width)]);
  }
});

test("gates far from 0 stay finite", () => {
  step(() => {
    const extremes = [-1e30, 1e30, -200, 200].flatMap((value) => [value, 90, -90, 0]);
    const h = lstm(tensor(extremes, [1, 4, 4]), tensor([0, 0, 0, 0], [4, 1]), statesOf(1, 1));
    assert.ok(h.toArray().every((value) => Math.abs(value) <= 1));
  });
});

test("shapes that do not fit are named", () => {
  step(() => {
    const [x, u] = [tensor(new Float32Array(24), [1, 2, 12]), tensor(new Float32Array(36), [12, 3])];
    assert.throws(() => lstm(x, u, statesOf(2, 3)), /lstm: x \[1,2,12\], u \[12,3\] and states \[2,3\]/);
    assert.throws(() => lstm(x, tensor(new Float32Array(8), [4, 2]), statesOf(1, 2)), /must be \[B, T, 4C\]/);
  });
});

test("one thread and two give the same bits", async () => {
  await checkThreads({
    shapes: [
      [17, 5, 28],
      [28, 7],
    ],
    op: (x, u) => lstm(x, u, statesOf(17, 7)),
  });
});
