import * as assert from "uvu/assert";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { InputError } from "../../src/base/errors.ts";
import { type GenerationOptions, generate, readDocument, readDocuments } from "../../src/model/generate.ts";
import type { ModelState } from "../../src/model/state.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { fallbackJson } from "../text/samples.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("generate");

const tokenizer = byteTokenizer();
/** Its gates prefer the memory, so that the memory matters. */
const model = new Transformer(tinyConfig({ memory_gate_init: 1, xl_cache_length: 3 }), 1);
const documents = randomDocuments([25, 12]);
const [first, second] = documents.map((document) => document.tokens());
const none = new Int32Array();

const newState = () => model.newState({ rows: 1 });
type Options = Parameters<typeof generate>[4];

async function write(state: ModelState, prompt: Int32Array, options: Options = {}): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of generate(model, tokenizer, state, prompt, options)) ids.push(id);
  return ids;
}

/** Returns the logits [V] of the next token, after `state` has read `ids`. */
function nextLogits(state: ModelState, ids: ArrayLike<number>): Float32Array {
  return step(() => noGrad(() => model.forward({ ids: Int32Array.from(ids) }, state).toArray())).slice(-256);
}

function assertNear(actual: Float32Array, expected: Float32Array) {
  for (const [i, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[i]) < 1e-4, `logit ${i} is ${value}, not ${expected[i]}`);
  }
}

/** Reads `ids` in pieces of at most `length`, and returns the logits after the last. */
function readInPieces(state: ModelState, ids: Int32Array, length: number): Float32Array {
  let logits: Float32Array = new Float32Array();
  for (let at = 0; at < ids.length; ) {
    const piece = ids.subarray(at, at + Math.min(length, state.room));
    logits = nextLogits(state, piece);
    at += piece.length;
  }
  return logits;
}

test("a small example, written out: of 12 tokens the first segment of 7 enters the memory, the rest when the document ends", async () => {
  const state = newState();
  await readDocument(model, state, second);
  assert.equal([state.memories.get(1)?.length(0), state.room], [7, 2]);
  state.endDocument();
  assert.equal([state.memories.get(1)?.length(0), state.room], [12, 7]);
});

for (const xl_cache_length of [0, 3, 16]) {
  test(`a document read by segments, by threes or token by token leaves the same logits (cache ${xl_cache_length})`, () => {
    const cached = new Transformer(tinyConfig({ memory_gate_init: 1, xl_cache_length }), 1);
    const read = (length: number) => {
      const state = cached.newState({ rows: 1 });
      const all: Float32Array[] = [];
      for (let at = 0; at < first.length; ) {
        const ids = first.subarray(at, at + Math.min(length, state.room));
        all.push(step(() => noGrad(() => cached.forward({ ids }, state).toArray())));
        at += ids.length;
      }
      return Float32Array.from(all.flatMap((logits) => [...logits]));
    };
    const bySegment = read(7);
    assert.is(bySegment.length, 25 * 256);
    assertNear(read(3), bySegment);
    assertNear(read(1), bySegment);
  });
}

test("a temperature of 0 writes the likeliest token, again and again", async () => {
  const written = await write(newState(), first, { tokens: 12, temperature: 0 });
  const state = newState();
  let logits = readInPieces(state, first, 7);
  for (const id of written) {
    assert.is(id, logits.indexOf(Math.max(...logits)));
    logits = nextLogits(state, [id]);
  }
  assert.is(written.length, 12);
});

test("the same seed writes the same text, another seed another text", async () => {
  const texts = await Promise.all([5, 5, 6].map((seed) => write(newState(), first, { tokens: 30, seed })));
  assert.equal(texts[1], texts[0]);
  assert.not.equal(texts[2], texts[0]);
  assert.is(texts[0].length, 30);
});

