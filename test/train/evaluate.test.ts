import * as assert from "uvu/assert";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { exp } from "../../src/base/portable-math.ts";
import type { TokenizedDocument } from "../../src/data/corpus.ts";
import { type MemorySnapshot, takeSnapshot } from "../../src/memory/snapshot.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { readDocument } from "../../src/model/generate.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { type EvaluateOptions, evaluate, type TokenLoss } from "../../src/train/evaluate.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { documentOf, randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("evaluate");

const bytes = byteTokenizer();
const documents = randomDocuments([40, 1, 23, 8, 0, 31, 15]);
const predicted = 39 + 22 + 7 + 30 + 14;

/** Evaluates a fresh tiny model. Its gates prefer the memory, so that the memory matters. */
function run(options: EvaluateOptions, config: Partial<ModelConfig> = {}, texts: TokenizedDocument[] = documents) {
  const losses: TokenLoss[] = [];
  const model = new Transformer(tinyConfig({ memory_gate_init: 1, ...config }), 1);
  const result = evaluate(model, texts, bytes, { onToken: (loss) => losses.push(loss), ...options });
  model.parameters.release();
  return { ...result, losses };
}

/** Returns the losses by document and place, to compare runs that read in another order. */
function byPlace(losses: readonly TokenLoss[]): Map<string, number> {
  const sorted = losses.map(({ document, index, nats }): [string, number] => [`${document} ${index}`, nats]).sort();
  return new Map(sorted);
}

test("a small example, written out: without an embedding all 256 bytes are equally likely", () => {
  const model = new Transformer(tinyConfig(), 1);
  model.parameters.get("model.embed_tokens.weight").fill(0);
  const { tokens, results } = evaluate(model, [documentOf("abc", bytes.encode("abc"))], bytes, { memorySizes: [0] });
  assert.is(tokens, 2); // the first token is never predicted
  assert.ok(Math.abs(results[0].perplexity - 256) < 1e-3);
  assert.ok(Math.abs(results[0].bits_per_byte - 8) < 1e-5);
  model.release();
});

test("every token after a document's first is predicted once for every memory size", () => {
  const { tokens, losses, results } = run({ memorySizes: [30, 0, 5] });
  assert.is(tokens, predicted);
  assert.equal(
    results.map(({ memory }) => memory),
    [30, 0, 5],
  );
  const expected = documents.flatMap((document) =>
    [...document.tokens()].map((token, index) => ({ document: document.name, index, token })).slice(1),
  );
  for (const { memory } of results) {
    const seen = losses.filter((loss) => loss.memory === memory);
    assert.equal(
      seen.map(({ document, index, token }) => ({ document, index, token })),
      expected,
    );
  }
});

test("perplexity is exp of the mean over all tokens, bits per byte the mean over all bytes", () => {
  // The last digit of a token is its number of bytes.
  const tokenizer = Object.assign(byteTokenizer(), { byteLength: (id: number) => id % 10 });
  const model = new Transformer(tinyConfig(), 1);
  const result = evaluate(model, documents, tokenizer, { memorySizes: [17] });
  const targets = documents.flatMap((document) => [...document.tokens().subarray(1)]);
  assert.is(
    result.bytes,
    targets.reduce((sum, id) => sum + (id % 10), 0),
  );
  const { losses } = run({ memorySizes: [17] }, { memory_gate_init: 0 });
  const nats = losses.reduce((sum, loss) => sum + loss.nats, 0);
  assert.equal(result.results, [
    {
      memory: 17,
      perplexity: exp(nats / predicted),
      bits_per_byte: nats / Math.LN2 / result.bytes,
      nats,
      gates: [0.5, 0.5],
    },
  ]);
});

test("the nats agree with the model's logits", () => {
  const text = documents[0].tokens(); // 40 tokens: five segments of 7, and one of 4
  const model = new Transformer(tinyConfig({ memory_gate_init: 1 }), 1);
  const state = model.newState({ rows: 1, memorySize: 9 });
  const expected: number[] = [];
  for (let at = 0; at < 39; at += 7) {
    const ids = text.slice(at, Math.min(at + 7, 39));
    const targets = text.slice(at + 1, at + 1 + ids.length);
    const nats = step(() => noGrad(() => crossEntropy(model.forward({ ids }, state), targets).nats.toArray()));
    expected.push(...nats);
  }
  const { losses } = run({ memorySizes: [9] }, {}, [documents[0]]);
  assert.is(losses.length, expected.length);
  for (const [i, { nats }] of losses.entries()) assert.ok(Math.abs(nats - expected[i]) < 1e-5, `token ${i}`);
});

for (const rows of [2, 5, 9]) {
  test(`${rows} documents in parallel have the same losses as one by one`, () => {
    const config = { xl_cache_length: 5 };
    const alone = byPlace(run({ memorySizes: [12] }, config).losses);
    const together = byPlace(run({ memorySizes: [12], rows }, config).losses);
    assert.equal([...together.keys()], [...alone.keys()]);
    for (const [place, nats] of alone) {
      assert.ok(Math.abs(nats - (together.get(place) ?? 0)) < 1e-5, `${place}: ${nats} or ${together.get(place)}`);
    }
  });
}

test("a memory of 0 is bit-identical to the model without memory", () => {
  const plain = run({ memorySizes: [0] }, { memory_layers: [] });
  const memorizing = run({ memorySizes: [0] });
  assert.equal(memorizing.losses, plain.losses);
  assert.equal(memorizing.results, plain.results);
});

