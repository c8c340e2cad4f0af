import * as assert from "uvu/assert";
import { trainBpe } from "../../src/text/bpe-trainer.ts";
import { byteTokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { fallbackJson } from "./samples.ts";

const test = suite("tokenizer.json");

/** The bytes, "he" (256) and "the" (257). */
const good = trainBpe(["the the he"], { vocabSize: 258 });
const { model } = good;
const { a: _a, ...vocabWithoutA } = model.vocab;
const split = { type: "Split", pattern: { String: " " }, behavior: "Isolated" };
const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
const sequence = (...pretokenizers: unknown[]) => ({ ...good, pre_tokenizer: { type: "Sequence", pretokenizers } });
const added = (token: unknown) => ({ ...good, added_tokens: [token] });

test("the file that the trainer makes is read, and so is one without its optional parts", () => {
  assert.is(tokenizerFromJson(good, "t").vocabSize, 258);
  const { added_tokens: _added, normalizer: _normalizer, post_processor: _post, ...least } = good;
  assert.equal(tokenizerFromJson(least, "t").encode("the"), Int32Array.of(257));
});

test("the file that the trainer makes says to other programs what ours takes for granted", () => {
  const { vocab: _vocab, merges, ...settings } = model;
  assert.equal(merges, ["h e", "t he"]);
  assert.equal(settings, {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
  });
  assert.equal(good.pre_tokenizer, { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true });
  assert.equal(good.decoder, { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true });
});

test("merges may be pairs as in newer files", () => {
  const merges = [
    ["h", "e"],
    ["t", "he"],
  ];
  const tokenizer = tokenizerFromJson({ ...good, model: { ...model, merges } }, "t");
  assert.equal(tokenizer.encode("the he"), Int32Array.of(257, 32, 256));
});

test("the patterns of well-known tokenizers are read", () => {
  const patterns = [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{M}]*[\\p{Ll}\\p{M}]+(?i:'s|'t)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[()*]+[\\r\\n]*|\\)+",
  ];
  for (const Regex of patterns) {
    const tokenizer = tokenizerFromJson(sequence({ ...split, pattern: { Regex } }, byteLevel), "t");
    assert.is(tokenizer.decode(tokenizer.encode("the (he's) 1234\n\n  )) x")), "the (he's) 1234\n\n  )) x");
  }
});

test("keys that are not used here are kept when it is written again", () => {
  const json = { ...good, truncation: { max_length: 5 }, extra: 1 };
  assert.equal(tokenizerFromJson(json, "t").toJSON(), json);
});

test("a sequence of nothing normalises nothing, and a sequence of one decoder is that decoder", () => {
  const nothing = { type: "Sequence", normalizers: [] };
  for (const normalizer of [nothing, { type: "Sequence", normalizers: [nothing, nothing] }]) {
    assert.equal(tokenizerFromJson({ ...good, normalizer }, "t").toJSON(), { ...good, normalizer: null });
  }
  const decoder = { type: "Sequence", decoders: [good.decoder] };
  assert.equal(tokenizerFromJson({ ...good, decoder }, "t").toJSON(), good);
});

test("a normalizer that composes accents is accepted, and said", () => {
  const tokenizer = tokenizerFromJson({ ...good, normalizer: normalizers({ type: "NFC" }) }, "t");
  assert.is(tokenizer.alters, "composes accented characters (Unicode's NFC)");
  assert.is(tokenizer.decode(tokenizer.encode("e\u0301")), "\u00e9");
  assert.is(tokenizerFromJson(good, "t").alters, undefined);
});

test("Metaspace puts its sign before every part, the first alone, or none, and cuts before every sign", () => {
  const ids = (settings: object, text: string) =>
    Array.from(tokenizerFromJson(metaspace(settings), "t").encode(text, { special: true }));
  assert.equal(ids({ prepend_scheme: "always" }, "hi<s>hi"), [263, 1, 263]);
  assert.equal(ids({ prepend_scheme: "first" }, "hi<s>hi"), [263, 1, 262]);
  assert.equal(ids({ prepend_scheme: "never" }, "hi<s>hi"), [262, 1, 262]);
  assert.equal(ids({ prepend_scheme: "always" }, " hi"), [263]);
  assert.equal(ids({}, "hi"), [263]);
  assert.equal(ids({ add_prefix_space: false }, "hi"), [262]);
  const decoders = fallback.decoder.decoders.filter(({ type }) => type !== "Strip");
  const decoder = { type: "Sequence", decoders };
  const said = (settings: object) => tokenizerFromJson({ ...metaspace(settings), decoder }, "t").alters ?? "";
  assert.match(said({}), "puts a space before a text that begins without one");
  assert.not.match(said({ add_prefix_space: false }), "puts a space");
  const over = {
    ...metaspace({ split: false }),
    model: { ...fallbackWith({ "i▁": 264 }).model, merges: [["i", "▁"]] },
  };
  assert.equal(Array.from(tokenizerFromJson(over, "t").encode("hi h")), [259, 260, 264, 260]);
  const cut = { ...over, pre_tokenizer: { type: "Metaspace", split: true } };
  assert.equal(Array.from(tokenizerFromJson(cut, "t").encode("hi h")), [259, 260, 261, 259, 260]);
});

