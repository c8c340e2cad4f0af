import * as assert from "uvu/assert";
import { parametersFor } from "../../src/experiments/scale.ts";
import { suite } from "../harness.ts";

const test = suite("scale");

/** Perplexity falls by a tenth of its logarithm's base at every doubling. */
const points = [1, 2, 4].map((size) => [size * 1e6, 10 * size ** -0.25] as const);

function assertNear(found: number | undefined, expected: number): void {
  assert.ok(found !== undefined && Math.abs(found / expected - 1) < 1e-9, `${found}, not ${expected}`);
}

test("a perplexity of a curve belongs to the size between its points, in logarithms", () => {
  assertNear(parametersFor(points, 10 * 2 ** -0.25), 2e6);
  assertNear(parametersFor(points, 10 * 1.5 ** -0.25), 1.5e6);
  assertNear(parametersFor(points, 10 * 3 ** -0.25), 3e6);
});

test("beyond the last point the curve goes on as it did, and before the first as it begins", () => {
  assertNear(parametersFor(points, 10 * 16 ** -0.25), 16e6);
  assertNear(parametersFor(points, 10 * 0.5 ** -0.25), 0.5e6);
});

test("nothing is said of one point, or where larger models are no better", () => {
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
});
