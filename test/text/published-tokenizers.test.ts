/** Tokenizers of models that others trained, against the ids and texts that Hugging Face's `tokenizers` gave. */
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import * as assert from "uvu/assert";
import { TokenStream, tokenTexts } from "../../src/text/token-stream.ts";
import { type Tokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { absent, GOLDEN, type GoldenTokens, readAny, readGolden, STORIES } from "./published.ts";
import { fallbackJson } from "./samples.ts";

const test = suite("published tokenizers");

test("a small example, written out: byte tokens, then ▁ 259, h 260, i 261, hi 262, ▁hi 263", () => {
  const tokenizer = tokenizerFromJson(fallbackJson(), "small");
  assert.equal(tokenizer.encode("hi"), Int32Array.of(263));
  assert.equal(tokenizer.encode("hi é", { framed: true }), Int32Array.of(1, 263, 259, 3 + 0xc3, 3 + 0xa9));
  assert.is(tokenizer.decode([1, 263, 259, 3 + 0xc3, 3 + 0xa9]), "<s> hi é");
  assert.is(tokenizer.decode([1, 263, 259, 3 + 0xc3, 3 + 0xa9], { special: false }), "hi é");
  assert.is(tokenizer.byteLength(263), 3);
  assert.is(tokenizer.alters, "turns ▁ into a space");
});

test("special tokens that are typed stay text unless they are asked for, or where they are", () => {
  const tokenizer = tokenizerFromJson(fallbackJson(), "small");
  const typed = Array.from(new TextEncoder().encode("<s>"), (byte) => 3 + byte);
  assert.equal(tokenizer.encode("<s>"), Int32Array.of(259, ...typed));
  assert.equal(tokenizer.encode("<s>", { special: true }), Int32Array.of(1));
  assert.equal(tokenizer.encode("<s><s>", { special: [[3, 6]] }), Int32Array.of(259, ...typed, 1));
  assert.equal(tokenizer.encode("<s><s>", { special: [[1, 6]] }), Int32Array.of(259, ...typed, 1));
  assert.equal(tokenizer.specials, new Map(Object.entries({ "<unk>": 0, "<s>": 1, "</s>": 2 })));
});

test("a run of byte tokens that is not UTF-8 is one U+FFFD a byte, letters too", () => {
  const tokenizer = tokenizerFromJson(fallbackJson(), "small");
  const ids = [3 + 0xc3, 3 + 0x61, 260, 3 + 0xc3, 3 + 0xa9];
  assert.is(tokenizer.decode(ids), "\ufffd\ufffdhé");
  assert.equal(tokenTexts(tokenizer, Int32Array.from(ids)), ["\ufffd", "\ufffd", "h", "", "é"]);
});

test.unless(absent, "the oldest files, GPT-2's own, name no type of model", () => {
  const path = `${GOLDEN}/tokenizers/gpt2/tokenizer.json`;
  const { model, ...others } = readAny(path);
  const { type: _, ...untyped } = { ...model, continuing_subword_prefix: "", end_of_word_suffix: "", dropout: null };
  const [now, before] = [
    tokenizerFromJson({ ...others, model }, path),
    tokenizerFromJson({ ...others, model: untyped }, path),
  ];
  for (const text of ["The key was lost.", "naïve  日本 🙂\n"]) assert.equal(before.encode(text), now.encode(text));
  assert.is(Object(Object(before.toJSON()).model).type, "BPE");
  assert.match(
    refusal(() => tokenizerFromJson({ ...others, model: { ...untyped, merges: undefined } }, path)),
    'its model must be of type "BPE"',
  );
});

test("byte fallback without merges is refused, as merges that were not read are", () => {
  const json = fallbackJson();
  assert.throws(
    () => tokenizerFromJson({ ...json, model: { ...json.model, merges: [] } }, "t"),
    /model\.merges is empty/,
  );
});

type Sample = GoldenTokens & { readonly tokenizer: unknown };

/** Every tokenizer.json of the golden files, and the one of stories260K, with the file of its cases. */
function goldenFiles(): [json: string, expected: string][] {
  const folders = fs.readdirSync(`${GOLDEN}/tokenizers`).map((name) => `${GOLDEN}/tokenizers/${name}`);
  return [...folders, `${STORIES}/hf`].flatMap((folder) =>
    fs
      .readdirSync(folder)
      .filter((name) => /^tokenizer(\.\w+)?\.json$/.test(name))
      .map((name): [string, string] => [`${folder}/${name}`, `${folder}/expected.json`]),
  );
}

function checkGolden(tokenizer: Tokenizer, { cases, decode }: GoldenTokens): void {
  for (const { text, ids, bare = ids, decoded = text, decoded_with_special = decoded } of cases) {
    assert.equal(Array.from(tokenizer.encode(text, { special: true, framed: true })), ids, text);
    assert.equal(Array.from(tokenizer.encode(text, { special: true })), bare, text);
    assert.is(tokenizer.decode(ids, { special: false }), decoded);
    assert.is(tokenizer.decode(ids), decoded_with_special);
  }
  for (const { ids, decoded } of decode) assert.is(tokenizer.decode(ids, { special: false }), decoded);
}

/** Two of the golden files, with a part of their cases. */
const isCompiled = import.meta.url.includes("/dist/");
const sample = new URL(`${isCompiled ? "../../../test" : ".."}/fixtures/tokenizers.json`, import.meta.url);

for (const [name, { tokenizer, ...golden }] of Object.entries<Sample>(readAny(fileURLToPath(sample)))) {
  test(`the sample of ${name} gives the ids and texts of the original`, () => {
    checkGolden(tokenizerFromJson(tokenizer, name), golden);
  });
}

for (const [json, expected] of absent === undefined ? goldenFiles() : []) {
  test(`${json.slice(GOLDEN.length - 2)} gives the ids and texts of the original`, () => {
    checkGolden(tokenizerFromJson(readAny(json), json), readGolden(expected));
  });
}

/** The text that comes back, as `alters` describes it. */
const promised: Record<string, (text: string) => string> = {
  gpt2: (text) => text,
  smollm2: (text) => text,
  llama3: (text) => text,
  qwen2: (text) => text.normalize("NFC"),
  pythia: (text) => text.normalize("NFC"),
  llama2: (text) => text.replaceAll("▁", " "),
  gemma: (text) => text.replaceAll("▁", " "),
  "llama2-metaspace": (text) => text.replaceAll("▁", " ").replace(/^ /, ""),
};

const alterations: Record<string, string | undefined> = {
  gpt2: undefined,
  smollm2: undefined,
  llama3: undefined,
  qwen2: "composes accented characters (Unicode's NFC)",
  pythia: "composes accented characters (Unicode's NFC)",
  llama2: "turns ▁ into a space",
  gemma: "turns ▁ into a space",
  "llama2-metaspace": "turns ▁ into a space, and drops a space at the beginning of the text",
};

const pieces = fc.constantFrom(
  ..."ab 12.\n▁<",
  "  ",
  "e\u0301",
  "\u0338",
  "é",
  "日本",
  "😀",
  "\ufeff",
  "\u0085",
  "<|im_end|>",
  "<s>",
  "<think>",
  "'s",
  "the",
);
const someText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("")),
);

