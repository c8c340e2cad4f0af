import * as assert from "uvu/assert";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { readDocument } from "../../src/model/generate.ts";
import type { ModelState } from "../../src/model/state.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { trainBpe } from "../../src/text/bpe-trainer.ts";
import { tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("model state");

const config = tinyConfig({ memory_gate_init: 1, xl_cache_length: 9, memory_layers: [0, 1] });
const model = new Transformer(config, 1);
const smearing = new Transformer({ ...config, smear_keys: "all" }, 1);
const rows = 2;

/** Returns the logits of `count` more tokens of both rows. */
function read(state: ModelState, count: number, first: number, reader = model): Float32Array {
  const ids = Int32Array.from({ length: rows * count }, (_, i) => (first + i * i * 7) % 256);
  return step(() => noGrad(() => reader.forward({ ids }, state).toArray()));
}

/** Saves `state` to a file and opens it. */
function stored(state: ModelState, prefix?: string): TensorReader {
  return new TensorReader(readSafetensors(writeSafetensors(state.save(prefix)), "saved").tensors, "saved");
}

test("a small example, written out: of 9 tokens a segment of 7 is remembered, and 2 are in the next", () => {
  const state = model.newState({ rows });
  for (const count of [7, 2]) read(state, count, 1);
  assert.is(state.memories.get(1)?.length(0), 7);
  assert.is(state.room, 5);
  state.release();
});

test("a segment in pieces of which some rows have less is remembered as far as it is real", () => {
  /** The keys that row 0 and row 1 remember after these pieces, `[count, lengths]` each. */
  const remembered = (...pieces: readonly (readonly [number, readonly number[] | undefined])[]) => {
    const state = model.newState({ rows });
    let from = 0;
    for (const [count, lengths] of pieces) {
      const ids = Int32Array.from({ length: rows * count }, (_, i) => (from + (i % count)) * 7 + Math.floor(i / count));
      step(() => noGrad(() => void model.forward({ ids, lengths }, state)));
      from += count;
    }
    state.endDocument();
    const memory = state.memories.get(1)!;
    const lengths = [0, 1].map((row) => memory.length(row));
    state.release();
    return lengths;
  };
  assert.equal(remembered([4, undefined], [3, [3, 3]]), [7, 7]);
  assert.equal(remembered([4, undefined], [3, [3, 1]]), [7, 5]);
  assert.equal(remembered([4, undefined], [3, [0, 2]]), [4, 6]);
  assert.equal(remembered([4, [4, 2]]), [4, 2]);
  assert.equal(remembered([4, [4, 2]], [3, [3, 0]]), [7, 2]);
  assert.equal(remembered([7, undefined], [4, [4, 1]]), [11, 8]);
  assert.equal(remembered([7, [7, 5]], [2, undefined]), [9, 7]);
});

for (const [keys, reading] of [
  ["plain keys", model],
  ["smeared keys", smearing],
] as const) {
  for (const [place, last] of [
    ["at the end of a segment", 7],
    ["within a segment", 4],
  ] as const) {
    test(`a state with ${keys}, saved ${place} and restored, gives the bit-identical results of the original`, () => {
      const [original, copy] = [reading.newState({ rows }), reading.newState({ rows })];
      for (const first of [1, 2, 3, 4]) read(original, 7, first, reading);
      read(original, last, 5, reading);
      const reader = stored(original, "a.");
      copy.load(reader, "a.");
      reader.end();
      assert.is(copy.room, original.room);
      assert.is(copy.memories.get(1)?.appended(1), 28 + (last === 7 ? 7 : 0));
      for (let segment = 0; segment < 5; segment++) {
        const count = segment === 0 ? original.room : 7;
        assert.equal(
          read(copy, count, segment, reading),
          read(original, count, segment, reading),
          `segment ${segment}`,
        );
      }
    });
  }
}

test("a memory of half floats is saved as such and restored bit-identical, and each kind can restore the other", () => {
  const halves = new Transformer({ ...model.config, memory_dtype: "float16" }, 1);
  const [original, copy, wide] = [halves.newState({ rows }), halves.newState({ rows }), model.newState({ rows })];
  for (const first of [1, 2, 3, 4]) read(original, 7, first);
  const saved = original.save();
  assert.is(saved.get("memories.1.row.0.keys")?.dtype, "F16");
  copy.load(stored(original));
  wide.load(stored(original));
  assert.is(wide.save().get("memories.1.row.0.keys")?.dtype, "F32");
  const narrow = halves.newState({ rows });
  narrow.load(stored(wide));
  assert.equal(narrow.save(), saved);
  for (let segment = 0; segment < 4; segment++) {
    const logits = read(original, 7, segment);
    assert.equal(read(copy, 7, segment), logits, `segment ${segment}`);
    if (segment === 0) assert.equal(read(wide, 7, segment), logits, "the same pairs, of floats");
  }
});

test("a fresh state can be saved and loaded", () => {
  const [original, copy] = [model.newState({ rows }), model.newState({ rows })];
  read(copy, 5, 1);
  copy.load(stored(original));
  assert.equal(read(copy, 7, 3), read(original, 7, 3));
});

test("a state of other rows, another cache or a larger memory is refused by tensor and shape", () => {
  const state = model.newState({ rows });
  for (const first of [1, 2, 3]) read(state, 7, first);
  const refused = (other: ModelState) => refusal(() => other.load(stored(state)));
  assert.is(refused(model.newState({ rows: 3 })), 'saved: tensor "first" has shape [2], it should be [3]');
  const uncached = new Transformer({ ...model.config, xl_cache_length: 0 }, 1).newState({ rows });
  assert.is(refused(uncached), 'saved: tensor "layers.0.row.0.keys" has shape [9,10], it should be [0,10]');
  assert.is(
    refused(model.newState({ rows, memorySize: 18 })),
    'saved: tensor "memories.0.row.0.keys" has shape [2,17,5], it should be [2,18,5]',
  );
});

test("a state whose file is refused late has read nothing", () => {
  const [state, late, fresh] = [0, 1, 2].map(() => smearing.newState({ rows }));
  for (const first of [1, 2, 3]) {
    read(state, 7, first, smearing);
    read(late, 7, first + 3, smearing);
  }
  const saved = state.save();
  const [last] = [...saved.keys()].filter((name) => name.startsWith("memories.")).slice(-1);
  saved.delete(last);
  assert.match(
    refusal(() => late.load(new TensorReader(saved, "saved"))),
    last,
  );
  for (const first of [1, 2, 3]) assert.equal(read(late, 7, first, smearing), read(fresh, 7, first, smearing));
});

test("memories that cannot fit together are refused before anything is allocated", () => {
  const exact = new Transformer({ ...model.config, memory_search: "exact" }, 1); // which needs no bytes of its own
  const before = heap.bytesInUse;
  const { head_dim, num_attention_heads, segment_length } = model.config;
  const memorySize = Math.floor(2 ** 31 / (2 * rows * num_attention_heads * head_dim * 4)); // 2 GiB each, in both layers
  const needed = (dtypeBytes: number) =>
    2 * 2 * rows * num_attention_heads * head_dim * dtypeBytes * (memorySize + segment_length);
  const sentence = refusal(() => exact.newState({ rows, memorySize }));
  assert.match(
    sentence,
    `a memory of ${memorySize} pairs needs ${needed(4)} bytes, but ${heap.bytesAvailable} are left`,
  );
  assert.match(sentence, `make it smaller, or keep it as float16, which takes ${needed(2)} bytes`);
  assert.is(heap.bytesInUse, before);
});

test("impossible counts are refused before they are used", () => {
  const edited = (name: string, value: bigint) => {
    const tensors = smearing.newState({ rows }).save();
    const shape = tensors.get(name)?.shape ?? [];
    const data = new BigInt64Array(shape[0]).fill(value);
    tensors.set(name, { dtype: "I64", shape, data } satisfies StoredTensor);
    return refusal(() => smearing.newState({ rows }).load(new TensorReader(tensors, "saved")));
  };
  assert.is(edited("offset", 7n), 'saved: tensor "offset" holds 7, which is not from 0 to 6');
  assert.is(edited("first", -1n), 'saved: tensor "first" holds -1, which is not from 0 to 9');
  assert.is(edited("begun", 2n), 'saved: tensor "begun" holds 2, which is not from 0 to 1');
  assert.match(edited("memories.1.row.0.appended", -5n), "holds -5, which is not from 0 to");
});

/** Returns the keys [V, H·D] of the first layer, which depend only on the tokens. */
async function firstLayerKeys(reading: Transformer): Promise<Float32Array> {
  const { vocab_size: tokens, num_attention_heads: heads, head_dim: width } = reading.config;
  const state = reading.newState({ rows: 1, memorySize: tokens });
  await readDocument(
    reading,
    state,
    Int32Array.from({ length: tokens }, (_, id) => id),
  );
  state.endDocument();
  const keys = state.memories.get(0)?.contents(0).keys ?? new Float32Array(); // [H, V, D]
  return Float32Array.from(keys, (_, i) => {
    const [token, head, d] = [Math.floor(i / (heads * width)), Math.floor(i / width) % heads, i % width];
    return keys[(head * tokens + token) * width + d];
  });
}

test("the source of every retrieved slot is the token whose key is there, and its bytes spell that token", async () => {
  const random = new Random(3);
  const word = () => ["fish ", "Ωmega ", "🐟", "naïve\n", "αβγ", "red ", "blue"][Math.floor(random.next() * 7)];
  const documents = [900, 3, 1, 700].map((count) => Array.from({ length: count }, word).join(""));
  const tokenizer = tokenizerFromJson(trainBpe(documents, { vocabSize: 280 }), "test");
  const config = tinyConfig({ vocab_size: tokenizer.vocabSize, memory_layers: [0], head_dim: 9, memory_size: 1333 });
  const reading = new Transformer(config, 1);
  const keys = await firstLayerKeys(reading);
  const state = reading.newState({ rows: 1, tokenizer });
  for (const [n, text] of documents.entries()) {
    await readDocument(reading, state, tokenizer.encode(text), { name: String(n) });
  }
  const [log] = state.sources;
  const remembered = log.copyOut(1333).columns.token;
  const tokens = Array.from({ length: 500 }, () => remembered[Math.floor(random.next() * 1333)]);
  const queries = tokens.flatMap((token) => [...keys.subarray(token * 18, (token + 1) * 18)]);
  const slots = step(() => {
    const found = state.memories.get(0)?.lookup(tensor(queries, [1, 500, 18]), 50); // [1, T, H, 50]
    assert.ok(found);
    const scores = heap.f32(found.scores.ptr, 50_000);
    return Array.from({ length: 1000 }, (_, list) => {
      const equals = scores.subarray(list * 50, (list + 1) * 50).findIndex((score) => score < 0.99999);
      const chosen = Math.floor(random.next() * (equals === -1 ? 50 : equals));
      return heap.i32(found.slots, 50_000)[list * 50 + chosen];
    });
  });
  assert.ok(new Set(slots).size > 300);
  const bytes = documents.map((text) => new TextEncoder().encode(text));
  const ids = documents.map((text) => tokenizer.encode(text));
  for (const [i, slot] of slots.entries()) {
    const source = log.at(slot);
    assert.is(source.token, tokens[i >> 1], "the nearest key to a token's is its own");
    const document = Number(log.documents[source.document]);
    const spelled = bytes[document].subarray(source.begin, source.end);
    assert.equal([...spelled], [...tokenizer.bytes(source.token)]);
    assert.is(ids[document][source.index], source.token);
  }
});

test("the saved format of plain keys is unchanged, and that of smeared keys is different", () => {
  const [plain, smeared] = [model, smearing].map((reading) => reading.newState({ rows }));
  const added = [...smeared.save().keys()].filter((name) => !plain.save().has(name));
  assert.equal(added, ["begun", "layers.0.preceding_keys", "layers.1.preceding_keys"]);
  assert.is(
    refusal(() => smeared.load(stored(plain))),
    'saved: tensor "begun" is missing; its shape should be [2]',
  );
});

test("a document that ended is not context for the next: its last keys are not smeared into the next ones", () => {
  const [used, fresh] = [smearing.newState({ rows, memorySize: 0 }), smearing.newState({ rows, memorySize: 0 })];
  for (const count of [7, 3]) read(used, count, 1, smearing);
  used.endDocument();
  const [after, alone] = [used, fresh].map((state) => read(state, 7, 2, smearing));
  assert.equal(after, alone);
  assert.not.equal(read(used, 7, 3, smearing), read(smearing.newState({ rows, memorySize: 0 }), 7, 3, smearing));
});

test("a failed forward pass does not change the keys before it", () => {
  const [failing, other] = [smearing.newState({ rows }), smearing.newState({ rows })];
  for (const state of [failing, other]) read(state, 3, 1, smearing);
  const spoilt = () => {
    throw new Error("interrupted");
  };
  for (const state of [failing, other]) for (const first of [2, 3]) read(state, state.room, first, smearing);
  const ids = new Int32Array(rows * 2).fill(9);
  assert.throws(() => step(() => noGrad(() => smearing.forward({ ids, observe: spoilt }, failing))), "interrupted");
  assert.equal(read(failing, 7, 4, smearing), read(other, 7, 4, smearing));
});

test("a state of a model with other tokens, or another width, is refused", () => {
  const other = (overrides: Partial<ModelConfig>) => new Transformer({ ...config, ...overrides }, 1);
  for (const [key, value] of [
    ["vocab_size", 300],
    ["hidden_size", 16],
  ] as const) {
    const state = model.newState({ rows: 1 });
    assert.match(
      refusal(() => other({ [key]: value }).requireState(state)),
      `state: it is that of a model with ${key} ${model.config[key]}; this model has ${value}`,
    );
    state.release();
  }
});