test("enlarging the memory leaves the losses of tokens that fit the smaller one bit-identical", () => {
  const [small, large] = [14, 200].map((memory) => run({ memorySizes: [memory] }, {}, [documents[0]]).losses);
  // Tokens 1 to 21 are predicted in the first three segments, whose memory holds at most 14 pairs.
  const nats = (losses: TokenLoss[]) => losses.map((loss) => loss.nats);
  assert.equal(nats(large).slice(0, 21), nats(small).slice(0, 21));
  assert.not.equal(nats(large).slice(21), nats(small).slice(21));
});

test("sizes do not affect each other, and free their memories", () => {
  const separate = [0, 9, 50].flatMap((memory) => run({ memorySizes: [memory] }).losses);
  const model = new Transformer(tinyConfig({ memory_gate_init: 1 }), 1);
  const before = heap.bytesInUse;
  const losses: TokenLoss[] = [];
  evaluate(model, documents, bytes, { memorySizes: [0, 9, 50], onToken: (loss) => losses.push(loss) });
  assert.equal(losses, separate);
  assert.is(heap.bytesInUse, before);
});

test("at most maxTokens tokens of each document count", () => {
  const { tokens, losses } = run({ memorySizes: [17], maxTokens: 10 });
  assert.is(tokens, 10 + 10 + 7 + 10 + 10);
  const all = byPlace(run({ memorySizes: [17] }).losses);
  for (const { document, index, nats } of losses) {
    assert.ok(index <= 10);
    assert.ok(Math.abs(nats - (all.get(`${document} ${index}`) ?? 0)) < 1e-5);
  }
});

test("progress goes up to all tokens of all sizes", () => {
  const seen: [number, number][] = [];
  run({ memorySizes: [0, 5], onProgress: (done, total) => seen.push([done, total]) });
  assert.equal(seen[0], [7, 2 * predicted]);
  assert.equal(seen[seen.length - 1], [2 * predicted, 2 * predicted]);
  for (const [i, [done]] of seen.entries()) assert.ok(i === 0 || done > seen[i - 1][0]);
});

test("impossible evaluations are refused", () => {
  const wanted = "an array, each item of it a whole number from 0 to 16,777,216";
  const sizes = (...memorySizes: number[]) => refusal(() => run({ memorySizes }));
  assert.is(sizes(0, -1), `memorySizes: got [0,-1]; it must be ${wanted}`);
  assert.is(sizes(1.5), `memorySizes: got [1.5]; it must be ${wanted}`);
  assert.is(
    refusal(() => run({ memorySizes: [0, 512] }, { memory_layers: [] })),
    "the model has no memory layers, so a memory of 512 is impossible; evaluate it with 0",
  );
  assert.match(
    refusal(() => run({ memorySizes: [0] }, {}, [documentOf("a", [1])])),
    "nothing to predict",
  );
});

/** Returns a snapshot of `length` tokens in a memory of `size`, by the model of `run`. */
async function known(size: number, length: number, config: Partial<ModelConfig> = {}): Promise<MemorySnapshot> {
  const model = new Transformer(tinyConfig({ memory_gate_init: 1, ...config }), 1);
  const state = model.newState({ rows: 1, memorySize: size });
  await readDocument(model, state, randomDocuments([length], 99)[0].tokens());
  state.endDocument();
  const snapshot = takeSnapshot(state, 0, model.fingerprint());
  state.release();
  model.parameters.release();
  return snapshot;
}

test("every document begins with the known memory and nothing else, in any order and with any number of rows", async () => {
  const snapshot = await known(50, 44);
  const options = { memorySizes: [17, 50, 90], known: snapshot };
  const together = run(options);
  assert.ok(run({ memorySizes: [17, 50, 90] }).results.every(({ nats }, i) => nats !== together.results[i].nats));
  for (const document of documents.filter((document) => document.tokens().length > 1)) {
    const alone = run(options, {}, [document]).losses;
    assert.equal(
      alone,
      together.losses.filter((loss) => loss.document === document.name),
    );
  }
  const inRows = run({ ...options, rows: 3 });
  for (const [i, { memory }] of inRows.results.entries()) {
    const of = (losses: readonly TokenLoss[]) => byPlace(losses.filter((loss) => loss.memory === memory));
    assert.equal(of(inRows.losses), of(together.losses), `memory ${i}`);
  }
});

test("without a memory, a known memory changes nothing", async () => {
  const snapshot = await known(50, 44);
  assert.equal(run({ memorySizes: [0], known: snapshot }), run({ memorySizes: [0] }));
});

for (const memory_search of ["exact", "quantised"] as const) {
  for (const knownTokens of [0, 12]) {
    test(`a larger memory than that of training leaves the first losses as they are, knowing ${knownTokens}: ${memory_search}`, async () => {
      const [text] = randomDocuments([120]);
      const snapshot = await known(40, knownTokens, { memory_search });
      const options = { memorySizes: [40, 320], known: snapshot };
      const { losses } = run(options, { memory_search }, [text]);
      const [trained, grown] = [40, 320].map((size) => losses.filter(({ memory }) => memory === size));
      // Up to the last segment that begins with at most 40 pairs in the memory.
      const same = 7 * (Math.floor((40 - knownTokens) / 7) + 1);
      const nats = (some: TokenLoss[]) => some.map((loss) => loss.nats);
      assert.equal(nats(grown).slice(0, same), nats(trained).slice(0, same));
      assert.not.equal(nats(grown).slice(same), nats(trained).slice(same));
    });
  }
}

test("the memory of another model is refused, naming both fingerprints", async () => {
  const snapshot = { ...(await known(50, 44)), model: "0123456789abcdef", name: "notes.memory.safetensors" };
  assert.match(
    refusal(() => run({ memorySizes: [17], known: snapshot })),
    /^notes\.memory\.safetensors was made by the model 0123456789abcdef, this is the model [0-9a-f]{16};/,
  );
});
