import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { suite } from "../harness.ts";

const test = suite("random");

test("a small example, written out: the number is a + b + counter, and the state moves on", () => {
  const random = Random.from([1, 2, 3, 4]);
  assert.is(random.uint32(), 7); // 1 + 2 + 4
  assert.equal(random.state(), [2, 27, 6291463, 5]); // 2 ^ (2 >> 9), 3 + (3 << 3), (3 << 21) + 7, 4 + 1
  assert.is(random.uint32(), 34); // 2 + 27 + 5
});

/** sfc32 as its author states it, in integers without end: (a, b, c, counter) → number and next state. */
function* oracle(seed: number, rounds: number): Generator<number> {
  const word = 2n ** 32n;
  let [a, b, c, counter] = [BigInt(seed) % word, BigInt(seed) / word, 0n, 1n];
  for (let round = 0; ; round++) {
    const number = (a + b + counter) % word;
    counter = (counter + 1n) % word;
    a = b ^ (b >> 9n);
    b = (c + (c << 3n)) % word;
    c = ((((c << 21n) | (c >> 11n)) % word) + number) % word;
    if (round >= rounds) yield Number(number);
  }
}

test("the numbers are those of sfc32, sixteen rounds after the seed", () => {
  for (const seed of [0, 1, 42, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    const random = new Random(seed);
    const expected = oracle(seed, 16);
    for (let i = 0; i < 1000; i++) assert.is(random.uint32(), expected.next().value);
  }
});

test("a saved state continues with the same numbers, also through JSON", () => {
  const random = new Random(3);
  for (let drawn = 0; drawn < 20; drawn++) {
    const copy = Random.from(JSON.parse(JSON.stringify(random.state())));
    assert.equal([copy.next(), copy.normal(), copy.uint32()], [random.next(), random.normal(), random.uint32()]);
  }
});

test("uniform numbers lie in [0, 1) and fill it evenly", () => {
  const random = new Random(4);
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) tenths[Math.floor(random.next() * 10)]++;
  assert.is(tenths.length, 10);
  // 10,000 expected in each, standard deviation 95.
  for (const count of tenths) assert.ok(Math.abs(count - 10_000) < 500, `${tenths}`);
});

test("normal numbers have the moments of the normal distribution", () => {
  const random = new Random(5);
  const numbers = Array.from({ length: 100_000 }, () => random.normal());
  const moment = (power: number) => numbers.reduce((sum, x) => sum + x ** power, 0) / numbers.length;
  assert.ok(numbers.every(Number.isFinite));
  assert.ok(Math.abs(moment(1)) < 0.02, `mean ${moment(1)}`);
  assert.ok(Math.abs(moment(2) - 1) < 0.03, `variance ${moment(2)}`);
  assert.ok(Math.abs(moment(3)) < 0.08, `third moment ${moment(3)}`);
  assert.ok(Math.abs(moment(4) - 3) < 0.2, `fourth moment ${moment(4)}`);
});

test("different seeds give different numbers", () => {
  const first = (seed: number) => new Random(seed).uint32();
  assert.is(new Set([0, 1, 2, 3, 2 ** 32, 2 ** 33].map(first)).size, 6);
});
