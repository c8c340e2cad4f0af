/** Models whose predictions copy (`memory_copy`): what is copied before any training, and what such a model needs. */
import * as assert from "uvu/assert";
import { mixVotes } from "../../src/autodiff/ops/votes.ts";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { stepIntegers, tensor } from "../../src/autodiff/tensor.ts";
import { PairTokens } from "../../src/memory/pair-tokens.ts";
import { takeSnapshot } from "../../src/memory/snapshot.ts";
import { type ModelConfig, parseConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("copying");

const tokenizer = byteTokenizer();
const bytesOf = (text: string) => Int32Array.from(new TextEncoder().encode(text));
const copying: Partial<ModelConfig> = {
  num_hidden_layers: 1,
  memory_layers: [0],
  segment_length: 4,
  smear_keys: "memory_layers",
  induction_init: true,
  memory_copy: true,
};

/** Returns p of every token after `text`. */
function prediction(model: Transformer, text: string, memorySize = 32): Float64Array {
  const state = model.newState({ rows: 1, memorySize });
  let logits: Float32Array = new Float32Array();
  const ids = bytesOf(text);
  for (let at = 0; at < ids.length; at += 4) {
    logits = step(() => noGrad(() => model.forward({ ids: ids.subarray(at, at + 4) }, state).toArray()));
  }
  state.release();
  const powers = Float64Array.from(logits.subarray(-256), Math.exp);
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

test("before any training, it votes with a tenth of the mixture for what followed the same letter before", () => {
  using copies = new Transformer(tinyConfig(copying), 1);
  using plain = new Transformer(tinyConfig({ ...copying, memory_copy: false }), 1);
  const [with_, without] = [copies, plain].map((model) => prediction(model, "xqzwbbbbbbbbx"));
  const [q, own] = ["q".charCodeAt(0), 1 / (1 + 2 * Math.exp(-3))];
  assert.ok(with_[q] > own * without[q] + 0.03, `p(q) is ${with_[q]}, without copying ${without[q]}`);
  const others = without.reduce((most, p, token) => Math.max(most, Math.abs(with_[token] - own * p)), 0);
  assert.ok(others <= 1 - own + 1e-6, "no token gets more than all votes");
});

test("without pairs nothing is copied: the predictions are those of the model without", () => {
  using copies = new Transformer(tinyConfig(copying), 1);
  using plain = new Transformer(tinyConfig({ ...copying, memory_copy: false }), 1);
  for (const [text, size] of [
    ["xqz", 32],
    ["xqzwbbbbbbbbx", 0],
  ] as const) {
    assert.equal(prediction(copies, text, size), prediction(plain, text, size));
  }
});

for (const [keys, reason] of [
  [{ memory_copy: true }, "smear_keys is none; it needs smear_keys=memory_layers or all"],
  [{ memory_copy: true, smear_keys: "all", memory_layers: [] }, "memory_layers is []; it needs a memory layer"],
] as const) {
  test(`it needs keys that say what comes next: ${reason}`, () => {
    assert.throws(() => parseConfig(keys, "config.json"), `config.json: memory_copy is true, but ${reason}`);
  });
}

test("a memory without the tokens of its pairs, or with tokens that the model does not know, is refused", async () => {
  using model = new Transformer(tinyConfig(copying), 1);
  const reader = new Reader(model, tokenizer, { memorySize: 32 });
  await reader.read("some words to remember");
  const snapshot = reader.snapshot();
  const state = model.newState({ rows: 1, memorySize: 32, tokenizer });
  const { sources } = snapshot;
  const bare = { ...snapshot, sources: undefined };
  const restore = (given: typeof snapshot) => new Reader(model, tokenizer, { memorySize: 32 }).restore(given);
  assert.throws(() => restore(bare), "does not say where its pairs come from");
  const token = sources!.columns.token.slice().fill(256);
  const strange = { ...snapshot, sources: { ...sources!, columns: { ...sources!.columns, token } } };
  assert.throws(() => restore(strange), "remembers the token 256, but the tokenizer has only 0 to 255");
  assert.is(takeSnapshot(state, 0).length, 0, "nothing was restored anywhere else");
  state.release();
});

test("pairs that others serve vote as own ones do, and those whose tokens are unknown vote for nothing", () => {
  const shape = { rows: 2, heads: 1, width: 1, size: 2, segment: 2 };
  const tokens = new PairTokens(shape, 5, Int32Array.of(-1, 3, 4));
  tokens.restore(1, 2, Int32Array.of(1, 2));
  const rows = [0, 1].map((row) => [...heap.i32(tokens.ptr + row * tokens.capacity * 4 - 12, 5)]);
  assert.equal(rows, [
    [5, 3, 4, 0, 0],
    [5, 3, 4, 1, 2],
  ]);
  step(() => {
    const z = tensor(new Float32Array(10), [2, 1, 5]);
    const mix = tensor([0, 0], [2, 1, 1]);
    const weights = tensor([0.5, 0.3, 0.2, 0.5, 0.3, 0.2], [2, 1, 1, 3]);
    const slots = stepIntegers([-3, -2, -1, 1, -2, 0]); // unknown, 3, 4; 2, 3, 1
    const counts = Int32Array.of(3, 3);
    const y = mixVotes(z, mix, { weights, slots, counts, tokens: tokens.ptr, capacity: tokens.capacity }).toArray();
    assertClose(y.map(Math.exp), [0.1, 0.1, 0.1, 0.25, 0.2, 0.1, 0.2, 0.35, 0.25, 0.1], 1e-6, "p");
  });
  tokens.release();
  assert.throws(() => new PairTokens(shape, 5, Int32Array.of(5)), "a remembered token is 5; it must be from 0 to 4");
});
