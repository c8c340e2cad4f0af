/** The parts of a report's text: whole lines, found by the ends of tokens. */
import * as assert from "uvu/assert";
import { partBounds } from "../../../src/report/html/client/text-view.ts";
import { suite } from "../../harness.ts";

const test = suite("parts of a text");

/** A text of these tokens. */
function textOf(tokens: readonly string[]) {
  const end = (token: number) => tokens.slice(0, token + 1).join("").length;
  return { text: tokens.join(""), length: tokens.length, end };
}

test("parts end with a line, have enough tokens, and a line that is too long is broken", () => {
  const tokens = ["a", "b\n", "c", "d\n", "e", "f", "g\n\n", "h", "i", "j", "k", "l\n", "m"];
  const bounds = partBounds(textOf(tokens), 3, 4);
  assert.equal(bounds, [
    [0, 4],
    [4, 7],
    [7, 11],
    [11, 13],
  ]);
});

test("a token that only contains the end of a line does not end a part", () => {
  assert.equal(partBounds(textOf(["a\nb", "c", "d\n", "e"]), 1, 9), [
    [0, 3],
    [3, 4],
  ]);
});

test("no token, one, and exactly as many as a part may have", () => {
  assert.equal(partBounds(textOf([]), 2, 3), []);
  assert.equal(partBounds(textOf(["a"]), 2, 3), [[0, 1]]);
  assert.equal(partBounds(textOf(["a", "b", "c"]), 2, 3), [[0, 3]]);
  assert.equal(partBounds(textOf(["a", "b", "c", "d"]), 2, 3), [
    [0, 3],
    [3, 4],
  ]);
});
