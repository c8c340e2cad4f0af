/**
 * ReadTwice's two readings of a document that is given whole: the second sees summaries of all blocks, and is what a causal model would
 * read after the document, were it to read each block once more.
 */
import * as assert from "uvu/assert";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { Random } from "../../src/base/random.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import type { ModelState } from "../../src/model/state.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("read twice");

const VOCABULARY = 19;

function modelOf(overrides: Partial<ModelConfig> = {}): Transformer {
  const settings = { mechanism: "read-twice", mechanism_block: 4, mechanism_kept: 9, segment_length: 4 } as const;
  return new Transformer(tinyConfig({ vocab_size: VOCABULARY, memory_layers: [], ...settings, ...overrides }), 1);
}

function randomIds(count: number, seed: number): Int32Array {
  const random = new Random(seed);
  return Int32Array.from({ length: count }, () => random.uint32() % VOCABULARY);
}

/** Reads on, at most a segment at a time; returns the logits of all tokens, [n · V]. */
function read(model: Transformer, ids: Int32Array, state: ModelState): Float32Array {
  const logits: number[] = [];
  for (let at = 0; at < ids.length; ) {
    const part = ids.subarray(at, Math.min(at + state.room, ids.length));
    logits.push(...step(() => noGrad(() => model.forward({ ids: part }, state).toArray())));
    at += part.length;
  }
  return Float32Array.from(logits);
}

/** The logits of the second reading. */
function readAgain(model: Transformer, ids: Int32Array): Float32Array {
  const state = model.newState({ rows: 1 });
  read(model, ids, state);
  state.readAgain();
  const logits = read(model, ids, state);
  state.release();
  return logits;
}

/** The logits of `next` after `ids`, in order. */
function readAfter(model: Transformer, ids: Int32Array, next: Int32Array): Float32Array {
  const state = model.newState({ rows: 1 });
  read(model, ids, state);
  const logits = read(model, next, state);
  state.release();
  return logits;
}

test("an example: a block that is read again is a block that is read after the document", () => {
  const model = modelOf();
  const ids = randomIds(3 * 4, 2);
  const again = readAgain(model, ids);
  for (const block of [0, 1, 2]) {
    const own = ids.subarray(block * 4, block * 4 + 4);
    const found = again.subarray(block * 4 * VOCABULARY, (block * 4 + 4) * VOCABULARY);
    assertClose(found, readAfter(model, ids, own), 1e-5, `block ${block}`);
  }
  assert.not.equal(again, readAfter(model, new Int32Array(), ids), "and not the first reading");
  model.release();
});

test("so it is with several blocks in a segment, for the first of each", () => {
  const model = modelOf({ segment_length: 12 });
  const ids = randomIds(3 * 12, 3);
  const again = readAgain(model, ids);
  for (const segment of [0, 1, 2]) {
    const at = segment * 12;
    const found = again.subarray(at * VOCABULARY, (at + 4) * VOCABULARY);
    assertClose(found, readAfter(model, ids, ids.subarray(at, at + 4)), 1e-5, `segment ${segment}`);
  }
  model.release();
});

test("blocks that end within the last segment have summaries too, and what is left of a block has none", () => {
  const [model, blockwise] = [modelOf({ segment_length: 12 }), modelOf()]; // of the same parameters
  for (const length of [12 + 4, 12 + 9, 12 + 11, 5, 4, 3]) {
    const ids = randomIds(length, 4);
    const [whole, first] = [ids.subarray(0, length - (length % 4)), ids.subarray(0, 4)];
    const found = readAgain(model, ids).subarray(0, first.length * VOCABULARY);
    assertClose(found, readAfter(blockwise, whole, first), 1e-5, `${length} tokens`);
  }
  for (const each of [model, blockwise]) each.release();
});

test("of a long document the newest summaries are kept, and with none a block sees itself alone", () => {
  for (const kept of [0, 2]) {
    const model = modelOf({ mechanism_kept: kept });
    const ids = randomIds(5 * 4, 5);
    const last = ids.subarray((5 - kept) * 4);
    const found = readAgain(model, ids);
    for (const block of [0, 1, 4]) {
      const [from, to] = [block * 4, block * 4 + 4];
      const expected = readAfter(model, last, ids.subarray(from, to));
      assertClose(found.subarray(from * VOCABULARY, to * VOCABULARY), expected, 1e-5, `block ${block}, ${kept} kept`);
    }
    model.release();
  }
});

test("a third reading is like the second, a saved second reading goes on with the same bits, and a new document ends it", () => {
  const model = modelOf();
  const ids = randomIds(4 * 4, 6);
  const expected = readAgain(model, ids);
  const state = model.newState({ rows: 1 });
  read(model, ids, state);
  state.readAgain();
  read(model, ids.subarray(0, 6), state);
  const copy = model.newState({ rows: 1 });
  const reader = new TensorReader(readSafetensors(writeSafetensors(state.save("s.")), "saved").tensors, "saved");
  copy.load(reader, "s.");
  assert.equal(read(model, ids.subarray(6), copy), read(model, ids.subarray(6), state));
  state.readAgain();
  assert.equal(read(model, ids, state), expected);
  for (const end of [() => state.endDocument(), () => state.begin([1])]) {
    state.readAgain();
    end();
    assert.equal(read(model, ids, state), readAfter(model, new Int32Array(), ids));
  }
  for (const part of [state, copy, model]) part.release();
});

test("several rows, and a model without a mechanism, are refused", () => {
  const model = modelOf();
  const state = model.newState({ rows: 2 });
  assert.throws(() => state.readAgain(), /readAgain: the state has 2 rows, .* give each a state of 1 row/);
  const plain = new Transformer(tinyConfig({ memory_layers: [] }), 1);
  const other = plain.newState({ rows: 1 });
  assert.throws(() => other.readAgain(), "readAgain: the model has no mechanism that reads twice");
  for (const part of [state, other, plain, model]) part.release();
});
