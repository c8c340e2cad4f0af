import * as assert from "uvu/assert";
import { namesTexts } from "../../src/data/invented-names.ts";
import { suite } from "../harness.ts";

const test = suite("names");

const words = (text: string) => text.match(/[A-Za-z]{4,}/g) ?? [];

test("a document begins with new names, which come back", () => {
  const [text] = namesTexts(1, 1);
  const beginning = [
    "return cobravi.Xelolix;",
    "let himosew be cobravi.",
    'import { cobravi } from "cobravi";',
    "if cobravi then Xelolix else cobravi",
  ];
  assert.equal(text.split("\n").slice(0, 4), beginning);
});

test("the same seed makes the same documents, another seed makes others, and a shorter list is the start of a longer one", () => {
  const texts = [...namesTexts(2, 1)];
  assert.equal([...namesTexts(2, 1)], texts);
  assert.equal([...namesTexts(1, 1)], texts.slice(0, 1));
  assert.is.not([...namesTexts(1, 2)][0], texts[0]);
});

test("documents have about the same length, end with a line, and have every name filled in", () => {
  for (const text of namesTexts(2, 3)) {
    assert.ok(text.length >= 90_000 && text.length < 90_100, `${text.length}`);
    assert.ok(text.endsWith("\n"));
    assert.not.match(text, /@/);
  }
});

test("most names occurred before in their document, and hardly any in another", () => {
  const [first, second] = [...namesTexts(2, 4)].map((text) => words(text));
  const distinct = new Set(second);
  assert.ok(distinct.size < second.length / 8, `${distinct.size} of ${second.length}`);
  const others = new Set(first);
  const shared = [...distinct].filter((word) => others.has(word));
  assert.ok(shared.length < 200, `${shared.length} words are in both: the sentences' own, and short names`);
  assert.ok(distinct.size > 400, `${distinct.size} names are too many to learn by heart`);
});
