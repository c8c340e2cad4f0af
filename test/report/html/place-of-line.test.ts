import * as assert from "uvu/assert";
import { placeOfLine } from "../../../src/report/html/client/place-of-line.ts";
import { suite } from "../../harness.ts";

const test = suite("place of a line");

const files = [
  { name: "a.md", firstLine: 1 },
  { name: "b.md", firstLine: 4 },
  { name: "c.md", firstLine: 5 },
];

test("lines count from the beginning of their file", () => {
  assert.equal(
    [1, 3, 4, 5, 70].map((line) => placeOfLine(line, files)),
    ["a.md, line 1", "a.md, line 3", "b.md, line 1", "c.md, line 1", "c.md, line 66"],
  );
});

test("without files, and before the first file, lines count in the document", () => {
  assert.is(placeOfLine(12, []), "line 12");
  assert.is(placeOfLine(3, files.slice(1)), "line 3");
});
