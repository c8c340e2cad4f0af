/** The frame of keys: their centre, and factors that use the whole range of the integers. */
import * as assert from "uvu/assert";
import { Random } from "../../../src/base/random.ts";
import { type Frame, frameOf } from "../../../src/memory/search/key-frames.ts";
import { suite } from "../../harness.ts";

const test = suite("key frames");

/** ‖f (k − c)‖ of each key [n, D]. */
function lengthsIn({ factors, centre }: Frame, keys: Float32Array): number[] {
  const width = centre.length;
  return Array.from({ length: keys.length / width }, (_, n) =>
    Math.hypot(...keys.subarray(n * width, (n + 1) * width).map((x, d) => factors[d] * (x - centre[d]))),
  );
}

test("a small example, written out: two keys whose second component varies four times as much", () => {
  const keys = Float32Array.of(11, 4, 9, -4);
  const { factors, centre, longest } = frameOf(keys, 2);
  assert.equal([...centre], [10, 0]);
  assert.ok(Math.abs(factors[0] / factors[1] - 2) < 1e-6, "factors are the inverse roots of the spreads 1 and 4");
  assert.ok(Math.abs(Math.hypot(factors[0], 4 * factors[1]) - 1 / 1.1) < 1e-6);
  assert.ok(Math.abs(longest - (1.01 + 10 * factors[0])) < 1e-6);
});

test("the longest key has the length 1 / 1.1, wherever the centre is and whatever the spreads are", () => {
  const random = new Random(1);
  for (const width of [1, 3, 64]) {
    const centre = Float32Array.from({ length: width }, () => 300 * random.normal());
    const keys = Float32Array.from({ length: 50 * width }, (_, i) => {
      return centre[i % width] + random.normal() * 10 ** ((i % width) % 3);
    });
    const most = Math.max(...lengthsIn(frameOf(keys, width), keys));
    assert.ok(Math.abs(most * 1.1 - 1) < 1e-3, `${width}: ${most}`);
  }
});

test("one key, equal keys and keys of nothing have a frame of finite numbers", () => {
  for (const keys of [
    [3, -4],
    [3, -4, 3, -4],
    [0, 0],
  ].map((numbers) => Float32Array.from(numbers))) {
    const { factors, centre, longest } = frameOf(keys, 2);
    assert.ok([...factors, ...centre, longest].every(Number.isFinite));
    assert.ok(lengthsIn({ factors, centre, longest }, keys).every((length) => length <= 1));
  }
});
