/** The speed of a configuration at the end of a document, and the fit of how costs grow. */
import * as assert from "uvu/assert";
import { growthExponent, speedAt } from "../../../src/experiments/lab/speed.ts";
import { trainingBytes } from "../../../src/train/bytes.ts";
import { heap } from "../../../src/wasm/runtime.ts";
import { suite } from "../../harness.ts";
import { tinyConfig } from "../../tiny.ts";

const test = suite("speed");

test("an example: what does not grow has the exponent 0, a line 1, its square 2, its root 0.5", () => {
  const lengths = [512, 1024, 2048, 4096, 8192];
  for (const a of [0, 0.5, 1, 2, -1]) {
    const costs = lengths.map((n) => 7 * n ** a);
    assert.ok(Math.abs(growthExponent(lengths, costs) - a) < 1e-12, `${a}`);
  }
  assert.ok(Math.abs(growthExponent([1, 2], [3, 3.3]) - Math.log2(1.1)) < 1e-12);
});

test("a fit lies between its points: a cost of which a half grows as n does", () => {
  const lengths = [512, 1024, 2048, 4096, 8192];
  const exponent = growthExponent(
    lengths,
    lengths.map((n) => 1 + n / 512),
  );
  assert.ok(exponent > 0.5 && exponent < 1, `${exponent}`);
});

test("a model is timed behind documents of any length, and its bytes are those of a state of one row", () => {
  const config = tinyConfig({ mechanism: "window", mechanism_window: 5, memory_layers: [] });
  const bytes = heap.bytesInUse;
  for (const length of [1, 7, 20]) {
    const speed = speedAt(config, length);
    assert.ok(speed.training > 0 && speed.training < 1, `${speed.training} s a token`);
    assert.ok(speed.generating > 0 && speed.generating < 1, `${speed.generating} s a token`);
    assert.is(speed.bytes, trainingBytes(config, { batchSize: 1 }).memories);
  }
  assert.ok(heap.bytesInUse - bytes < 2 ** 20, "models and states are released");
});

test("a larger state has more bytes", () => {
  const [small, large] = [0, 64].map((memory_size) => speedAt(tinyConfig({ memory_size }), 20).bytes);
  assert.ok(large > small);
});
