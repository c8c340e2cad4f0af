/** Softmax against its definition, at widths around the vector width and the unrolling, and where it could overflow. */
import * as assert from "uvu/assert";
import { softmax } from "../../src/autodiff/ops/softmax.ts";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { kernels } from "../../src/wasm/runtime.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("softmax op");

test("a small example, written out: ln 3 weighs three times as much as 0, and −∞ nothing", () => {
  step(() => {
    const y = softmax(tensor([0, Math.log(3), -Infinity, 0], [2, 2]));
    assertClose(y.toArray(), [0.25, 0.75, 0, 1], 1e-6, "softmax");
  });
});

/** Computes e^(x − max) / Σ e^(x − max) for rows of `width`. */
function softmaxOracle(width: number): (x: Float64Array) => Float64Array {
  return (x) => {
    const y = x.slice();
    for (let at = 0; at < x.length; at += width) {
      const row = y.subarray(at, at + width);
      const most = Math.max(...row);
      const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
      row.forEach((value, i) => {
        row[i] = Math.exp(value - most) / sum;
      });
    }
    return y;
  };
}

const values = (x: readonly number[], shape?: number[]) => step(() => Array.from(softmax(tensor(x, shape)).toArray()));

for (const [rows, width] of [
  [1, 1],
  [3, 2],
  [2, 3],
  [5, 4],
  [1, 5],
  [4, 7],
  [3, 15],
  [3, 16],
  [2, 17],
  [1, 31],
  [2, 67],
]) {
  test(`softmax matches its definition and its gradients for ${rows} rows of ${width}`, () => {
    checkOp({ shapes: [[rows, width]], op: softmax, oracle: softmaxOracle(width) });
  });
}

test("each element is within 5e-7 of the true one, relative, over e^-80 to 1", () => {
  const random = new Random(3);
  const x = Float32Array.from({ length: 20_001 }, () => -80 * random.next());
  x[777] = 0;
  const expected = softmaxOracle(x.length)(Float64Array.from(x));
  const actual = step(() => softmax(tensor(x)).toArray());
  const scale = actual[777] / expected[777]; // the rounding of the sum, common to all elements
  assert.ok(Math.abs(scale - 1) < 5e-6, `the sum is off by ${scale}`);
  const worst = actual.reduce((most, y, i) => Math.max(most, Math.abs(y / expected[i] / scale - 1)), 0);
  assert.ok(worst < 5e-7, `relative error ${worst}`);
});

test("tensors without rows or without columns are accepted", () => {
  assert.equal(values([], [0, 5]), []);
  assert.equal(values([], [3, 0]), []);
});

test("masked elements are exactly 0, and so is a row that is masked entirely", () => {
  const no = Number.NEGATIVE_INFINITY;
  assert.equal(values([no, 5, no, no, no], [1, 5]), [0, 1, 0, 0, 0]);
  assert.equal(values([no, no, no, 1, no, 1], [2, 3]), [0, 0, 0, 0.5, 0, 0.5]);
  assert.equal(values([no], [1, 1]), [0]);
});

test("the largest element is found at any place", () => {
  for (const width of [1, 3, 4, 15, 16, 37]) {
    for (let i = 0; i < width; i++) {
      const oneHot = Array.from({ length: width }, (_, j) => (i === j ? 1 : 0));
      assert.equal(values(oneHot.map((hot) => 1e4 * hot)), oneHot);
    }
  }
});

test("large inputs do not overflow, distant ones become exactly 0, a NaN stays in its row", () => {
  assert.equal(values([3e38, -3e38, 3e38, 0]), [0.5, 0, 0.5, 0]);
  assert.equal(values([0, -89]), [1, 0]);
  assert.equal(values([Number.NaN, 1, 2, 2], [2, 2]), [Number.NaN, Number.NaN, 0.5, 0.5]);
});

test("the kernel works in place", () => {
  step(() => {
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [2, 5]);
    const y = softmax(x).toArray();
    kernels.softmax_forward(x.ptr, x.ptr, 5, 0, 2);
    assert.equal(x.toArray(), y);
  });
});
