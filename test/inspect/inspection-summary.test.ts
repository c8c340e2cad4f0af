import * as assert from "uvu/assert";
import type { Inspection } from "../../src/inspect/inspect.ts";
import { distanceTo, gainOf, summarize } from "../../src/inspect/inspection-summary.ts";
import { RetrievedPairs } from "../../src/inspect/retrieved-pairs.ts";
import type { Word, WordKind } from "../../src/text/words.ts";
import { suite } from "../harness.ts";

const test = suite("inspection summary");

const noSources = { document: [], index: [], token: [], begin: [], end: [] };

/** An inspection in which token i gains `gains[i]` of one nat and retrieved token `best[i]`, if any. */
function inspectionOf(gains: number[], best: (number | undefined)[], overrides: Partial<Inspection> = {}): Inspection {
  const retrieved = new RetrievedPairs(gains.length, 2);
  for (const [i, token] of best.entries()) {
    if (token !== undefined) retrieved.add(i, { head: 0, token, score: 1, weight: 1, share: 0.5 });
  }
  return {
    name: "mine",
    ids: new Int32Array(gains.length),
    memorySize: 100,
    nats: Float32Array.from(gains, (gain) => 1 - gain),
    natsWithout: new Float32Array(gains.length).fill(1),
    heads: [{ layer: 0, head: 0 }],
    gates: new Float32Array(gains.length),
    retrieved,
    earlier: { documents: [], columns: sourceColumns([]) },
    received: new Float64Array(gains.length),
    ...overrides,
  };
}

function sourceColumns(documents: number[]) {
  const columns = Object.keys(noSources).map((field) => [
    field,
    Int32Array.from(documents, (document) => (field === "document" ? document : 0)),
  ]);
  return Object.fromEntries(columns);
}

/** Returns a separate word for each token. */
function wordsOf(...kinds: [string, WordKind][]): Word[] {
  return kinds.map(([text, kind]) => ({ text, kind }));
}

const names = (groups: readonly { name: string; tokens: number }[]) =>
  groups.map(({ name, tokens }) => `${name}: ${tokens}`);

test("a small example, written out: means over the predicted tokens, without the first", () => {
  const words = wordsOf(["a", "word"], ["b", "word"], ["1", "number"]);
  const { all, kinds } = summarize(inspectionOf([9, 0.5, 0.25], []), words, 3);
  assert.equal(all, { name: "all", tokens: 2, nats: 1 - 0.375, natsWithout: 1 });
  assert.equal(kinds, [
    { name: "word", tokens: 1, nats: 0.5, natsWithout: 1 },
    { name: "number", tokens: 1, nats: 0.75, natsWithout: 1 },
  ]);
});

test("tokens are grouped by the occurrences of their word so far, pieces of a word together", () => {
  const [a, again] = wordsOf(["abc", "word"], ["abc", "word"]);
  const others = Array.from({ length: 12 }, () => ({ text: "x", kind: "word" as const }));
  const words = [a, a, a, again, again, ...others];
  const { occurrences } = summarize(inspectionOf(new Array(words.length).fill(0), []), words, 3);
  // abc: pieces 1 and 2 of the first occurrence (piece 0 is not predicted), two of the second; x: 12 times.
  assert.equal(names(occurrences), ["1: 3", "2–3: 4", "4–10: 7", "11–30: 2"]);
});

test("tokens are grouped by the distance to their best pair in powers of two", () => {
  const best = [undefined, undefined, 0, 0, 0, 0, -1, -50, undefined];
  const gains = best.map((_, i) => i / 16);
  const words = best.map(() => ({ text: "x", kind: "word" as const }));
  const { distances } = summarize(inspectionOf(gains, best), words, 0);
  assert.equal(names(distances), ["1: 1", "2–3: 2", "4–7: 1", "read before: 2", "nothing retrieved: 2"]);
  assert.is(distances[1].nats, 1 - (3 + 4) / 2 / 16);
});

test("a distance is counted from the query token", () => {
  assert.is(distanceTo(10, 3), 6);
});

test("each document has its share of all retrieved weight", () => {
  const earlier = { documents: ["one", "two", "unused"], columns: sourceColumns([0, 0, 1]) };
  const received = Float64Array.of(1, 2, 4, 0.5, 0.5);
  const { documents } = summarize(
    inspectionOf([0, 0], [], { earlier, received }),
    wordsOf(["", "word"], ["", "word"]),
    0,
  );
  assert.equal(documents, [
    { document: "two", share: 0.5 },
    { document: "one", share: 0.375 },
    { document: "mine", share: 0.125 },
  ]);
});

test("documents of one name are told apart, and the one that is inspected is marked", () => {
  const earlier = { documents: ["mine", "mine"], columns: sourceColumns([0, 1]) };
  const received = Float64Array.of(1, 2, 1);
  const inspection = inspectionOf([0], [], { earlier, received });
  assert.equal(summarize(inspection, wordsOf(["", "word"]), 0).documents, [
    { document: "mine", share: 0.5 },
    { document: "mine", share: 0.25 },
    { document: "mine (this document)", share: 0.25 },
  ]);
});

test("the tokens that gained most come first, without those that lost", () => {
  const inspection = inspectionOf([5, -1, 0.5, 0, 0.75, 0.25], []);
  const words = wordsOf(...new Array<[string, WordKind]>(6).fill(["x", "word"]));
  assert.equal(summarize(inspection, words, 2).mostGained, [4, 2]);
  assert.equal(summarize(inspection, words, 10).mostGained, [4, 2, 5]);
  assert.is(gainOf(inspection, 1), -1);
});
