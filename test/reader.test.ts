/** A reader: it reads, writes and evaluates like the model itself, and its memory survives saving. */
import * as assert from "uvu/assert";
import { InputError } from "../src/base/errors.ts";
import { summarize } from "../src/inspect/inspection-summary.ts";
import { decodeMemory, encodeMemory } from "../src/memory/memory-file.ts";
import { generate, readDocument } from "../src/model/generate.ts";
import { Transformer } from "../src/model/transformer.ts";
import { Reader } from "../src/reader.ts";
import { tokenTexts } from "../src/text/token-stream.ts";
import { byteTokenizer } from "../src/text/tokenizer.ts";
import { wordsOfTokens } from "../src/text/words.ts";
import { evaluate } from "../src/train/evaluate.ts";
import { suite } from "./harness.ts";
import { refusal } from "./refusal.ts";
import { documentOf, tinyConfig } from "./tiny.ts";

const test = suite("reader");

const tokenizer = byteTokenizer();
/** Its gates prefer the memory, so that the memory matters. */
const model = new Transformer(tinyConfig({ memory_gate_init: 2, memory_layers: [0, 1], xl_cache_length: 3 }), 1);
const notes = ["one fish, two fish, red fish", "black fish, blue fish"];

async function written(reader: Reader, prompt: string, options: Parameters<Reader["generate"]>[1]): Promise<string> {
  let text = "";
  for await (const piece of reader.generate(prompt, options)) text += piece.text;
  return text;
}

async function readerOf(memorySize: number): Promise<Reader> {
  const reader = new Reader(model, tokenizer, { memorySize });
  for (const [n, text] of notes.entries()) await reader.read(text, { name: `note ${n}` });
  return reader;
}

test("a small example, written out: a reader of 4 bytes remembers the last 4", async () => {
  const reader = new Reader(model, tokenizer, { memorySize: 4 });
  await reader.read("abc", { name: "one" });
  await reader.read("def", { name: "two" });
  assert.is(reader.remembered, 4);
  const { sources } = reader.snapshot();
  assert.is(tokenizer.decode(sources?.columns.token ?? new Int32Array()), "cdef");
  assert.equal([...(sources?.columns.document ?? [])], [0, 1, 1, 1]);
});

test("several documents are remembered completely, up to the memory's size", async () => {
  assert.is((await readerOf(100)).remembered, notes.join("").length);
  const reader = await readerOf(30);
  assert.is(reader.remembered, 30);
  const { sources, length } = reader.snapshot();
  assert.is(length, 30);
  assert.equal([...(sources?.documents ?? [])], ["note 0", "note 1"]);
  assert.equal([...(sources?.columns.token ?? [])], [...tokenizer.encode(notes.join("")).slice(-30)]);
});

test("it writes what the model writes, and remembers prompt and text", async () => {
  const reader = await readerOf(100);
  const state = model.newState({ rows: 1, memorySize: 100 });
  for (const text of notes) await readDocument(model, state, tokenizer.encode(text));
  state.endDocument();
  let expected = "";
  const options = { tokens: 9, seed: 4 };
  for await (const piece of generate(model, tokenizer, state, tokenizer.encode("old"), options)) expected += piece.text;
  assert.is(await written(reader, "old", options), expected);
  assert.is(reader.remembered, notes.join("").length + 3 + 9, "the last token that was written too");
  assert.equal(reader.snapshot().sources?.documents.slice(2), ["(prompt)", "(written)"]);
});

test("a prompt with a wrong option leaves no source", async () => {
  const reader = await readerOf(100);
  const refused = await written(reader, "old", { temperature: -1 }).catch((error: Error) => error);
  assert.instance(refused, InputError);
  assert.equal([...(reader.snapshot().sources?.documents ?? [])], ["note 0", "note 1"]);
});

for (const [memory_search, smear_keys, memory_copy = false] of [
  ["exact", "none"],
  ["quantised", "none"],
  ["bucketed", "none"],
  ["exact", "all"],
  ["quantised", "memory_layers"],
  ["bucketed", "memory_layers"],
  ["inverted", "all"],
  ["quantised", "memory_layers", true],
] as const) {
  for (const memorySize of [30, 100]) {
    const variant = `a memory of ${memorySize}, ${memory_search} search, smeared keys: ${smear_keys}${memory_copy ? ", copying" : ""}`;
    test(`a saved and restored memory gives bit-identical results: ${variant}`, async () => {
      const searching = new Transformer({ ...model.config, memory_search, smear_keys, memory_copy }, 1);
      const [reader, other] = [0, 1].map(() => new Reader(searching, tokenizer, { memorySize }));
      for (const text of notes) await reader.read(text);
      other.restore(decodeMemory(encodeMemory(reader.snapshot()), "file"));
      for (const prompt of ["a", "new fish"]) {
        assert.is(other.perplexity(prompt.repeat(9)), reader.perplexity(prompt.repeat(9)));
        assert.is(await written(other, prompt, { tokens: 20 }), await written(reader, prompt, { tokens: 20 }));
      }
      const [a, b] = [reader, other].map((each) => each.snapshot().layers);
      assert.equal(a, b, "both memories are bit-identical");
    });
  }
}

