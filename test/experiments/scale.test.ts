import * as assert from "uvu/assert";
import { parametersFor } from "../../src/experiments/scale.ts";
import { suite } from "../harness.ts";

const test = suite("scale");

/** A curve of perplexity 10 · size^(−1/4), size in millions of parameters. */
const points = [1, 2, 4].map((size) => [size * 1e6, 10 * size ** -0.25] as const);

function assertNear(found: number | undefined, expected: number): void {
  assert.ok(found !== undefined && Math.abs(found / expected - 1) < 1e-9, `${found}, not ${expected}`);
}

test("between 1 parameter at perplexity 4 and 4 parameters at perplexity 1, perplexity 2 takes 2 parameters", () => {
  assertNear(
    parametersFor(
      [
        [1, 4],
        [4, 1],
      ],
      2,
    ),
    2,
  );
});

test("between two points the size is interpolated in logarithms", () => {
  assertNear(parametersFor(points, 10 * 2 ** -0.25), 2e6);
  assertNear(parametersFor(points, 10 * 1.5 ** -0.25), 1.5e6);
  assertNear(parametersFor(points, 10 * 3 ** -0.25), 3e6);
});

test("beyond the last point and before the first, no size is known", () => {
  assert.is(parametersFor(points, 10 * 16 ** -0.25), undefined);
  assert.is(parametersFor(points, 10 * 0.5 ** -0.25), undefined);
});

test("without two points, or where larger models are not better, the size is undefined", () => {
  assert.is(parametersFor(points.slice(0, 1), 5), undefined);
  assert.is(
    parametersFor(
      [
        [1, 5],
        [2, 6],
      ],
      4,
    ),
    undefined,
  );
  const level = [1, 4].map((size) => [size, 5] as const);
  assert.is(parametersFor(level, 5), undefined);
});
