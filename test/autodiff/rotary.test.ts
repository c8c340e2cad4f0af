/** Rotary positions against complex multiplication, at whole and partial widths, and halves around the vector width. */
import * as assert from "uvu/assert";
import { RotaryTable, rotate } from "../../src/autodiff/ops/rotary.ts";
import { assertFiniteTape, step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("rotary positions");

test("a small example, written out: a quarter turn a token takes element 0 to the place of element 2", () => {
  using table = new RotaryTable([Math.PI / 2, 0], 3);
  const turned = step(() => rotate(tensor([1, 2, 3, 4], [1, 1, 4]), 4, table, Int32Array.of(1)).toArray());
  assertClose(turned, [-3, 2, 1, 4], 1e-6, "element 0 and 2 are a pair, 1 and 3 another, which stays");
});

test("a table of chosen positions has a line for each", () => {
  using table = new RotaryTable([Math.PI / 2], [2, 0, 1_000_001]);
  assertClose(table.cos.toArray(), [-1, 1, 0], 1e-6, "half a turn, none, and a quarter after many");
  assertClose(table.sin.toArray(), [0, 0, 1], 1e-6, "sin");
});

const frequenciesOf = (half: number) => Array.from({ length: half }, (_, i) => 100 ** (-i / half));

/** Multiplies each pair, as a complex number, by e^(i · position · frequency). */
function oracle(shape: number[], width: number, half: number, positions: ArrayLike<number>) {
  const [, segment, channels] = shape;
  const frequencies = frequenciesOf(half);
  return (x: Float64Array): Float64Array =>
    x.map((value, i) => {
      const token = Math.floor(i / channels);
      const element = (i % channels) % width;
      if (element >= 2 * half) return value;
      const position = positions[Math.floor(token / segment)] + (token % segment);
      const angle = position * frequencies[element % half];
      const partner = element < half ? -x[i + half] : x[i - half];
      return value * Math.cos(angle) + partner * Math.sin(angle);
    });
}

// [B, T, H, D, R/2]
const cases = [
  [1, 1, 1, 2, 1],
  [2, 3, 2, 6, 3],
  [1, 4, 3, 10, 2],
  [3, 1, 1, 12, 6],
  [1, 5, 2, 16, 4],
  [2, 2, 3, 20, 10],
  [1, 3, 1, 24, 3],
  [2, 7, 1, 64, 32],
  [1, 2, 2, 5, 0],
];
for (const [rows, segment, heads, width, half] of cases) {
  test(`${rows} rows of ${segment} tokens, ${heads} heads of ${width}, of which ${2 * half} turn, match the definition`, () => {
    using table = new RotaryTable(frequenciesOf(half), 40);
    const shape = [rows, segment, heads * width];
    const positions = Int32Array.from({ length: rows }, (_, row) => row * 11);
    checkOp({
      shapes: [shape],
      op: (x) => rotate(x, width, table, positions),
      oracle: oracle(shape, width, half, positions),
    });
  });
}

test("angles are those of float64, however far the position", () => {
  using table = new RotaryTable([1, 1e-3], 100_001);
  const [cos, sin] = [table.cos.toArray(), table.sin.toArray()];
  for (const position of [0, 1, 4095, 65_536, 100_000]) {
    assertClose(
      cos.subarray(2 * position, 2 * position + 2),
      [Math.cos(position), Math.cos(position / 1000)],
      6e-8,
      "cos",
    );
    assertClose(
      sin.subarray(2 * position, 2 * position + 2),
      [Math.sin(position), Math.sin(position / 1000)],
      6e-8,
      "sin",
    );
  }
});

test("positions are read when the op runs; those outside the table, and heads that do not fit, are refused", () => {
  using table = new RotaryTable([1, 1], 4);
  step(() => {
    const x = tensor(new Array(16).fill(1), [2, 2, 4]);
    assert.throws(
      () => rotate(x, 4, table, Int32Array.of(0, 3)),
      /rotate: 2 tokens from position 3 on do not fit a table of 4/,
    );
    assert.throws(() => rotate(x, 4, table, Int32Array.of(-1, 0)), /from position -1 on/);
    assert.throws(() => rotate(x, 4, table, Int32Array.of(0)), /got 1 positions for 2 rows/);
    assert.throws(() => rotate(x, 2, table, Int32Array.of(0, 0)), /must be \[B, T, H · 2\], and 4 elements/);
    assert.throws(() => rotate(x, 3, table, Int32Array.of(0, 0)), /must be \[B, T, H · 3\]/);
  });
});

test("a NaN is named by its op", () => {
  using table = new RotaryTable([1], 1);
  step(() => {
    rotate(tensor([1, Number.NaN], [1, 1, 2]), 2, table, Int32Array.of(0));
    assert.throws(assertFiniteTape, /the output of rotate is not finite/);
  });
});