for (const name of Object.keys(promised)) {
  const path = `${GOLDEN}/tokenizers/${name}/tokenizer.json`;
  test.unless(absent, `${name} gives texts back as it promises, byte for byte and token for token`, () => {
    const tokenizer = tokenizerFromJson(readAny(path), path);
    assert.is(tokenizer.alters, alterations[name]);
    fc.assert(
      fc.property(someText, (text) => {
        const ids = tokenizer.encode(text);
        const decoded = tokenizer.decode(ids);
        // "<think>" is an added token that is not special: text on its two sides is composed apart.
        if (!text.includes(">\u0338")) assert.is(decoded, promised[name](text));
        const dropped = tokenizer.dropsFirstSpace && ids.length > 0 ? " " : "";
        assert.equal(bytesOf(tokenizer, ids), Array.from(new TextEncoder().encode(dropped + decoded)));
        assert.is(tokenTexts(tokenizer, ids).join(""), decoded);
      }),
      { numRuns: 300 },
    );
  });

  test.unless(absent, `${name} streams what it decodes, for any tokens`, () => {
    const tokenizer = tokenizerFromJson(readAny(path), path);
    const someIds = fc.array(fc.oneof(fc.nat(tokenizer.vocabSize - 1), fc.nat(300)), { maxLength: 30 });
    fc.assert(
      fc.property(someIds, fc.boolean(), (ids, special) => {
        const stream = new TokenStream(tokenizer, { special });
        for (const _ of [1, 2]) {
          assert.is(ids.map((id) => stream.push(id)).join("") + stream.flush(), tokenizer.decode(ids, { special }));
        }
        if (special) assert.is(tokenTexts(tokenizer, Int32Array.from(ids)).join(""), tokenizer.decode(ids));
      }),
      { numRuns: 300 },
    );
  });

  test.unless(absent, `${name} survives being written as JSON and read`, () => {
    const tokenizer = tokenizerFromJson(readAny(path), path);
    const again = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)), "copy");
    for (const { text } of readGolden(path.replace("tokenizer.json", "expected.json")).cases) {
      assert.equal(again.encode(text, { special: true }), tokenizer.encode(text, { special: true }));
    }
  });
}

function bytesOf(tokenizer: Tokenizer, ids: Int32Array): number[] {
  return Array.from(ids).flatMap((id) => [...tokenizer.bytes(id)]);
}
