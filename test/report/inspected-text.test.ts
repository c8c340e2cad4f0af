import * as assert from "uvu/assert";
import { inspect } from "../../src/inspect/inspect.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { InspectedText } from "../../src/report/inspected-text.ts";
import { byteTokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { fallbackJson } from "../text/samples.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("inspected text");

const bytes = byteTokenizer();
const model = new Transformer(tinyConfig(), 1);
const mine = "one\ntwo é\n\nfour";

/** The document "mine", read after others. */
async function inspected(memorySize: number, earlier: Record<string, string> = {}): Promise<InspectedText> {
  const reader = new Reader(model, bytes, { memorySize });
  for (const [name, text] of Object.entries(earlier)) await reader.read(text, { name });
  const inspection = await inspect(model, bytes, bytes.encode(mine), { known: reader.snapshot(), name: "mine" });
  reader.release();
  return new InspectedText(inspection, bytes);
}

test("the texts are the document's, and each token has its line", async () => {
  const text = await inspected(50);
  assert.is(text.texts.join(""), mine);
  assert.is(text.text(9), "é", "a character belongs to its last token");
  const lines = text.texts.map((_, token) => text.line(token));
  assert.equal(lines, [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 4, 4, 4, 4]);
  assert.is(text.place(5), "line 2");
});

test("earlier tokens have the names and lines of their own documents", async () => {
  const text = await inspected(50, { "a.md": "x\ny", "b.md": "z" });
  assert.equal(
    [-4, -3, -2, -1, 0].map(
      (token) => `${text.document(token)} ${JSON.stringify(text.text(token))} ${text.line(token)}`,
    ),
    ['a.md "x" 1', 'a.md "\\n" 1', 'a.md "y" 2', 'b.md "z" 1', 'mine "o" 1'],
  );
  assert.equal([text.place(-2), text.place(0)], ["a.md, line 2", "line 1"]);
});

test("if the beginning of a document has left the memory, the place is a byte", async () => {
  const text = await inspected(4, { "a.md": "one\ntwo", "b.md": "z" });
  assert.equal(
    [-4, -1].map((token) => text.line(token)),
    [0, 1],
  );
  assert.equal([text.place(-4), text.place(-1)], ["a.md, byte 4", "b.md, line 1"]);
});

test("an excerpt stays within its document and within what is known", async () => {
  const text = await inspected(50, { "a.md": "ab", "b.md": "cde" });
  assert.equal(text.excerpt(1, 3), { before: "o", token: "n", after: "e\nt" });
  assert.equal(text.excerpt(0, 3), { before: "", token: "o", after: "ne\n" });
  assert.equal(text.excerpt(-1, 9), { before: "cd", token: "e", after: "" });
  assert.equal(text.excerpt(-5, 9), { before: "", token: "a", after: "b" });
  assert.equal(text.excerpt(15, 2), { before: "ou", token: "r", after: "" });
});

test("tokens of a joined document have places in its files, earlier tokens in their own documents", async () => {
  const reader = new Reader(model, bytes, { memorySize: 50 });
  await reader.read("x", { name: "a.md" });
  const inspection = await inspect(model, bytes, bytes.encode(mine), { known: reader.snapshot(), name: "mine" });
  reader.release();
  const files = ["b.md", "c.md"].map((name, i) => ({ name, firstLine: 1 + i }));
  const text = new InspectedText(inspection, bytes, files);
  assert.equal(
    [-1, 0, 3, 4, 15].map((token) => text.place(token)),
    ["a.md, line 1", "b.md, line 1", "b.md, line 1", "c.md, line 1", "c.md, line 3"],
  );
  assert.equal([text.line(15), text.document(15)], [4, "mine"]);
});

test("a space that a tokenizer puts before texts is not shown where one begins, but is within it and where one goes on", async () => {
  const spaced = tokenizerFromJson(fallbackJson(), "small");
  const hi = new Transformer(tinyConfig({ vocab_size: spaced.vocabSize }), 1);
  for (const [memorySize, texts] of [
    [50, ["hi", " hi", " hi", "hi", " hi", "hi", " hi"]],
    [6, [" hi", " hi", "hi", " hi", "hi", " hi"]],
  ] as const) {
    const reader = new Reader(hi, spaced, { memorySize });
    await reader.read("hi hi hi", { name: "a.md" });
    await reader.read("hi hi", { name: "b.md" });
    await reader.read("hi", { name: "c.md" });
    await reader.read("hi", { name: "(written)" });
    const earlier = reader.snapshot().sources!;
    reader.release();
    const text = new InspectedText({ name: "d.md", ids: spaced.encode("hi hi"), earlier }, spaced);
    assert.equal(
      texts.map((_, i) => text.text(i - texts.length)),
      texts,
    );
    assert.equal(text.texts, ["hi", " hi"]);
  }
});
