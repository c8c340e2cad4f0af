import * as assert from "uvu/assert";
import { decodeUnicode } from "../../src/base/unicode.ts";
import { suite } from "../harness.ts";
import { SAMPLES } from "../text/samples.ts";

const test = suite("unicode");

test("a small example, written out: aé as UTF-8, and as UTF-16 in both orders", () => {
  assert.is(decodeUnicode(Uint8Array.of(0x61, 0xc3, 0xa9)), "aé");
  assert.is(decodeUnicode(Uint8Array.of(0xff, 0xfe, 0x61, 0, 0xe9, 0)), "aé");
  assert.is(decodeUnicode(Uint8Array.of(0xfe, 0xff, 0, 0x61, 0, 0xe9)), "aé");
});

/** UTF-16 with its mark. */
function utf16(text: string, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(2 * text.length + 2);
  const view = new DataView(bytes.buffer);
  for (const [i, unit] of [0xfeff, ...Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))].entries()) {
    view.setUint16(2 * i, unit, littleEndian);
  }
  return bytes;
}

test("UTF-16 with a byte order mark is read to the letter in both orders, without the mark", () => {
  for (const [title, text] of Object.entries({ ...SAMPLES, nothing: "", mark: "\ufeff", pair: "🙂\r\n" })) {
    assert.is(decodeUnicode(utf16(text, true)), text, title);
    assert.is(decodeUnicode(utf16(text, false)), text, title);
  }
});

test("UTF-8 keeps its mark, which is a character of the text", () => {
  assert.is(decodeUnicode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
});

test("half a unit and half a pair of UTF-16 are found, each in its place", () => {
  for (const littleEndian of [true, false]) {
    const faults: [Uint8Array, number][] = [
      [utf16("ab", littleEndian).subarray(0, 5), 4],
      [utf16("a\ud83d", littleEndian), 4],
      [utf16("a\ud83db", littleEndian), 4],
      [utf16("a\ude42", littleEndian), 4],
      [utf16("🙂\ud83d\ud83d", littleEndian), 6],
      [utf16("ab\ud83d\ude42", littleEndian).subarray(0, 9), 6],
    ];
    for (const [bytes, offset] of faults) assert.equal(decodeUnicode(bytes), { encoding: "UTF-16", offset });
  }
});

test("a fault of UTF-8 is found in its place", () => {
  assert.equal(decodeUnicode(Uint8Array.of(0x61, 0xe2, 0x82, 0x61)), { encoding: "UTF-8", offset: 1 });
});
