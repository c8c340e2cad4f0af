/** Tokenizers from the metadata of GGUF files. */
import * as fc from "fast-check";
import * as assert from "uvu/assert";
import { BYTE_SYMBOLS } from "../../src/text/byte-level.ts";
import { type GgufVocabulary, tokenizerFromGguf } from "../../src/text/gguf-vocabulary.ts";
import { tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { ggufVocabulary } from "./gguf-metadata.ts";
import { absent, GOLDEN, readGolden, STORIES } from "./published.ts";

const test = suite("GGUF vocabulary");

const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);

/** SentencePiece: 3 special tokens, the bytes, then `words`, the first with the highest score, or as `scores` say. */
function pieces(words: readonly string[], scores: readonly number[] = words.map((_, i) => -i)): GgufVocabulary {
  const special = ["<unk>", "<s>", "</s>"];
  return {
    model: "llama",
    tokens: [...special, ...bytes, ...words],
    types: [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)],
    scores: [0, 0, 0, ...bytes.map(() => 0), ...scores],
    bos: 1,
    eos: 2,
  };
}

/** Byte-level: the bytes, then he 256, the 257, and the token <end> 258. */
const words: GgufVocabulary = {
  model: "gpt2",
  pre: "gpt-2",
  tokens: [...BYTE_SYMBOLS, "he", "the", "<end>"],
  types: [...BYTE_SYMBOLS.map(() => 1), 1, 1, 3],
  merges: ["h e", "t he"],
  bos: 258,
  eos: 258,
};

test("a small example, written out: the highest score merges first, and a space is put before the text", () => {
  const tokenizer = tokenizerFromGguf(pieces(["▁", "a", "b", "c", "bc", "ab", "▁a"]), "m.gguf");
  assert.equal(tokenizer.encode("abc", { framed: true }), Int32Array.of(1, 265, 263)); // ▁a bc, since bc is before ab
  assert.is(tokenizer.decode([1, 265, 263], { special: false }), "abc");
});

test("a small example, written out: merges of a byte-level vocabulary", () => {
  const tokenizer = tokenizerFromGguf(words, "m.gguf");
  assert.equal(tokenizer.encode("the he<end>", { special: true, framed: true }), Int32Array.of(257, 0x20, 256, 258));
  const framed = tokenizerFromGguf({ ...words, addBos: true, addEos: true }, "m.gguf");
  assert.equal(framed.encode("he", { framed: true }), Int32Array.of(258, 256, 258));
});

test("texts of Llama 3's words begin with the token for it, unless the file says otherwise", () => {
  const framed = (changes: Partial<GgufVocabulary>) => [
    ...tokenizerFromGguf({ ...words, ...changes }, "m.gguf").encode("he", { framed: true }),
  ];
  for (const pre of ["llama-bpe", "llama3"]) {
    assert.equal(framed({ pre }), [258, 256]);
    assert.equal(framed({ pre, addBos: false }), [256]);
    assert.equal(framed({ pre, bos: undefined }), [256]);
  }
  assert.equal(framed({ pre: "qwen2" }), [256]);
});

test("pre decides how digits are cut, whether a whole word may be a token, and whether accents are composed", () => {
  const vocabulary = {
    ...words,
    tokens: [...BYTE_SYMBOLS, "12", "123", "1234", "123456", "zzz"],
    types: undefined,
    merges: ["1 2", "12 3", "123 4"],
    bos: undefined,
    eos: undefined,
  };
  vocabulary.merges.push("123 456");
  vocabulary.tokens.push("45", "456");
  vocabulary.merges.splice(3, 0, "4 5", "45 6");
  const ids = (pre: string, text: string) => Array.from(tokenizerFromGguf({ ...vocabulary, pre }, "m").encode(text));
  assert.equal(ids("gpt-2", "1234"), [258]);
  assert.equal(ids("smollm", "1234"), [0x31, 0x32, 0x33, 0x34]);
  assert.equal(ids("qwen2", "1234"), [0x31, 0x32, 0x33, 0x34]);
  assert.equal(ids("llama-bpe", "1234"), [257, 0x34]);
  assert.equal(ids("default", "123456"), [257, 262]);
  assert.equal(ids("gpt-2", "zzz"), [0x7a, 0x7a, 0x7a]);
  assert.equal(ids("llama-bpe", "zzz"), [260]);
  assert.equal(ids("qwen2", "e\u0301"), ids("gpt-2", "é"));
  assert.equal(ids("gpt-2", "e\u0301").length, 3);
});

/** The definition: of all neighbours that make a token, the pair of the highest score, and of those the leftmost, merges. */
function naive(text: string, { tokens, scores }: GgufVocabulary): string[] {
  const symbols = text === "" ? [] : [...`▁${text.replaceAll(" ", "▁")}`];
  for (;;) {
    const scored = symbols.slice(1).map((right, i) => ({ i, id: tokens.indexOf(symbols[i] + right) }));
    const known = scored.filter(({ id }) => id >= 259);
    if (known.length === 0) return symbols;
    const best = known.reduce((a, b) => (scores![b.id] > scores![a.id] ? b : a));
    symbols.splice(best.i, 2, symbols[best.i] + symbols[best.i + 1]);
  }
}

