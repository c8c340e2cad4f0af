import * as assert from "uvu/assert";
import { nearest } from "../../src/base/did-you-mean.ts";
import { suite } from "../harness.ts";

const test = suite("nearest");

test("one letter missing, added, changed or swapped still finds the word", () => {
  for (const word of ["hiden", "hiddden", "hibden", "ihdden", "hidde", "xhidden", "hidden"]) {
    assert.is(nearest(word, ["memory", "hidden", "dropout"]), "hidden", word);
  }
});

test("two swapped letters count as one mistake, so short words are found", () => {
  assert.is(nearest("raed", ["eval", "read"]), "read");
  assert.is(nearest("evla", ["eval", "read"]), "eval");
  assert.is(nearest("dear", ["eval", "read"]), undefined);
});

test("the word with the fewest edits wins, whatever its place", () => {
  assert.is(nearest("memory_sizes", ["memory_saves", "memory_size"]), "memory_size");
  assert.is(nearest("memory_sizes", ["memory_size", "memory_saves"]), "memory_size");
});

test("a third of the letters may differ, no more", () => {
  assert.is(nearest("abcdXX", ["abcdef"]), "abcdef");
  assert.is(nearest("abcd", ["abcdef"]), "abcdef");
  assert.is(nearest("abcdefXX", ["abcdef"]), "abcdef");
  assert.is(nearest("abcXXX", ["abcdef"]), undefined);
  assert.is(nearest("XbcdeY", ["abcdef"]), "abcdef");
  assert.is(nearest("XbcdYf", ["abcdef"]), "abcdef");
  assert.is(nearest("XbYdZf", ["abcdef"]), undefined);
  assert.is(nearest("Xabcde", ["abcdef"]), "abcdef");
  assert.is(nearest("XXabcd", ["abcdef"]), undefined);
});

test("nothing is near nothing", () => {
  assert.is(nearest("", ["abc"]), undefined);
  assert.is(nearest("abc", []), undefined);
  assert.is(nearest("x".repeat(1e7), ["abc"]), undefined);
});
