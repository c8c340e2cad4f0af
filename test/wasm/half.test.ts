/** Half floats, all 65,536 of them, and the rounding of floats to them. */
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { asFloats, asHalves } from "../../src/wasm/half.ts";
import { heap, kernels } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";

const test = suite("half floats");

test("a small example, written out: 1, −2, the largest half, and what is beyond it", () => {
  const halves = asHalves(Float32Array.of(1, -2, 65_504, 1e9));
  assert.equal([...halves], [0x3c00, 0xc000, 0x7bff, 0x7bff]);
  assert.equal([...asFloats(halves)], [1, -2, 65_504, 65_504]);
});

const SIGN = 0x8000;
const INFINITY = 0x7c00;
const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

/** Returns the number of a bit pattern, by the standard. */
function numberOf(bits: number): number {
  const sign = bits & SIGN ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Returns the half nearest to x, as a number: a multiple of a unit given by the exponent, ties to the even multiple. */
function nearestHalf(x: number): number {
  const size = Math.min(Math.abs(x), 65_504);
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const unit = 2 ** (exponent - 10);
  const below = Math.floor(size / unit);
  const above = size / unit - below;
  const rounded = above > 0.5 || (above === 0.5 && below % 2 === 1) ? below + 1 : below;
  return (x < 0 || Object.is(x, -0) ? -1 : 1) * rounded * unit;
}

/** Asserts that each float becomes the expected half, including the sign of zero. */
function assertRounds(floats: Float32Array, expected: ArrayLike<number>): void {
  const actual = asFloats(asHalves(floats));
  const wrong = actual.findIndex((half, i) => !Object.is(half, expected[i]));
  if (wrong >= 0) assert.unreachable(`${floats[wrong]} became ${actual[wrong]}, not ${expected[wrong]}`);
}

/** Returns the float that is `steps` floats above a positive one. */
function neighbour(x: number, steps: number): number {
  const bits = new Int32Array(Float32Array.of(x).buffer);
  return new Float32Array(Int32Array.of(bits[0] + steps).buffer)[0];
}

test("every half widens to the number that the standard gives", () => {
  const floats = asFloats(all);
  for (const bits of all) {
    assert.ok(
      Object.is(floats[bits], numberOf(bits)),
      `${bits.toString(16)} is ${floats[bits]}, not ${numberOf(bits)}`,
    );
  }
});

test("every half survives a round trip, except that infinities become the largest number and every NaN one NaN", () => {
  const halves = asHalves(asFloats(all));
  for (const bits of all) {
    const size = bits & ~SIGN;
    const expected = size < INFINITY ? bits : size === INFINITY ? bits - 1 : 0x7e00;
    const actual = size > INFINITY ? halves[bits] & ~SIGN : halves[bits]; // the sign of a NaN does not matter
    assert.is(actual, expected, bits.toString(16));
  }
});

test("between neighbouring halves, the midpoint rounds to the even one, and other floats to the nearer one", () => {
  const lower = all.subarray(0, INFINITY - 1); // 0 to the second-largest finite half
  const middles = Float32Array.from(lower, (bits) => (numberOf(bits) + numberOf(bits + 1)) / 2);
  const even = Float64Array.from(lower, (bits) => numberOf(bits + (bits & 1)));
  assertRounds(middles, even);
  assertRounds(
    middles.map((x) => -x),
    even.map((x) => -x),
  );
  assertRounds(
    middles.map((x) => neighbour(x, -1)),
    Float64Array.from(lower, numberOf),
  );
  assertRounds(
    middles.map((x) => neighbour(x, 1)),
    Float64Array.from(lower, (bits) => numberOf(bits + 1)),
  );
});

test("floats of any size become the nearest half; larger ones become the largest half", () => {
  const random = new Random(1);
  const finite = new Float32Array(Uint32Array.from({ length: 200_003 }, () => random.uint32()).buffer).map((x) =>
    Number.isFinite(x) ? x : 1,
  );
  assertRounds(finite, Float64Array.from(finite, nearestHalf));
  const near = Float32Array.from({ length: 50_001 }, () => random.normal() * 2 ** ((random.uint32() % 36) - 26));
  assertRounds(near, Float64Array.from(near, nearestHalf));
  assertRounds(
    Float32Array.of(65_504, 65_519, 65_520, 1e9, -1e38, Infinity, -Infinity),
    [65_504, 65_504, 65_504, 65_504, -65_504, 65_504, -65_504],
  );
  assert.ok(Number.isNaN(asFloats(asHalves(Float32Array.of(Number.NaN)))[0]));
});

for (const n of [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 31]) {
  test(`${n} numbers at odd addresses are converted, and their neighbours are untouched`, () => {
    const random = new Random(n);
    const floats = Float32Array.from({ length: n }, () => random.normal());
    const address = heap.allocate(512);
    heap.u8(address, 512).fill(0xa5);
    const [atFloats, atHalves, atBack] = [address + 12, address + 202, address + 300];
    heap.f32(atFloats, n).set(floats);
    kernels.pack_half(atHalves, atFloats, n);
    kernels.unpack_half(atBack, atHalves, n);
    assert.equal([...heap.f32(atBack, n)], [...floats].map(nearestHalf));
    const guard = [atHalves - 1, atHalves + 2 * n, atBack - 1, atBack + 4 * n];
    assert.equal(
      guard.map((at) => heap.u8(at, 1)[0]),
      [0xa5, 0xa5, 0xa5, 0xa5],
    );
    heap.release(address);
  });
}

for (const n of [65_535, 65_536, 65_537, 131_079]) {
  test(`an array of ${n} is converted piece by piece`, () => {
    const halves = Uint16Array.from({ length: n }, (_, i) => (i * 7) % INFINITY);
    assert.equal(asHalves(asFloats(halves)), halves);
  });
}

test("numbers that already have the right type are not copied", () => {
  const [floats, halves] = [Float32Array.of(1), Uint16Array.of(1)];
  assert.is(asFloats(floats), floats);
  assert.is(asHalves(halves), halves);
});