test("perplexity depends on the memory, and changes nothing", async () => {
  const [reader, blank] = [await readerOf(50), new Reader(model, tokenizer, { memorySize: 50 })];
  const text = "red fish, blue fish";
  const before = reader.snapshot();
  const perplexity = reader.perplexity(text);
  assert.is(reader.perplexity(text), perplexity);
  assert.equal(reader.snapshot(), before);
  assert.is.not(blank.perplexity(text), perplexity);
  const documents = [documentOf("text", tokenizer.encode(text))];
  assert.is(blank.perplexity(text), evaluate(model, documents, tokenizer, { memorySizes: [50] }).results[0].perplexity);
  const forgetful = new Reader(model, tokenizer, { memorySize: 0 });
  assert.is(
    forgetful.perplexity(text),
    evaluate(model, documents, tokenizer, { memorySizes: [0] }).results[0].perplexity,
  );
});

test("an abort ends reading and writing, and the tokens read so far are remembered", async () => {
  const reader = new Reader(model, tokenizer, { memorySize: 1000 });
  const abort = new AbortController();
  await reader.read("fish ".repeat(100), {
    signal: abort.signal,
    onProgress: (done) => done >= 14 && abort.abort(),
  });
  assert.is(reader.remembered, 14);
  const pieces: string[] = [];
  const halt = new AbortController();
  for await (const { text } of reader.generate("a", { signal: halt.signal })) {
    if (pieces.push(text) === 5) halt.abort();
  }
  assert.is(pieces.length, 5);
  assert.is(reader.remembered, 14 + 1 + 5);
});

test("a prompt is remembered whole where nothing is written, and where somebody stops listening", async () => {
  const reader = new Reader(model, tokenizer, { memorySize: 100 });
  assert.is(await written(reader, "old", { tokens: 0 }), "");
  assert.is(reader.remembered, 3);
  for await (const { text } of reader.generate("new", { tokens: 9 })) {
    assert.ok(text.length <= 1);
    break;
  }
  assert.is(reader.remembered, 3 + 3 + 1);
  const whole = new Reader(model, tokenizer, { memorySize: 100 });
  await whole.read("old");
  assert.equal(reader.snapshot().layers.get(1)?.keys.slice(0, 8), whole.snapshot().layers.get(1)?.keys.slice(0, 8));
});

test("inspecting a text reports the pairs retrieved from earlier documents, and memorizes nothing", async () => {
  const reader = await readerOf(60);
  const inspection = await reader.inspect("red fish, blue fish", { name: "the text", top: 2 });
  assert.equal([inspection.name, inspection.memorySize, inspection.retrieved.top], ["the text", 60, 2]);
  assert.equal([...inspection.earlier.documents], ["note 0", "note 1"]);
  const loss = inspection.nats.reduce((sum, nats) => sum + nats, 0) / (inspection.ids.length - 1);
  assert.ok(Math.abs(Math.exp(loss) / reader.perplexity("red fish, blue fish") - 1) < 1e-5);
  const { documents } = summarize(inspection, wordsOfTokens(tokenTexts(tokenizer, inspection.ids)), 3);
  assert.is(documents.length, 3);
  assert.is(reader.remembered, notes.join("").length);
});

test("a busy reader refuses other work", async () => {
  const reader = new Reader(model, tokenizer);
  const reading = reader.read("fish ".repeat(20));
  assert.throws(() => reader.snapshot(), /one thing at a time/);
  assert.throws(() => reader.perplexity("abc"), /one thing at a time/);
  await reading;
  for await (const _ of reader.generate("a", { tokens: 5 })) break;
  assert.is(reader.snapshot().length, 17, "a loop that was left has ended the work");
});

test("the memory of another model is refused, naming both fingerprints", async () => {
  const snapshot = (await readerOf(30)).snapshot();
  const other = new Reader(new Transformer(model.config, 2), tokenizer);
  const { model: ownFingerprint } = other.snapshot();
  assert.is(
    refusal(() => other.restore(snapshot)),
    `the memory was made by the model ${snapshot.model}, this is the model ${ownFingerprint}; read the documents again with this one`,
  );
  const forgetful = new Reader(model, tokenizer, { memorySize: 0 });
  assert.match(
    refusal(() => forgetful.restore(snapshot)),
    /^this model has no memory/,
  );
});
