import * as fs from "node:fs";
import process from "node:process";
import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { trainBpe } from "../../src/text/bpe-trainer.ts";
import { preTokens } from "../../src/text/byte-level.ts";
import { TokenStream } from "../../src/text/token-stream.ts";
import { byteTokenizer, type Tokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { digitsThenWords, randomText, SAMPLES } from "./samples.ts";

const test = suite("tokenizer");

test("a byte's id is its value", () => {
  assert.equal(byteTokenizer().encode("aé"), Int32Array.of(0x61, 0xc3, 0xa9));
  assert.is(byteTokenizer().vocabSize, 256);
});

test("a small example, written out: after the bytes, he is 256 and the is 257", () => {
  const tokenizer = tokenizerFromJson(trainBpe(["the the he"], { vocabSize: 258 }), "small");
  assert.equal(tokenizer.encode("the he a"), Int32Array.of(257, 0x20, 256, 0x20, 0x61));
  assert.is(tokenizer.decode(Int32Array.of(256, 257)), "hethe");
});

const corpus = [...Object.values(SAMPLES), randomText(4000, new Random(1))];
const bpeJson = trainBpe(corpus, { vocabSize: 400 });

/** The same vocabulary with tokens that are searched for in the text first. */
function withAddedTokens(...contents: string[]) {
  const added_tokens = contents.map((content, i) => ({ id: 400 + i, content, special: i % 2 === 0 }));
  return { ...bpeJson, added_tokens };
}

const sequenceJson = { ...bpeJson, pre_tokenizer: digitsThenWords };

const templateJson = {
  ...bpeJson,
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "a", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { a: { id: "a", ids: [97], tokens: ["a"] } },
  },
};

const tokenizers: Record<string, Tokenizer> = {
  "the byte tokenizer": byteTokenizer(),
  "byte-level BPE": tokenizerFromJson(bpeJson, "bpe"),
  "BPE with added tokens": tokenizerFromJson(withAddedTokens("<|endoftext|>", "<s>", "  ", "日本", "Ġx"), "added"),
  "BPE with a sequence of pre-tokenizers": tokenizerFromJson(sequenceJson, "sequence"),
  "BPE with a template": tokenizerFromJson(templateJson, "template"),
};

for (const [name, tokenizer] of Object.entries(tokenizers)) {
  test(`${name} gives every text back unchanged`, () => {
    for (const [title, text] of Object.entries(SAMPLES)) {
      assert.is(tokenizer.decode(tokenizer.encode(text)), text, title);
    }
    const random = new Random(2);
    for (let length = 0; length < 100; length++) {
      const text = randomText(length, random);
      assert.is(tokenizer.decode(tokenizer.encode(text)), text);
    }
  });

  test(`${name} knows the bytes of its tokens: together they are the text's`, () => {
    for (const [title, text] of Object.entries(SAMPLES)) {
      const ids = Array.from(tokenizer.encode(text));
      const bytes = ids.flatMap((id) => [...tokenizer.bytes(id)]);
      assert.equal(bytes, [...new TextEncoder().encode(text)], title);
      assert.is(
        ids.reduce((sum, id) => sum + tokenizer.byteLength(id), 0),
        bytes.length,
        title,
      );
    }
  });

  test(`${name} survives being written as JSON and read`, () => {
    const again = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)), "copy");
    assert.is(again.vocabSize, tokenizer.vocabSize);
    for (const text of Object.values(SAMPLES)) assert.equal(again.encode(text), tokenizer.encode(text));
  });

  test(`${name} streams the same text as it decodes at once, also when ids are random`, () => {
    const random = new Random(3);
    for (let round = 0; round < 50; round++) {
      const ids = Array.from({ length: round }, () => Math.floor(random.next() * tokenizer.vocabSize));
      const stream = new TokenStream(tokenizer);
      const text = ids.map((id) => stream.push(id)).join("") + stream.flush();
      assert.is(text, tokenizer.decode(ids));
    }
  });

  test(`${name} refuses ids outside its vocabulary`, () => {
    for (const id of [-1, tokenizer.vocabSize, 0.5, NaN]) {
      assert.throws(() => tokenizer.decode([0, id]), /^token id: got .*; it must be a whole number from 0 to/);
      assert.throws(() => tokenizer.bytes(id), /^token id: got .*; it must be a whole number from 0 to/);
      assert.throws(() => tokenizer.byteLength(id), /^token id: got .*; it must be a whole number from 0 to/);
    }
  });
}

