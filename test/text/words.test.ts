import * as assert from "uvu/assert";
import { wordsOfTokens } from "../../src/text/words.ts";
import { suite } from "../harness.ts";

const test = suite("words");

/** `text:kind` of each token's word. */
function words(...texts: string[]): string[] {
  return wordsOfTokens(texts).map(({ text, kind }) => `${text}:${kind}`);
}

test("every kind of word is told apart", () => {
  assert.equal(words("Über", " maxTokens", " x_1", " snake_case", "\n  ", "3.14", " \\alpha", "_", "{", " ", " a"), [
    "Über:word",
    "maxTokens:identifier",
    "x_1:identifier",
    "snake_case:identifier",
    "\n  :line break",
    "3.14:number",
    "\\alpha:LaTeX command",
    "_:punctuation",
    "{:punctuation",
    "  :space",
    "a:word",
  ]);
});

test("the pieces of a word belong to it, as one object", () => {
  const [read, doc, ument, bracket] = wordsOfTokens(["read", "Doc", "ument", "("]);
  assert.equal(read, doc);
  assert.is(read, doc);
  assert.is(read, ument);
  assert.equal([read.text, read.kind], ["readDocument", "identifier"]);
  assert.equal([bracket.text, bracket.kind], ["(", "punctuation"]);
});

test("a token belongs to the word of its first visible character", () => {
  assert.equal(words(" \n\t", " foo", "();", "\n", "bar"), [
    " \n\t :line break",
    "foo:word",
    "(:punctuation",
    "\n:line break",
    "bar:word",
  ]);
});

test("a name in capitals, or with only its first, is a word", () => {
  assert.equal(words("NASA", " Hilbert"), ["NASA:word", "Hilbert:word"]);
});

test("a token without characters of its own is of the word that follows or goes on there", () => {
  assert.equal(words("a", " ", "", "é", ""), ["a:word", " :space", "é:word", "é:word", "é:word"]);
});

test("no tokens have no words, and empty texts none to speak of", () => {
  assert.equal(words(), []);
  assert.equal(words("", ""), [":space", ":space"]);
});

test("a line of underscores is so many signs, however long it is", () => {
  const words = wordsOfTokens(["_".repeat(200_000), " ", "__init__", "-_x", "a__"]);
  assert.equal(
    words.map(({ text, kind }) => [text, kind]),
    [
      ["_", "punctuation"],
      [" ", "space"],
      ["__init", "identifier"],
      ["-", "punctuation"],
      ["_xa", "identifier"],
    ],
  );
});

test("characters beyond the basic plane are not split", () => {
  assert.equal(words("😀", "𝒳", "y"), ["😀:punctuation", "𝒳y:word", "𝒳y:word"]);
});
