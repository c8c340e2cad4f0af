/** The size that xz would give: next to xz's own where it is installed, and next to what it gave for the page's samples. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Random } from "../../../src/base/random.ts";
import { XzSize } from "../../../src/report/xz/xz-size.ts";
import { suite } from "../../harness.ts";
import { root } from "../../package/tools.ts";

const test = suite("xz's size");
const noXz = spawnSync("xz", ["--version"]).status === 0 ? undefined : "needs xz";

function sizeOf(bytes: Uint8Array): number {
  const xz = new XzSize(bytes);
  while (!xz.complete) xz.advance();
  return xz.size;
}

const textOf = (text: string) => new TextEncoder().encode(text);
const sample = (name: string) => new Uint8Array(readFileSync(join(root, "page/samples", `${name}.txt`)));

function xz(bytes: Uint8Array): number {
  return spawnSync("xz", ["-9e", "--stdout"], { input: bytes, maxBuffer: 2 ** 28 }).stdout.length;
}

test("a small example, written out: eight letters that never occurred cost a byte and a bit each", () => {
  const bits = 8 * (sizeOf(textOf("abcdefgh")) - sizeOf(textOf("")));
  assert.ok(bits >= 8 * 8 && bits <= 8 * (8 * 1.2 + 12), `${bits} bits`); // and the headers of a chunk
});

test("what stood before costs next to nothing, wherever it stood", () => {
  const random = new Random(1);
  const noise = Uint8Array.from({ length: 20_000 }, () => Math.floor(256 * random.next()));
  const once = sizeOf(noise);
  assert.ok(once > 20_000 && once < 20_000 * 1.02 + 80, `${once}`);
  const twice = sizeOf(Uint8Array.from([...noise, ...noise]));
  assert.ok(twice - once < 150, `${twice - once} bytes`); // one match has 273 bytes at most
});

for (const [name, expected] of [
  ["proof", 8896],
  ["latex", 3012],
  ["novel", 20_400],
] as const) {
  test(`${name}: within a hundredth of the ${expected} bytes of xz -9e`, () => {
    const size = sizeOf(sample(name));
    assert.ok(Math.abs(size / expected - 1) < 0.01, `${size} bytes`);
  });

  test.unless(noXz, `${name}: xz -9e still gives ${expected} bytes`, () => assert.is(xz(sample(name)), expected));
}

for (const length of [0, 1, 2, 3, 5, 272, 273, 274, 4095, 4096, 4097, 5000]) {
  test.unless(noXz, `${length} bytes of two kinds are within 16 bytes and a hundredth of xz`, () => {
    for (const bytes of [new Uint8Array(length).fill(97), sample("novel").subarray(0, length)]) {
      const [size, expected] = [sizeOf(bytes), length === 0 ? sizeOf(bytes) : xz(bytes)];
      assert.ok(Math.abs(size - expected) <= 16 + expected / 100, `${size} for ${expected}`);
    }
  });
}
