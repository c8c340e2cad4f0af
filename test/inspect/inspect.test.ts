import * as assert from "uvu/assert";
import { type Inspection, type InspectOptions, inspect } from "../../src/inspect/inspect.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import type { LanguageModel } from "../../src/nn/language-model.ts";
import { Reader } from "../../src/reader.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { documentOf, randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("inspect");

const bytes = byteTokenizer();
const [ids, others] = randomDocuments([93, 40]).map((document) => document.tokens());
const SEGMENT = 7;

/** A tiny model whose memory layer is its first: its keys and queries depend on nothing but the token. */
const shallow = new Transformer(tinyConfig({ memory_layers: [0], memory_gate_init: 1 }), 1);

function modelOf(config: Partial<ModelConfig>): Transformer {
  return new Transformer(tinyConfig({ memory_gate_init: 1, ...config }), 1);
}

/** Returns the sentence that refuses an inspection. */
async function refused(model: LanguageModel, tokens: Int32Array, options?: InspectOptions): Promise<string> {
  const error: unknown = await inspect(model, bytes, tokens, options).catch((thrown: unknown) => thrown);
  return refusal(() => {
    throw error;
  });
}

/** Returns every kept pair of every token. */
function allPairs({ retrieved, ids }: Inspection) {
  return [...ids.keys()].flatMap((predicted) => retrieved.list(predicted).map((pair) => ({ predicted, ...pair })));
}

test("a small example, written out: only queries after the first segment of 7 retrieve, 4 pairs in each of 2 heads", async () => {
  const { retrieved } = await inspect(shallow, bytes, ids.subarray(0, 10), { top: 9 });
  const counts = Array.from({ length: 10 }, (_, token) => retrieved.list(token).length);
  assert.equal(counts, [0, 0, 0, 0, 0, 0, 0, 0, 8, 8]); // token 8 is predicted by token 7, the first of the second segment
});

for (const memory_combine of ["gate", "joint"] as const) {
  test(`losses with and without memory are those of an evaluation (${memory_combine})`, async () => {
    const model = modelOf({ memory_combine, xl_cache_length: 5 });
    const { nats, natsWithout } = await inspect(model, bytes, ids);
    const losses = (memory: number) => {
      const found = [0];
      const onToken = ({ nats }: { nats: number }) => found.push(nats);
      evaluate(model, [documentOf("", ids)], bytes, { memorySizes: [memory], onToken });
      return found;
    };
    for (const [actual, memory] of [[nats, 17] as const, [natsWithout, 0] as const]) {
      const expected = losses(memory);
      assert.is(actual.length, expected.length);
      for (const [i, value] of actual.entries()) assert.ok(Math.abs(value - expected[i]) < 1e-5, `token ${i}`);
    }
    assert.not.equal(nats, natsWithout);
  });
}

test("pairs name the right token: in the first layer a score depends only on the two tokens", async () => {
  const inspection = await inspect(shallow, bytes, ids, { top: 8 });
  const scores = new Map<string, number>();
  for (const { predicted, head, token, score } of allPairs(inspection)) {
    const key = `${head} ${ids[predicted - 1]} ${ids[token]}`;
    const known = scores.get(key) ?? score;
    assert.ok(Math.abs(known - score) < 1e-6, `token ${predicted} and ${token}: ${score}, not ${known}`);
    scores.set(key, score);
  }
  assert.ok(new Set(scores.values()).size > 50);
});

for (const memorySize of [1, 6, 7, 17, 500]) {
  test(`retrieved pairs are among the last ${memorySize} tokens before the segment`, async () => {
    const inspection = await inspect(shallow, bytes, ids, { memorySize });
    assert.is(inspection.memorySize, memorySize);
    const pairs = allPairs(inspection);
    for (const { predicted, token } of pairs) {
      const segment = predicted - 1 - ((predicted - 1) % SEGMENT);
      assert.ok(token < segment && token >= Math.max(0, segment - memorySize), `token ${predicted} retrieved ${token}`);
    }
    const asked = ids.length - 1 - SEGMENT; // the first segment finds an empty memory
    assert.is(new Set(pairs.map(({ predicted }) => predicted)).size, asked);
  });
}

