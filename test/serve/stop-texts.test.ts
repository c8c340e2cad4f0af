/** Stop texts in a text that arrives in pieces. */
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { StopTexts } from "../../src/serve/stop-texts.ts";
import { suite } from "../harness.ts";

const test = suite("stop texts");

/** What comes out of each piece, and in the end. */
function through(stops: readonly string[], pieces: readonly string[]): string[] {
  const filter = new StopTexts(stops);
  return [...pieces.map((piece) => filter.push(piece)), filter.flush()];
}

test("a small example, written out: what may begin a stop text waits for the next piece", () => {
  assert.equal(through(["END"], ["a E", "N", "x", "EN", "D b", "c"]), ["a ", "", "ENx", "", "", "", ""]);
});

test("without stop texts every piece comes out as it is", () => {
  assert.equal(through([], ["a", "", "END"]), ["a", "", "END", ""]);
});

test("the end of a text that was no stop text comes out last", () => {
  assert.equal(through(["\n\n"], ["a\n"]), ["a", "\n"]);
});

test("of several stop texts the first in the text counts", () => {
  assert.equal(through(["yy", "x"], ["ayxyy"]), ["ay", ""]);
  const filter = new StopTexts(["yy", "x"]);
  assert.not(filter.ended);
  filter.push("x");
  assert.ok(filter.ended);
});

test("one that begins again within itself is found", () => {
  assert.equal(through(["aab"], ["a", "a", "a", "b"]).join(""), "a");
});

test("random texts in random pieces end where the whole text has its first stop text", () => {
  const random = new Random(3);
  const word = (most: number) =>
    Array.from({ length: 1 + random.next() * most }, () => "ab"[Math.floor(random.next() * 2)]);
  for (let i = 0; i < 500; i++) {
    const [text, stop] = [word(30).join(""), word(4).join("")];
    const pieces: string[] = [];
    for (let at = 0; at < text.length; at += pieces.at(-1)!.length)
      pieces.push(text.slice(at, at + 1 + random.next() * 4));
    assert.is(through([stop], pieces).join(""), text.split(stop)[0], `${pieces} ${stop}`);
  }
});