test("earlier documents are in the memory but not in the context of the next", async () => {
  const state = newState();
  await readDocument(model, state, first);
  await readDocument(model, state, second.subarray(0, 5));
  assert.is(state.memories.get(1)?.length(0), 17, "of 25 tokens the memory holds 17");
  await readDocument(model, state, none);
  assert.is(state.memories.get(1)?.appended(0), 30);
  const logits = nextLogits(state, second.subarray(0, 1));

  const blank = model.newState({ rows: 1, memorySize: 0 });
  const withoutMemory = nextLogits(blank, second.subarray(0, 1));
  assert.not.equal(logits, withoutMemory);
  const forgetful = model.newState({ rows: 1, memorySize: 0 });
  await readDocument(model, forgetful, first);
  await readDocument(model, forgetful, none);
  assert.equal(nextLogits(forgetful, second.subarray(0, 1)), withoutMemory);
});

test("a prompt continues the last document that was read", async () => {
  const prompt = Int32Array.of(1, 2, 3);
  const read = newState();
  assert.is(await readDocuments(model, read, documents.toReversed(), prompt), prompt);
  const expected = newState();
  await readDocument(model, expected, second);
  await readDocument(model, expected, Int32Array.of(...first, ...prompt.subarray(0, 2)));
  assertNear(nextLogits(expected, [3]), readInPieces(read, prompt, 9));
});

test("an empty prompt continues the last document at its end", async () => {
  const state = newState();
  const start = await readDocuments(model, state, documents.toReversed(), none);
  assert.equal([...start], [first[24]]);
  const expected = newState();
  await readDocument(model, expected, second);
  await readDocument(model, expected, first.subarray(0, 24));
  assert.is(state.memories.get(1)?.appended(0), 12 + 21, "of the last document three segments are complete");
  const logits = nextLogits(expected, [first[24]]);
  assert.equal(await write(state, start, { tokens: 1, temperature: 0 }), [logits.indexOf(Math.max(...logits))]);
});

test("without documents or a prompt, writing begins with a line break", async () => {
  const start = await readDocuments(model, newState(), [], none);
  assert.is(start.length, 0);
  const [fromNothing, fromLineBreak] = [start, tokenizer.encode("\n")].map((ids) =>
    write(newState(), ids, { tokens: 9 }),
  );
  assert.equal(await fromNothing, await fromLineBreak);
});

test("the written text is memorized", async () => {
  const state = newState();
  await write(state, none, { tokens: 27 });
  assert.is(
    state.memories.get(1)?.appended(0),
    21,
    "a line break and 26 tokens were read: three segments are complete",
  );
  await write(state, none, { tokens: 1 });
  assert.is(state.memories.get(1)?.appended(0), 28);
});

test("writing can be continued with the last token", async () => {
  const whole = await write(newState(), first, { tokens: 20, temperature: 0 });
  const state = newState();
  const start = await write(state, first, { tokens: 9, temperature: 0 });
  const rest = await write(state, Int32Array.from(start.slice(-1)), { tokens: 11, temperature: 0 });
  assert.equal([...start, ...rest], whole);
});

test("pieces of text make up the decoded tokens, including split characters", async () => {
  // Without an embedding all bytes are equally likely: some are part of a character, some are not text at all.
  const indifferent = new Transformer(tinyConfig(), 1);
  indifferent.parameters.get("model.embed_tokens.weight").fill(0);
  const texts: string[] = [];
  for (let seed = 0; seed < 12; seed++) {
    const [ids, pieces]: [number[], string[]] = [[], []];
    const state = indifferent.newState({ rows: 1 });
    for await (const { id, text } of generate(indifferent, tokenizer, state, none, { tokens: 3, seed })) {
      ids.push(id);
      pieces.push(text);
    }
    assert.is(pieces.length, 3);
    assert.is(pieces.join(""), tokenizer.decode(ids), `seed ${seed}`);
    texts.push(pieces.join(""));
  }
  assert.ok(
    texts.some((text) => text.endsWith("\ufffd")),
    "some end within a character",
  );
});

