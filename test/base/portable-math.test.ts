import * as assert from "uvu/assert";
import { digest } from "../../src/base/digest.ts";
import { cos, exp, log, power } from "../../src/base/portable-math.ts";
import { Random } from "../../src/base/random.ts";
import { suite } from "../harness.ts";

const test = suite("portable math");

test("a small example, written out", () => {
  assert.equal([exp(0), log(1), cos(0)], [1, 0, 1]);
  assert.equal([power(2, 0), power(2, 1), power(2, 10), power(0.5, 3)], [1, 2, 1024, 0.125]);
});

const random = new Random(3);
const between = (low: number, high: number) =>
  Array.from({ length: 3000 }, () => low + (high - low) * ((random.next() * 2 ** 21 + random.next()) / 2 ** 21));

/** Largest distance of `ours` from `theirs`, relative to theirs or to `least`. */
function error(numbers: number[], ours: (x: number) => number, theirs: (x: number) => number, least = 0): number {
  return Math.max(...numbers.map((x) => Math.abs(ours(x) - theirs(x)) / Math.max(least, Math.abs(theirs(x)))));
}

test("exp, log and cos are those of the engine, but for the last bits", () => {
  assert.ok(error(between(-20, 20), exp, Math.exp) < 1e-15);
  assert.ok(error(between(-700, 700), exp, Math.exp) < 4e-15);
  assert.ok(error(between(1e-9, 1), log, Math.log, 1e-3) < 1e-15);
  assert.ok(error(between(1, 1e12), log, Math.log) < 1e-15);
  assert.ok(error(between(0, 2 * Math.PI), cos, Math.cos, 1) < 1e-15);
  assert.ok(error(between(-50, 50), cos, Math.cos, 1) < 2e-14);
});

test("whole powers are those of the engine, but for the last bits", () => {
  const whole = Array.from({ length: 300 }, (_, n) => n * 7);
  assert.ok(
    error(
      whole,
      (n) => power(0.98, n),
      (n) => 0.98 ** n,
    ) < 1e-12,
  );
  assert.ok(
    error(
      whole.slice(0, 60),
      (n) => power(1.7, -n),
      (n) => 1.7 ** -n,
    ) < 1e-12,
  );
  for (const n of [0, 1, -1, 52, 1023, -1022]) assert.is(power(2, n), 2 ** n);
});

test("exact results come out exactly, also at the ends of the range", () => {
  assert.equal([exp(0), log(1), cos(0), power(3, 4), power(7, 0)], [1, 0, 1, 81, 1]);
  assert.equal([exp(-Infinity), exp(-800), exp(800), exp(Infinity)], [0, 0, Infinity, Infinity]);
  assert.ok(Number.isNaN(exp(Number.NaN)));
  assert.ok(exp(709.7) < Infinity && exp(-744) > 0);
  assert.ok(Math.abs(log(5e-324) - Math.log(5e-324)) < 1e-12);
});

test("the bits are the same in every engine", () => {
  const numbers = [
    between(-30, 30).map(exp),
    between(1e-6, 9).map(log),
    between(0, 7).map(cos),
    between(-2, 2).map((x) => power(x, 9)),
  ];
  assert.is(digest([new Uint8Array(Float64Array.from(numbers.flat()).buffer)]), "da21800d758f7012");
});