test("SentencePiece's order is kept where scores are equal, and where one token can be made in several ways", () => {
  const someWords = fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "▁"), minLength: 2, maxLength: 5 }), {
    maxLength: 12,
  });
  const someText = fc.string({ unit: fc.constantFrom("a", "b", " "), maxLength: 30 });
  fc.assert(
    fc.property(someWords, fc.array(fc.nat(4), { minLength: 16, maxLength: 16 }), someText, (made, scores, text) => {
      const all = [...new Set(["▁", "a", "b", "ab", ...made])];
      const vocabulary = pieces(all, scores.slice(0, all.length));
      const ids = Array.from(tokenizerFromGguf(vocabulary, "m.gguf").encode(text));
      assert.equal(
        ids.map((id) => vocabulary.tokens[id]),
        naive(text, vocabulary),
      );
    }),
    { numRuns: 1000 },
  );
});

test("a vocabulary that cannot be used is refused in a sentence that names the file and the key", () => {
  const damaged: [GgufVocabulary, RegExp][] = [
    [{ ...words, pre: "tekken" }, /tokenizer\.ggml\.pre is "tekken"; known are "gpt-2", "smollm"/],
    [{ ...words, pre: "toString" }, /tokenizer\.ggml\.pre is "toString"/],
    [{ ...words, model: "t5" }, /tokenizer\.ggml\.model is "t5"/],
    [{ ...words, merges: undefined }, /tokenizer\.ggml\.merges is missing/],
    [{ ...words, merges: [] }, /merges is empty/],
    [{ ...words, merges: ["q q"] }, /merges\[0\] needs "qq"/],
    [{ ...words, tokens: [] }, /tokens is empty/],
    [{ ...words, types: [1] }, /token_type has 1 entries, but there are 259 tokens/],
    [{ ...words, bos: 259 }, /bos_token_id is 259/],
    [{ ...words, eos: -1 }, /eos_token_id is -1/],
    [{ ...words, tokens: words.tokens.with(256, "a") }, /the token "a" comes twice/],
    [pieces(["x".repeat(1025)]), /tokens has one of 1025 characters; a token has 1024 at most/],
    [{ ...pieces(["a"]), scores: undefined }, /scores must have a finite number for every token/],
    [{ ...pieces(["a"]), scores: [NaN] }, /scores must have/],
    [{ ...pieces(["▁", "a", "▁a"]), tokens: pieces(["▁", "a", "▁a"]).tokens.with(3, "x") }, /byte 0 has none/],
  ];
  for (const [vocabulary, names] of damaged) {
    const sentence = refusal(() => tokenizerFromGguf(vocabulary, "m.gguf"));
    assert.match(sentence, /^m\.gguf (has no|is not a) usable tokenizer: /);
    assert.match(sentence, names);
    assert.not.match(sentence, /\n/);
  }
});

const files = ["llama-q8_0", "llama-mixed", "qwen2-q4", "llama-k"].map((name) => `${GOLDEN}/gguf/${name}`);
const golden: [path: string, expected: string][] = [
  ...files.map((folder): [string, string] => [`${folder}/model.gguf`, `${folder}/expected.json`]),
  [`${STORIES}/gguf/stories260K-q8_0.gguf`, `${STORIES}/hf/expected.json`],
];

for (const [path, expected] of golden) {
  test.unless(absent, `${path.split("/").slice(-2).join("/")} gives the ids and texts of the original`, () => {
    const tokenizer = tokenizerFromGguf(ggufVocabulary(path), path);
    const { cases, decode } = readGolden(expected);
    const written = JSON.parse(JSON.stringify(tokenizer));
    const again = tokenizerFromJson(written, "written");
    const withoutNfc = () => tokenizerFromJson({ ...written, normalizer: null }, "written");
    for (const { text, ids, bare = ids, decoded = text, decoded_with_special = decoded, without_nfc } of cases) {
      assert.equal(Array.from(tokenizer.encode(text, { special: true, framed: true })), ids, text);
      assert.equal(Array.from(tokenizer.encode(text, { special: true })), bare, text);
      assert.equal(Array.from(again.encode(text, { special: true })), bare, text);
      if (without_nfc) assert.equal(Array.from(withoutNfc().encode(text, { special: true })), without_nfc, text);
      assert.is(tokenizer.decode(ids, { special: false }), decoded);
      assert.is(tokenizer.decode(ids), decoded_with_special);
    }
    for (const { ids, decoded } of decode) assert.is(tokenizer.decode(ids, { special: false }), decoded);
  });
}
