/** Values in messages: numbers as `Intl` writes them, without starting it. */
import * as assert from "uvu/assert";
import { showNumber } from "../../src/base/show.ts";
import { suite } from "../harness.ts";

const test = suite("numbers in messages");

test("commas stand between the thousands", () => {
  assert.is(showNumber(65536), "65,536");
  assert.is(showNumber(-1234567), "-1,234,567");
  assert.is(showNumber(1234.5), "1,234.5");
  assert.is(showNumber(Number.MAX_VALUE), "1.7976931348623157e+308");
});

test("what needs no exponent is written as Intl writes it", () => {
  const numbers = [
    0,
    1,
    12,
    123,
    999,
    1000,
    1e6,
    2 ** 53 - 1,
    -7,
    -999,
    -1000,
    0.1,
    1e-3,
    0.0001,
    123456.789,
    -1048576.5,
  ];
  for (const value of numbers) {
    assert.is(showNumber(value), value.toLocaleString("en-US", { maximumFractionDigits: 20 }), String(value));
  }
});
