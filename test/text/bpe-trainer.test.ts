import * as fs from "node:fs";
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { trainBpe } from "../../src/text/bpe-trainer.ts";
import { preTokens } from "../../src/text/byte-level.ts";
import { tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { randomText, SAMPLES } from "./samples.ts";

const test = suite("BPE trainer");

test("ids are the bytes, then the merges in the order learned", () => {
  const json = trainBpe(["the the he"], { vocabSize: 300 });
  const tokens = Object.entries(json.model.vocab).sort(([, a], [, b]) => a - b);
  assert.equal(tokens.slice(0x61, 0x64), [
    ["a", 0x61],
    ["b", 0x62],
    ["c", 0x63],
  ]);
  assert.equal(tokens[0x20], ["Ġ", 0x20]);
  assert.equal(tokens.slice(256), [
    ["he", 256],
    ["the", 257],
  ]);
  assert.equal(json.model.merges, ["h e", "t he"]);
});

/**
 * The definition, without any cleverness: split the texts into words of bytes, recount every pair, merge the first of
 * the most frequent everywhere, repeat. Returns the merged pairs of ids and the words in the end.
 */
function naiveBpe(texts: readonly string[], vocabSize: number) {
  let words = texts.flatMap((text) => [...preTokens(text)]).map((word) => [...new TextEncoder().encode(word)]);
  const merges: [number, number][] = [];
  for (let id = 256; id < vocabSize; id++) {
    const best = mostFrequentPair(words);
    if (best === undefined) break;
    merges.push(best);
    words = words.map((word) => mergeEverywhere(word, best, id));
  }
  return { merges, words };
}

function mostFrequentPair(words: readonly number[][]): [number, number] | undefined {
  const counts = new Map<string, number>();
  for (const word of words) {
    for (let i = 1; i < word.length; i++) {
      const key = `${word[i - 1]} ${word[i]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const pairs = [...counts].map(([key, count]) => ({ pair: key.split(" ").map(Number), count }));
  pairs.sort((a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1]);
  return pairs.length > 0 && pairs[0].count >= 2 ? [pairs[0].pair[0], pairs[0].pair[1]] : undefined;
}

function mergeEverywhere(word: readonly number[], [left, right]: [number, number], id: number): number[] {
  const merged: number[] = [];
  for (let i = 0; i < word.length; i++) {
    const matches = word[i] === left && word[i + 1] === right;
    merged.push(matches ? id : word[i]);
    if (matches) i++;
  }
  return merged;
}

/** The merges of a tokenizer.json as pairs of ids. */
function mergedIds(json: ReturnType<typeof trainBpe>): number[][] {
  return json.model.merges.map((merge) => (merge as string).split(" ").map((token) => json.model.vocab[token]));
}

const random = new Random(7);
const oracleTexts: Record<string, string[]> = {
  "runs of one letter": ["a", "aa", "aaa", "aaaa", "aaaaa", "baaab", "aaabaaab", "aaaaaaaaaaaaaaaaa"],
  "overlapping pairs": ["ababababa", "babab", "abaaba", "bababb abab"],
  "texts that tokenizers alter": Object.values(SAMPLES).filter((text) => text.length < 1000),
  "random texts": Array.from({ length: 20 }, (_, i) => randomText(10 * i, random)),
  "random words of two letters": Array.from({ length: 200 }, () =>
    Array.from({ length: 1 + Math.floor(random.next() * 20) }, () => (random.next() < 0.6 ? "a" : "b")).join(""),
  ),
};

for (const [name, texts] of Object.entries(oracleTexts)) {
  test(`on ${name} the merges equal those of recounting everything, ties included`, () => {
    const { merges } = naiveBpe(texts, 420);
    assert.ok(merges.length >= 3);
    assert.equal(mergedIds(trainBpe(texts, { vocabSize: 420 })), merges);
  });

  test(`on ${name} encoding gives the tokens that training ended with`, () => {
    const tokenizer = tokenizerFromJson(trainBpe(texts, { vocabSize: 420 }), "trained");
    const encoded = texts.flatMap((text) => Array.from(tokenizer.encode(text)));
    assert.equal(encoded, naiveBpe(texts, 420).words.flat());
  });
}

test("the vocabulary never exceeds the size asked for, and ends early when no pair occurs twice", () => {
  const size = (texts: string[], vocabSize: number) => Object.keys(trainBpe(texts, { vocabSize }).model.vocab).length;
  assert.is(size([SAMPLES.ascii.repeat(3)], 256), 256);
  assert.is(size([SAMPLES.ascii.repeat(3)], 257), 257);
  assert.is(size([SAMPLES.ascii.repeat(3)], 277), 277);
  assert.is(size(["abcdefg"], 300), 256);
  assert.is(size([], 300), 256);
  assert.is(size([""], 300), 256);
});

test("the order of the texts, and how they are divided at spaces, does not matter", () => {
  const texts = oracleTexts["random texts"];
  const expected = trainBpe(texts, { vocabSize: 400 });
  assert.equal(trainBpe([...texts].reverse(), { vocabSize: 400 }), expected);
  assert.equal(
    trainBpe(["to be", " or", " not to be"], { vocabSize: 270 }),
    trainBpe(["to be or not to be"], { vocabSize: 270 }),
  );
});

test("a word that is the name of an object's property becomes a token like any other", () => {
  const words = ["constructor", "toString", "valueOf"];
  const json = JSON.parse(JSON.stringify(trainBpe([words.join("\n"), words.join("\t")], { vocabSize: 300 })));
  for (const word of words) assert.type(json.model.vocab[word], "number");
  assert.equal(tokenizerFromJson(json, "trained").encode("toString"), Int32Array.of(json.model.vocab.toString));
});

test("progress counts every token once", () => {
  const seen: number[] = [];
  trainBpe(["the the he"], { vocabSize: 258, onProgress: (tokens) => seen.push(tokens) });
  assert.equal(seen, [257, 258]);
});

test("a vocabulary size must be an integer of at least 256", () => {
  for (const vocabSize of [255, 0, -1, 300.5, NaN]) {
    assert.match(
      refusal(() => trainBpe(["a"], { vocabSize })),
      /^vocabSize: got .*; it must be a whole number from 256 to 16,777,216$/,
    );
  }
});

test("a word of a hundred thousand letters is learned; in quadratic time that would take minutes", () => {
  const text = Array.from({ length: 100_000 }, () => "abcdefgh"[Math.floor(random.next() * 8)]).join("");
  const json = trainBpe([text], { vocabSize: 512 });
  assert.is(json.model.merges.length, 256);
});

const math = "../shared/corpora/math/valid";
test.unless(fs.existsSync(math) ? undefined : `no ${math}`, "real text is learned and comes back", () => {
  const texts = fs.readdirSync(math).map((name) => fs.readFileSync(`${math}/${name}`, "utf8"));
  const tokenizer = tokenizerFromJson(trainBpe(texts, { vocabSize: 1024 }), "trained");
  assert.is(tokenizer.vocabSize, 1024);
  const ids = tokenizer.encode(texts[0]);
  assert.is(tokenizer.decode(ids), texts[0]);
  assert.ok(texts[0].length / ids.length > 2.2, "a token should stand for over two letters");
});
