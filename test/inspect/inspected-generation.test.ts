import * as assert from "uvu/assert";
import { type InspectedToken, inspectGeneration } from "../../src/inspect/inspected-generation.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("inspected generation");

const bytes = byteTokenizer();
/** Its memory layer is the first, so a score depends on the two tokens alone. */
const model = new Transformer(tinyConfig({ memory_layers: [0], memory_gate_init: 1 }), 1);
const DOCUMENT = "one fish, two fish, red fish, blue fish";
const OPTIONS = { tokens: 12, temperature: 0.7, seed: 3 };

async function collected<T>(tokens: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const token of tokens) all.push(token);
  return all;
}

async function readerOf(memorySize: number): Promise<Reader> {
  const reader = new Reader(model, bytes, { memorySize });
  await reader.read(DOCUMENT, { name: "fish" });
  return reader;
}

async function written(memorySize: number, options = {}): Promise<InspectedToken[]> {
  const reader = await readerOf(memorySize);
  const tokens = await collected(reader.generateInspected("old ", { ...OPTIONS, ...options }));
  reader.release();
  return tokens;
}

test("a small example, written out: every token has four pairs in each of two heads, and a gate for each", async () => {
  for (const { retrieved, gates } of await written(100, { top: 99 })) {
    assert.is(retrieved.length, 8);
    assert.equal(
      gates.map(({ layer, head }) => `${layer}.${head}`),
      ["0.0", "0.1"],
    );
    for (const { gate } of gates) assert.ok(Math.abs(gate - 1 / (1 + Math.exp(-1))) < 1e-6);
  }
});

test("the text is that of generate, and the memory is the same afterwards", async () => {
  const [watched, plain] = [await readerOf(100), await readerOf(100)];
  const text = (tokens: readonly { text: string }[]) => tokens.map((token) => token.text).join("");
  assert.is(
    text(await collected(watched.generateInspected("old ", OPTIONS))),
    text(await collected(plain.generate("old ", OPTIONS))),
  );
  assert.equal(watched.snapshot().layers, plain.snapshot().layers);
  for (const reader of [watched, plain]) reader.release();
});

test("a pair leads to its document, its place and its bytes there", async () => {
  const tokens = await written(100, { top: 99, tokens: 30 });
  const texts = new Map([
    ["fish", DOCUMENT],
    ["(prompt)", "old "],
  ]);
  const documents = new Set<string>();
  for (const { document, source, serial } of tokens.flatMap(({ retrieved }) => retrieved)) {
    documents.add(document);
    const text = texts.get(document);
    if (text !== undefined) assert.is(text.slice(source.begin, source.end), String.fromCharCode(source.token));
    if (document === "fish") assert.is(serial, source.index);
    if (document === "(prompt)") assert.is(serial, DOCUMENT.length + source.index);
  }
  assert.ok(documents.has("fish") && documents.has("(written)"), [...documents].join());
});

test("the largest shares come first, and `top` of them are kept", async () => {
  const [all, few] = [await written(100, { top: 99 }), await written(100, { top: 3 })];
  for (const [i, { retrieved }] of few.entries()) {
    assert.equal(retrieved, all[i].retrieved.slice(0, 3));
    for (const [rank, { share }] of retrieved.entries()) assert.ok(rank === 0 || share <= retrieved[rank - 1].share);
  }
});

test("without a memory nothing is retrieved, and the text is that of generate", async () => {
  const tokens = await written(0);
  assert.ok(tokens.every(({ retrieved, gates }) => retrieved.length + gates.length === 0));
});

test("a state that notes no sources is refused", async () => {
  const state = model.newState({ rows: 1, memorySize: 9 });
  const error: unknown = await collected(inspectGeneration(model, bytes, state, bytes.encode("a"))).catch((e) => e);
  assert.match(String(error), /state: it does not note where its pairs come from; make it with a tokenizer/);
  state.release();
});
