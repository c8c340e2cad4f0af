import * as assert from "uvu/assert";
import { TokenStream, tokenTexts } from "../../src/text/token-stream.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";

const test = suite("token stream");

/** The text that each byte of `bytes` releases, then the text that the end releases. */
function released(bytes: Iterable<number>): string[] {
  const stream = new TokenStream(byteTokenizer());
  return [...Array.from(bytes, (byte) => stream.push(byte)), stream.flush()];
}

test("a character appears with its last byte, not before", () => {
  assert.equal(released(new TextEncoder().encode("aé😀")), ["a", "", "é", "", "", "", "😀", ""]);
});

test("a byte order mark is text like any other", () => {
  assert.equal(released([0xef, 0xbb, 0xbf, 0x61]), ["", "", "\ufeff", "a", ""]);
});

test("a character that is never completed becomes a replacement character at the end", () => {
  assert.equal(released([0x61, 0xf0, 0x9f]), ["a", "", "", "\ufffd"]);
});

test("a byte that cannot follow releases a replacement character at once", () => {
  assert.equal(released([0xc3, 0x61]), ["", "\ufffda", ""]);
});

test("after the end the stream starts again", () => {
  const stream = new TokenStream(byteTokenizer());
  stream.push(0xf0);
  assert.is(stream.flush(), "\ufffd");
  assert.is(stream.push(0x61), "a");
});

test("the texts of tokens are the text together, whatever tokens share a character", () => {
  const texts = (bytes: number[]) => tokenTexts(byteTokenizer(), Int32Array.from(bytes));
  assert.equal(texts([...new TextEncoder().encode("aé😀")]), ["a", "", "é", "", "", "", "😀"]);
  assert.equal(texts([0x61, 0xf0, 0x9f]), ["a", "", "\ufffd"]);
  assert.equal(texts([]), []);
});