test("an added token that is also the model's, under another id, has the model's", () => {
  const file = { ...added({ id: 258, content: "the" }) };
  const tokenizer = tokenizerFromJson(file, "t");
  assert.equal(tokenizer.encode("the"), Int32Array.of(257));
  assert.is(tokenizer.decode([258]), "");
});

test("matches of a pattern may be words, or go with the word before or behind", () => {
  const wordsOf = (behavior: string) => {
    const vocab = { ...model.vocab, aĠ: 258, Ġa: 259 };
    const json = { ...sequence({ ...split, behavior }, byteLevel), model: { ...model, vocab, merges: ["a Ġ", "Ġ a"] } };
    return Array.from(tokenizerFromJson(json, "t").encode("a a"));
  };
  assert.equal(wordsOf("Isolated"), [97, 32, 97]);
  assert.equal(wordsOf("MergedWithPrevious"), [258, 97]);
  assert.equal(wordsOf("MergedWithNext"), [97, 259]);
});

test("the bytes without merges are the byte tokenizer", () => {
  const read = tokenizerFromJson(JSON.parse(JSON.stringify(byteTokenizer())), "t");
  assert.is(read.constructor, byteTokenizer().constructor);
});

test("an added token may also be in the model's vocabulary, under the same id", () => {
  const vocab = { ...model.vocab, "<s>": 258 };
  const tokenizer = tokenizerFromJson({ ...added({ id: 258, content: "<s>" }), model: { ...model, vocab } }, "t");
  assert.is(tokenizer.vocabSize, 259);
  assert.equal(tokenizer.encode("<s>"), Int32Array.of(258));
  assert.is(tokenizer.decode([258]), "<s>");
});

function normalizers(...steps: unknown[]): unknown {
  return { type: "Sequence", normalizers: steps };
}

const fallback = fallbackJson();
const { decoders } = fallback.decoder;
const template = fallback.post_processor;

function fallbackWith(tokens: Record<string, number | undefined>) {
  const vocab = Object.entries({ ...fallback.model.vocab, ...tokens }).filter(([, id]) => id !== undefined);
  return { ...fallback, model: { ...fallback.model, vocab: Object.fromEntries(vocab) } };
}

function fallbackMerging(...merges: string[][]) {
  return { ...fallback, model: { ...fallback.model, merges } };
}

function metaspace(settings: object) {
  return { ...fallback, normalizer: null, pre_tokenizer: { type: "Metaspace", ...settings } };
}

function stripping(settings: object) {
  return { type: "Sequence", decoders: [...decoders.slice(0, 3), { ...decoders[3], ...settings }] };
}

