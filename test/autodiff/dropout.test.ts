/** Dropout: how often it drops, that masks look independent, and that the backward drops what the forward dropped. */
import * as assert from "uvu/assert";
import { dropout } from "../../src/autodiff/ops/elementwise.ts";
import { backward, step, tape } from "../../src/autodiff/tape.ts";
import { parameter, stepTensor, tensor } from "../../src/autodiff/tensor.ts";
import { suite } from "../harness.ts";

const test = suite("dropout");

test("a small example, written out: at p = ½, the kept elements double and the others become 0", () => {
  step(() => assert.equal([...dropout(tensor([1, 2, 3, 4, 5, 6]), 0.5, 1).toArray()], [0, 4, 6, 8, 0, 12]));
});

/** Returns the mask: 1 where element i of n is kept, else 0. */
function mask(n: number, p: number, key: number): Uint8Array {
  return step(() => Uint8Array.from(dropout(stepTensor([n]).fill(1), p, key).toArray(), (y) => (y === 0 ? 0 : 1)));
}

/** Returns |observed − expected| in standard deviations of `n` coin flips with probability `expected`. */
function deviations(observed: number, expected: number, n: number): number {
  return Math.abs(observed - expected) / Math.sqrt((expected * (1 - expected)) / n);
}

const mean = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

test("keeps a share of 1 − p, scaled by 1 / (1 − p)", () => {
  const n = 200_003;
  for (const p of [0.05, 0.25, 0.5, 0.9, 0.999]) {
    const kept = mask(n, p, 12345);
    assert.ok(deviations(mean(kept), 1 - p, n) < 4, `p = ${p}: kept ${mean(kept)}`);
    const values = step(() => dropout(stepTensor([n]).fill(3), p, 12345).toArray());
    for (const y of values) assert.ok(y === 0 || Math.abs(y - 3 / (1 - p)) < 1e-5 / (1 - p), `p = ${p}: ${y}`);
  }
});

test("the same key drops the same elements whatever the length and the place in memory", () => {
  const long = mask(1001, 0.3, 7);
  for (const n of [0, 1, 2, 3, 4, 5, 17, 1000]) {
    assert.equal(mask(n, 0.3, 7), long.slice(0, n));
    step(() => {
      stepTensor([n + 1]);
      const y = dropout(stepTensor([n]).fill(1), 0.3, 7).toArray();
      assert.equal(
        Uint8Array.from(y, (value) => (value === 0 ? 0 : 1)),
        long.slice(0, n),
      );
    });
  }
});

/** Computes lowbias32, with `middle` added before the last round. */
function lowbias32(x: number, middle = 0): number {
  let h = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  h = Math.imul((h ^ (h >>> 15)) + middle, 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

test("an element is dropped if its hash with both halves of the key is below p · 2³²", () => {
  const [n, p] = [1003, 0.3];
  for (const key of [0, 1, 77, -5, 0x7fffffff]) {
    const [first, second] = [lowbias32(key), lowbias32(~key)];
    const expected = Uint8Array.from({ length: n }, (_, i) =>
      lowbias32((first + i) | 0, second) < Math.floor(p * 2 ** 32) ? 0 : 1,
    );
    assert.equal(mask(n, p, key), expected, `key ${key}`);
  }
});

test("neighbouring keys, neighbouring elements and shifted masks agree as often as independent coins", () => {
  const n = 100_000;
  const agreement = (a: Uint8Array, b: Uint8Array) => mean(a.map((value, i) => (value === b[i] ? 1 : 0)));
  for (const key of [0, 1, 2, 1000, -1, 0x7fffffff]) {
    const kept = mask(n, 0.5, key);
    for (const other of [key + 1, key ^ 0x10000, -key - 1, key + 0x9e3779b9]) {
      const shared = agreement(kept, mask(n, 0.5, other));
      assert.ok(deviations(shared, 0.5, n) < 5, `keys ${key} and ${other}: ${shared}`);
    }
    const next = mask(n, 0.5, key + 1);
    for (const shift of [1, 2, 3, 4]) {
      const shared = agreement(kept.subarray(shift), next.subarray(0, n - shift));
      assert.ok(deviations(shared, 0.5, n - shift) < 5, `keys ${key} and ${key + 1}, ${shift} apart: ${shared}`);
    }
    for (const distance of [1, 2, 3, 4, 8, 64, 256, 4096]) {
      const shared = agreement(kept.subarray(distance), kept.subarray(0, n - distance));
      assert.ok(deviations(shared, 0.5, n - distance) < 5, `key ${key}, ${distance} apart: ${shared}`);
    }
  }
});

test("the backward passes exactly the elements that the forward passed, and adds to the gradient", () => {
  for (const n of [1, 3, 4, 7, 64, 101]) {
    const x = parameter([n]).fill(1);
    x.grad!.fill(0.5);
    const y = step(() => {
      const y = dropout(x, 0.4, 99);
      backward(y, new Float32Array(n).fill(1));
      return y.toArray();
    });
    x.grad!.toArray().forEach((gradient, i) => void assert.ok(Math.abs(gradient - 0.5 - y[i]) < 1e-6));
  }
});

test("p = 0 returns the tensor itself and records nothing; p outside [0, 1) is refused", () => {
  step(() => {
    const x = tensor([1, 2, 3]);
    assert.is(dropout(x, 0, 1), x);
    assert.is(tape().length, 0);
    for (const p of [1, -0.1, Number.NaN])
      assert.throws(() => dropout(x, p, 1), /^p: got .*; it must be a number from 0 to below 1$/);
  });
});