test("the weights of a head sum to one, a share is weight times gate, and larger shares come first", async () => {
  const { retrieved, heads, gates } = await inspect(shallow, bytes, ids, { top: 8 }); // K is 4, so all pairs are kept
  assert.equal(heads, [
    { layer: 0, head: 0 },
    { layer: 0, head: 1 },
  ]);
  for (let predicted = SEGMENT + 1; predicted < ids.length; predicted++) {
    const pairs = retrieved.list(predicted);
    for (const head of [0, 1]) {
      const weights = pairs.filter((pair) => pair.head === head).map(({ weight }) => weight);
      assert.is(weights.length, 4);
      assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-5);
    }
    for (const [i, { head, weight, share }] of pairs.entries()) {
      assert.ok(Math.abs(share - weight * gates[predicted * 2 + head]) < 1e-6);
      assert.ok(i === 0 || share <= pairs[i - 1].share);
    }
    assert.ok(Math.abs(gates[predicted * 2] - 1 / (1 + Math.exp(-1))) < 1e-6);
  }
  assert.equal([...gates.subarray(0, 2 * (SEGMENT + 1))], new Array(2 * (SEGMENT + 1)).fill(0));
});

test("the weights that all pairs received sum to one for each head and prediction", async () => {
  const { received } = await inspect(modelOf({ memory_layers: [0, 1] }), bytes, ids);
  assert.is(received.length, ids.length);
  const sum = received.reduce((total, weight) => total + weight, 0);
  assert.ok(Math.abs(sum - 4 * (ids.length - 1 - SEGMENT)) < 1e-3);
  assert.is(received[ids.length - 1], 0, "the last token is never read");
});

test("all memory layers are watched", async () => {
  const inspection = await inspect(modelOf({ memory_layers: [0, 1] }), bytes, ids, { top: 100 });
  assert.equal(
    inspection.heads.map(({ layer, head }) => `${layer}.${head}`),
    ["0.0", "0.1", "1.0", "1.1"],
  );
  assert.is(inspection.retrieved.list(ids.length - 1).length, 4 * 4);
  assert.is(inspection.gates.length, 4 * ids.length);
});

test("pairs of a document that was read before come with their source", async () => {
  const reader = new Reader(shallow, bytes, { memorySize: 60 });
  await reader.read(bytes.decode(others), { name: "others" });
  const known = reader.snapshot();
  reader.release();
  const inspection = await inspect(shallow, bytes, ids, { known, name: "mine", top: 8 });
  const { earlier, received } = inspection;
  assert.is(earlier.columns.token.length, others.length);
  assert.is(received.length, others.length + ids.length);
  const tokenOf = (place: number) => (place < 0 ? earlier.columns.token[others.length + place] : ids[place]);
  const scores = new Map<string, number>();
  const pairs = allPairs(inspection);
  for (const { predicted, head, token, score } of pairs) {
    const key = `${head} ${ids[predicted - 1]} ${tokenOf(token)}`;
    assert.ok(Math.abs((scores.get(key) ?? score) - score) < 1e-6, `token ${predicted} and ${token}`);
    scores.set(key, score);
  }
  assert.ok(
    pairs.some(({ token, predicted }) => token < 0 && predicted <= SEGMENT),
    "the first segment retrieves as well",
  );
  assert.equal([inspection.memorySize, inspection.name, earlier.documents], [60, "mine", ["others"]]);
});

test("a known memory must come from the same model, with sources", async () => {
  const reader = new Reader(modelOf({ memory_layers: [0], attention_scale_init: 2 }), bytes);
  await reader.read("text");
  const known = reader.snapshot();
  assert.match(await refused(shallow, ids, { known }), /^the memory was made by the model .*, this is the model/);
  assert.match(
    await refused(reader.model, ids, { known: { ...known, sources: undefined } }),
    "the memory does not say where its pairs come from",
  );
  reader.release();
});

test("progress covers both readings, and all allocations are freed", async () => {
  const before = heap.bytesInUse;
  const seen: number[][] = [];
  await inspect(shallow, bytes, ids, { onProgress: (...progress) => seen.push(progress) });
  assert.equal(seen[0], [7, 184]);
  assert.equal(seen.at(-1), [184, 184]);
  assert.is(heap.bytesInUse, before);
});

test("impossible inspections are refused", async () => {
  assert.match(await refused(shallow, ids.subarray(0, 1)), "a document of 1 token has nothing to predict or inspect");
  assert.match(await refused(shallow, ids, { memorySize: 0 }), "the model reads without a memory");
  assert.match(await refused(modelOf({ memory_layers: [] }), ids), "the model reads without a memory");
});