/** The fault, the file, and the pattern that the message must match. */
const damaged: [title: string, json: unknown, names: RegExp][] = [
  ["no object", [good], /JSON object/],
  ["null", null, /JSON object/],
  ["no model", { ...good, model: undefined }, /model must be of type "BPE"/],
  ["a Unigram model", { ...good, model: { ...model, type: "Unigram" } }, /model must be of type "BPE"/],
  ["another decoder", { ...good, decoder: { type: "Metaspace" } }, /decoder must be "ByteLevel", or a "Sequence"/],
  ["a normalizer", { ...good, normalizer: { type: "NFKC" } }, /normalizer "NFKC" alters text/],
  ["a normalizer in a sequence", { ...good, normalizer: normalizers({ type: "Lowercase" }) }, /normalizer "Lowercase"/],
  [
    "a normalizer deep down",
    { ...good, normalizer: normalizers(normalizers({ type: "Strip" })) },
    /normalizer "Strip"/,
  ],
  ["a sequence without its list", { ...good, normalizer: { type: "Sequence" } }, /normalizer/],
  ["a normalizer that is none", { ...good, normalizer: normalizers(5) }, /normalizer/],
  ["two decoders", { ...good, decoder: { type: "Sequence", decoders: [good.decoder, { type: "Fuse" }] } }, /decoder/],
  ["no pre-tokenizer", { ...good, pre_tokenizer: null }, /pre_tokenizer/],
  ["another pre-tokenizer", { ...good, pre_tokenizer: { type: "Whitespace" } }, /pre_tokenizer must be "ByteLevel"/],
  ["a prefix space", { ...good, pre_tokenizer: { ...byteLevel, add_prefix_space: true } }, /add_prefix_space/],
  ["a sequence that does not end in bytes", sequence(byteLevel, split), /end in it/],
  ["an empty sequence", sequence(), /pre_tokenizer/],
  ["a step that drops white space", sequence({ type: "WhitespaceSplit" }, byteLevel), /remove or alter/],
  ["a split that drops its matches", sequence({ ...split, behavior: "Removed" }, byteLevel), /remove or alter/],
  ["a split that keeps only matches", sequence({ ...split, invert: true }, byteLevel), /remove or alter/],
  ["a split without pattern", sequence({ ...split, pattern: {} }, byteLevel), /remove or alter/],
  ["a split that drops its matches in small letters", sequence({ ...split, behavior: "removed" }, byteLevel), /remove/],
  ["a split that is not done here", sequence({ ...split, behavior: "Contiguous" }, byteLevel), /remove or alter/],
  ["a split inverted by a number", sequence({ ...split, invert: 1 }, byteLevel), /remove or alter/],
  ["a split by two patterns", sequence({ ...split, pattern: { String: " ", Regex: 5 } }, byteLevel), /remove or alter/],
  ["an endless pattern", sequence({ ...split, pattern: { Regex: "\\p{".repeat(1e5) } }, byteLevel), /remove or alter/],
  [
    "a prefix space by a text",
    { ...good, pre_tokenizer: { ...byteLevel, add_prefix_space: "no" } },
    /add_prefix_space/,
  ],
  ["words that are neither on nor off", { ...good, pre_tokenizer: { ...byteLevel, use_regex: 0 } }, /use_regex/],
  ["a repeated group", sequence({ ...split, pattern: { Regex: "(?:a|a\\)|[(])+b" } }, byteLevel), /remove or alter/],
  ["a counted group", sequence({ ...split, pattern: { Regex: "(a+){9}" } }, byteLevel), /remove or alter/],
  ["a reference to a group", sequence({ ...split, pattern: { Regex: "(a*)\\1" } }, byteLevel), /remove or alter/],
  ["a malformed pattern", sequence({ ...split, pattern: { Regex: "(" } }, byteLevel), /[Rr]egular expression|[Gg]roup/],
  ["a word suffix", { ...good, model: { ...model, end_of_word_suffix: "</w>" } }, /end_of_word_suffix/],
  ["a subword prefix", { ...good, model: { ...model, continuing_subword_prefix: "##" } }, /continuing_subword_prefix/],
  [
    "a suffix within words",
    { ...good, model: { ...model, continuing_subword_suffix: "@" } },
    /continuing_subword_suffix/,
  ],
  ["a fused unknown", { ...good, model: { ...model, fuse_unk: true, unk_token: "a" } }, /fuse_unk/],
  ["no vocabulary", { ...good, model: { ...model, vocab: undefined } }, /model\.vocab/],
  ["a byte missing", { ...good, model: { ...model, vocab: vocabWithoutA } }, /byte 97 has none/],
  ["an id that is not an integer", { ...good, model: { ...model, vocab: { ...model.vocab, a: "97" } } }, /"a"/],
  ["two tokens of one id", { ...good, model: { ...model, vocab: { ...model.vocab, a: 98 } } }, /"a" and "b".*id 98/],
  ["a hole in the ids", { ...good, model: { ...model, vocab: { ...model.vocab, the: 300 } } }, /257 is missing/],
  ["a negative id", { ...good, model: { ...model, vocab: { ...model.vocab, the: -1 } } }, /257 is missing/],
  ["a token not of bytes", { ...good, model: { ...model, vocab: { ...model.vocab, "a b": 258 } } }, /"a b"/],
  ["no merges", { ...good, model: { ...model, merges: undefined } }, /model\.merges/],
  ["a merge of three", { ...good, model: { ...model, merges: ["h e", "t h e"] } }, /merges\[1\]/],
  ["a merge of numbers", { ...good, model: { ...model, merges: [[1, 2]] } }, /merges\[0\]/],
  ["a merge into no token", { ...good, model: { ...model, merges: ["a b"] } }, /merges\[0\] needs "ab"/],
  ["a merge of no token", { ...good, model: { ...model, merges: ["th e"] } }, /merges\[0\] needs "th"/],
  ["merges that were not read", { ...good, model: { ...model, merges: [] } }, /merges is empty, but .* has 258 tokens/],
  ["byte fallback of bytes", { ...good, model: { ...model, byte_fallback: true } }, /byte_fallback must be false/],
  [
    "no byte fallback",
    { ...fallback, model: { ...fallback.model, byte_fallback: false } },
    /byte_fallback must be true/,
  ],
  ["a byte without token", fallbackWith({ "<0x41>": undefined }), /byte 65 has none/],
  ["a merge of bytes", fallbackMerging(["<0x41>", "h"]), /merges\[0\] merges a token that stands for a byte/],
  [
    "whole words with byte fallback",
    { ...fallback, model: { ...fallback.model, ignore_merges: true } },
    /ignore_merges/,
  ],
  ["spaces that stay spaces", { ...fallback, normalizer: null }, /must write spaces as ▁/],
  ["spaces that are written twice", { ...fallback, pre_tokenizer: { type: "Metaspace" } }, /must write spaces as ▁/],
  ["a Metaspace of its own kind", metaspace({ prepend_scheme: "last" }), /prepend_scheme/],
  ["a Metaspace of another sign", metaspace({ replacement: "_" }), /replacement/],
  ["a Metaspace that splits by a number", metaspace({ split: 1 }), /split of its "Metaspace"/],
  [
    "a decoder that goes on",
    { ...fallback, decoder: { type: "Sequence", decoders: [...decoders, ...decoders] } },
    /decoder/,
  ],
  ["a decoder that strips two", { ...fallback, decoder: stripping({ start: 2 }) }, /"Strip" of its decoder/],
  ["an unknown post-processor", { ...good, post_processor: { type: "RobertaProcessing" } }, /"RobertaProcessing"/],
  ["a template without text", { ...good, post_processor: { ...template, single: [] } }, /the sequence A/],
  ["a template of unknown tokens", { ...good, post_processor: { ...template, special_tokens: {} } }, /with its ids/],
  ["an added token for single words", added({ id: 258, content: "<s>", single_word: true }), /single_word/],
  ["an added token that may be special", added({ id: 258, content: "<s>", special: 1 }), /special and normalized/],
  ["merges of both forms", { ...good, model: { ...model, merges: ["h e", ["t", "he"]] } }, /all pairs, or all strings/],
  ["a merge of lists", { ...good, model: { ...model, merges: [[["h"], "e"]] } }, /merges\[0\] must be a pair/],
  ["a merge without a text", { ...good, model: { ...model, merges: [[{ toString: 1 }, "e"]] } }, /merges\[0\] must be/],
  ["an endless token", { ...good, model: { ...model, merges: [`${"x".repeat(1e6)} e`] } }, /needs "xxx.{1,90}"/],
  ["added tokens that are not a list", { ...good, added_tokens: {} }, /added_tokens/],
  ["an added token without id", added({ content: "<s>" }), /added_tokens\[0\]/],
  ["an empty added token", added({ id: 258, content: "" }), /added_tokens\[0\]/],
  ["an added token that strips", added({ id: 258, content: "<s>", lstrip: true }), /"<s>" swallows/],
  ["an added token that strips by a number", added({ id: 258, content: "<s>", rstrip: 1 }), /"<s>" swallows/],
  [
    "an added token that is a word in symbols",
    { ...added({ id: 258, content: "Ġhe" }), model: { ...model, ignore_merges: true } },
    /"Ġhe" hides/,
  ],
  ["an added token that hides a space", added({ id: 258, content: "Ġ" }), /"Ġ" hides/],
  ["an added token beyond a hole", added({ id: 259, content: "<s>" }), /258 is missing/],
];

for (const [title, json, names] of damaged) {
  test(`${title} is refused in a sentence that names the file and the fault`, () => {
    const sentence = refusal(() => tokenizerFromJson(json, "dir/tokenizer.json"));
    assert.match(sentence, /^dir\/tokenizer\.json is not a usable tokenizer: /);
    assert.match(sentence, names);
    assert.not.match(sentence, /\n/);
    assert.ok(sentence.length < 300);
  });
}
