import * as assert from "uvu/assert";
import { TokenStream, tokenTexts } from "../../src/text/token-stream.ts";
import { byteTokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { fallbackJson } from "./samples.ts";

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

/** A tokenizer as Llama's: its decoder drops the space that is put before a text. */
const spaced = tokenizerFromJson(fallbackJson(), "small");
const [BEGIN, SPACE, HI, SPACE_HI] = [1, 259, 262, 263];
const byteIds = (text: string) => Array.from(new TextEncoder().encode(text), (byte) => 3 + byte);

/** What the tokens `ids` write behind `prompt`, in the pieces that come. */
function continued(prompt: number[], ids: number[], tokenizer = spaced): string[] {
  const stream = new TokenStream(tokenizer);
  stream.follow(Int32Array.from(prompt));
  return [...ids.map((id) => stream.push(id)), stream.flush()];
}

test("a text begins without the space that its tokenizer put there, and a continuation keeps its own", () => {
  assert.equal(continued([], [SPACE_HI, SPACE_HI]), ["hi", " hi", ""]);
  assert.equal(continued([BEGIN, SPACE_HI], [SPACE_HI]), [" hi", ""]);
  assert.equal(continued([BEGIN], [SPACE_HI]), ["hi", ""]);
  assert.equal(continued([BEGIN, SPACE], [HI, SPACE_HI]), ["hi", " hi", ""]);
});

test("what a prompt and its continuation say together, less what the prompt says, is what the stream writes", () => {
  const prompts = [[SPACE_HI], [BEGIN, SPACE_HI, ...byteIds("é")], [SPACE, ...byteIds("\n")], [SPACE]];
  const texts = [[SPACE_HI], [HI, SPACE_HI], [...byteIds("é"), SPACE_HI], [SPACE, SPACE_HI], []];
  for (const prompt of prompts) {
    for (const ids of texts) {
      const [before, all] = [prompt, [...prompt, ...ids]].map((tokens) => spaced.decode(tokens, { special: false }));
      assert.is(before + continued(prompt, ids).join(""), all);
    }
  }
});

test("a character that the prompt begins is completed, and none of the prompt's own comes twice", () => {
  for (const tokenizer of [spaced, byteTokenizer()]) {
    const bytes = (text: string) => (tokenizer === spaced ? byteIds(text) : [...new TextEncoder().encode(text)]);
    const [first, second, third, last] = bytes("😀");
    assert.is(continued([...bytes("é"), first, second], [third, last], tokenizer).join(""), "😀");
    assert.is(continued(bytes("é"), bytes("h"), tokenizer).join(""), "h");
    assert.is(continued(bytes("aé"), bytes("é"), tokenizer).join(""), "é");
    assert.is(
      continued([...bytes("é"), first], [bytes("h")[0]], tokenizer)
        .join("")
        .at(0),
      "\ufffd",
    );
  }
});
