/** Secrets in long documents: what is planted, where it then stands, and what counts as found. */
import * as assert from "uvu/assert";
import { isFound, planted, questionOf, secrets, secretsOf, sentenceOf } from "../../bench/secrets.ts";
import { suite } from "../harness.ts";

const test = suite("planted secrets");

test("a small example, written out", () => {
  const text = Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  const additions = [
    { ids: Int32Array.of(70, 71), depth: 0.5 },
    { ids: Int32Array.of(80), depth: 0 },
  ];
  // Nine tokens, of which the first seven may have something planted among them: four of the text and the three that are planted.
  assert.equal([...planted(text, additions, { count: 9, before: 7 })], [80, 0, 1, 70, 71, 2, 3, 4, 5]);
});

test("nothing planted leaves the first tokens", () => {
  assert.equal([...planted(Int32Array.of(5, 6, 7), [], { count: 2, before: 1 })], [5, 6]);
});

test("ten documents have one secret each, every one of another kind, at ten depths", () => {
  const all = Array.from({ length: 10 }, (_, at) => secretsOf(at, { documents: 10, each: 1 })).flat();
  assert.is(new Set(all.map(({ secret }) => secret.answer)).size, 10);
  const expected = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95];
  assert.equal(
    all.map(({ depth }) => Number(depth.toFixed(6))),
    expected,
  );
});

test("several secrets of one document are different ones at depths of their own", () => {
  const all = [0, 1, 2].map((at) => secretsOf(at, { documents: 3, each: 3 }));
  for (const some of all) assert.is(new Set(some.map(({ secret }) => secret.question)).size, 3);
  assert.is(new Set(all.flat().map(({ depth }) => depth)).size, 9);
});

test("the question is the beginning of the sentence, and no other sentence has it", () => {
  for (const secret of secrets) {
    assert.ok(sentenceOf(secret).startsWith(questionOf(secret)));
    assert.is(secrets.filter((other) => sentenceOf(other).includes(secret.answer)).length, 1);
    assert.not.ok(questionOf(secret).includes(secret.answer));
  }
});

test("an answer counts only at the beginning of what was written", () => {
  const [secret] = secrets;
  assert.ok(isFound(secret, " marigold.\n\n"));
  assert.not.ok(isFound(secret, " a door to the marigold"));
  assert.not.ok(isFound(secret, ""));
});