test("a continuation is what the text with it says more than the text before, where a tokenizer puts a space before texts", async () => {
  const spaced = tokenizerFromJson(fallbackJson(), "small");
  const fond = new Transformer(tinyConfig({ vocab_size: spaced.vocabSize }), 1);
  // It prefers the last tokens, ▁, h, i, hi and ▁hi, which all point one way.
  const rows = Array.from({ length: spaced.vocabSize * 12 }, (_, i) => (i < 259 * 12 ? 0 : 1));
  fond.parameters.get("model.embed_tokens.weight").set(Float32Array.from(rows));
  const texts = new Set<string>();
  for (let seed = 0; seed < 12; seed++) {
    for (const prompt of [spaced.encode("hi", { framed: true }), spaced.encode("hi"), spaced.encode("i hi")]) {
      const [ids, pieces]: [number[], string[]] = [[], []];
      const state = fond.newState({ rows: 1 });
      for await (const { id, text } of generate(fond, spaced, state, prompt, { tokens: 3, seed })) {
        ids.push(id);
        pieces.push(text);
      }
      assert.is(spaced.decode(prompt) + pieces.join(""), spaced.decode([...prompt, ...ids]));
      texts.add(pieces[0]);
    }
  }
  assert.ok(texts.has(" hi") && texts.has("h"), [...texts].join());
});

test("an abort ends writing and reading", async () => {
  const abort = new AbortController();
  const written: number[] = [];
  for await (const { id } of generate(model, tokenizer, newState(), first, { signal: abort.signal })) {
    written.push(id);
    if (written.length === 5) abort.abort();
  }
  assert.is(written.length, 5);
  const state = newState();
  await readDocument(model, state, first, { signal: abort.signal });
  assert.is(state.memories.get(1)?.appended(0), 0);
  assert.equal(await write(state, first, { signal: abort.signal }), []);
});

test("timers run while the model writes", async () => {
  let hasRun = false;
  for await (const { id } of generate(model, tokenizer, newState(), none, { tokens: 1e9 })) {
    assert.ok(Number.isInteger(id));
    setTimeout(() => (hasRun = true), 0);
    if (hasRun) break;
  }
});

test("reading reports its progress, by document and over all", async () => {
  const seen: number[][] = [];
  const onProgress = (done: number, total: number) => seen.push([done, total]);
  await readDocument(model, newState(), second, { onProgress });
  await readDocuments(model, newState(), [documents[1], documents[1]], Int32Array.of(1), { onProgress });
  assert.equal(seen, [
    [7, 12],
    [12, 12],
    [7, 24],
    [12, 24],
    [19, 24],
    [24, 24],
  ]);
});

test("impossible options are refused by name", async () => {
  const refused = async (options: Partial<GenerationOptions>) => {
    try {
      await write(newState(), none, options);
    } catch (error) {
      assert.instance(error, InputError);
      return (error as Error).message;
    }
    return assert.unreachable("nothing was refused") as never;
  };
  assert.is(await refused({ topP: 0 }), "generation: topP must be a number above 0, up to 1, not 0");
  assert.match(await refused({ temperature: -1 }), "generation: temperature must be a number from 0 to 1000");
  assert.match(await refused({ topK: 1.5 }), "generation: topK must be a whole number");
  assert.match(await refused({ tokens: Number.NaN }), "generation: tokens must be a whole number");
});

test("a state with sources notes the document of every token read and written", async () => {
  const state = model.newState({ rows: 1, tokenizer, memorySize: 60 });
  const start = await readDocuments(model, state, documents.toReversed(), none);
  const written = await write(state, start, { tokens: 6 });
  state.endDocument();
  const { documents: names, columns } = state.sources[0].copyOut(12 + 25 + 5);
  assert.equal(names, ["document 1", "document 0", "(written)"]);
  assert.equal([...columns.token], [...second, ...first, ...written.slice(0, 5)]);
  const places = [...Array(12).keys(), ...Array(25).keys(), ...Array(5).keys()];
  assert.equal([...columns.index], places);
  assert.equal([...columns.begin], places, "a token is a byte");
  assert.equal(
    [...columns.end],
    places.map((place) => place + 1),
  );
});