test("BPE shortens what it was trained on", () => {
  const text = SAMPLES.ascii;
  const tokenizer = tokenizerFromJson(trainBpe([text, text], { vocabSize: 1000 }), "trained");
  assert.is(tokenizer.encode(text).length, [...preTokens(text)].length);
});

/** The library takes U+FEFF for white space, and U+0085 for none, unlike the original. */
const isOdd = (text: string) => /[\ufeff\u0085]/.test(text);

test("a byte order mark is no white space, the line end U+0085 is", () => {
  assert.equal([...preTokens("a \ufeffb \u0085c")], ["a", " \ufeff", "b", " ", "\u0085", "c"]);
});

test("encoding word by word gives exactly the tokens that the library gives for the whole text", () => {
  const library = new LibraryTokenizer(bpeJson, {});
  const random = new Random(4);
  const texts = Array.from({ length: 300 }, (_, length) => randomText(length, random));
  for (const text of [...Object.values(SAMPLES), ...texts].map((sample) => sample.replaceAll("\ufeff", ""))) {
    if (isOdd(text)) continue;
    assert.equal(Array.from(tokenizers["byte-level BPE"].encode(text)), library.encode(text).ids);
  }
});

test("an added token is one token wherever it stands in the text, a special one where it is asked for", () => {
  const tokenizer = tokenizers["BPE with added tokens"];
  const ids = Array.from(tokenizer.encode("a<|endoftext|>b<s>", { special: true }));
  assert.equal(ids, [97, 400, 98, 401]);
  assert.equal(tokenizer.encode("<s>"), Int32Array.of(401));
  assert.is(tokenizer.encode("<|endoftext|>").indexOf(400), -1);
  assert.is(tokenizer.decode([97, 400, 98, 401], { special: false }), "ab<s>");
  assert.is(tokenizer.vocabSize, 405);
  assert.is(tokenizer.byteLength(400), 13);
});

test("without the words of GPT-2 a token may reach over a space", () => {
  const model = { ...bpeJson.model, vocab: { ...bpeJson.model.vocab, eĠ: 400 }, merges: ["e Ġ"] };
  const json = (use_regex: boolean) => ({ ...bpeJson, model, pre_tokenizer: { ...bpeJson.pre_tokenizer, use_regex } });
  assert.equal(tokenizerFromJson(json(false), "whole").encode("e e"), Int32Array.of(400, 0x65));
  assert.equal(tokenizerFromJson(json(true), "words").encode("e e"), Int32Array.of(0x65, 0x20, 0x65));
});

test("a template's beginning-of-text token is not put before documents, but where it is asked for", () => {
  assert.equal(tokenizers["BPE with a template"].encode("", { framed: true }), Int32Array.of(97));
  assert.equal(tokenizers["BPE with a template"].encode("xy"), tokenizers["byte-level BPE"].encode("xy"));
});

test("encoding takes time in proportion to the length, words or no words", () => {
  const tokenizer = tokenizers["byte-level BPE"];
  const words = randomText(1000, new Random(5));
  for (const unit of [words, "x".repeat(1000), " ".repeat(1000)]) {
    const time = (copies: number) => {
      const text = unit.repeat(copies);
      const begin = process.cpuUsage(); // a busy machine makes one wait, but not compute
      tokenizer.encode(text);
      return process.cpuUsage(begin).user / 1000;
    };
    time(10);
    const short = Math.min(time(10), time(10), time(10));
    const long = Math.min(time(100), time(100));
    // Ten times the text: about ten times as long if linear, a hundred times if quadratic.
    assert.ok(long < 40 * Math.max(short, 1), `${short} ms became ${long} ms`);
  }
});

const books = "../shared/corpora/books/valid";
test.unless(fs.existsSync(books) ? undefined : `no ${books}`, "whole books come back unchanged", () => {
  for (const name of fs.readdirSync(books)) {
    const text = fs.readFileSync(`${books}/${name}`, "utf8");
    const tokenizer = tokenizers["byte-level BPE"];
    assert.is(tokenizer.decode(tokenizer.encode(text)), text, name);
  }
});
