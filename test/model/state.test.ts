import * as assert from "uvu/assert";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/model/safetensors.ts";
import type { ModelState } from "../../src/model/state.ts";
import { TensorReader } from "../../src/model/tensor-reader.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("model state");

const model = new Transformer(tinyConfig({ memory_gate_init: 1, xl_cache_length: 9, memory_layers: [0, 1] }), 1);
const rows = 2;

/** The logits of `count` more tokens of both rows. */
function read(state: ModelState, count: number, first: number): Float32Array {
  const ids = Int32Array.from({ length: rows * count }, (_, i) => (first + i * i * 7) % 256);
  return step(() => noGrad(() => model.forward({ ids }, state).toArray()));
}

/** What `state` saves, through a file. */
function stored(state: ModelState, prefix?: string): TensorReader {
  return new TensorReader(readSafetensors(writeSafetensors(state.save(prefix)), "saved").tensors, "saved");
}

for (const [place, last] of [
  ["at the end of a segment", 7],
  ["in the midst of a segment", 4],
] as const) {
  test(`a state that was saved ${place} goes on to the bit, and so does the one that was saved`, () => {
    const [original, copy] = [model.newState({ rows }), model.newState({ rows })];
    for (const first of [1, 2, 3, 4]) read(original, 7, first);
    read(original, last, 5);
    const reader = stored(original, "a.");
    copy.load(reader, "a.");
    reader.end();
    assert.is(copy.room, original.room);
    assert.is(copy.memories.get(1)?.appended(1), 28 + (last === 7 ? 7 : 0));
    for (let segment = 0; segment < 5; segment++) {
      const count = segment === 0 ? original.room : 7;
      assert.equal(read(copy, count, segment), read(original, count, segment), `segment ${segment}`);
    }
  });
}

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

test("counts that cannot be are refused before they can do harm", () => {
  const edited = (name: string, value: bigint) => {
    const tensors = model.newState({ rows }).save();
    const shape = tensors.get(name)?.shape ?? [];
    const data = new BigInt64Array(shape[0]).fill(value);
    tensors.set(name, { dtype: "I64", shape, data } satisfies StoredTensor);
    return refusal(() => model.newState({ rows }).load(new TensorReader(tensors, "saved")));
  };
  assert.is(edited("offset", 7n), 'saved: tensor "offset" holds 7, which is not from 0 to 6');
  assert.is(edited("first", -1n), 'saved: tensor "first" holds -1, which is not from 0 to 9');
  assert.match(edited("memories.1.row.0.appended", -5n), "holds -5, which is not from 0 to");
});
