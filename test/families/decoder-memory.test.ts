/**
 * The memory of a decoder against golden files of an independent program: six models read a text of 130 tokens with a window of 16,
 * segments of 8 and a ring of 40 pairs.
 */
import * as assert from "uvu/assert";
import { crossEntropy, MASKED } from "../../src/autodiff/ops/vocabulary.ts";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import type { Decoder } from "../../src/families/decoder.ts";
import type { DecoderState, DecoderStateOptions } from "../../src/families/decoder-state.ts";
import { offsetName } from "../../src/families/weights.ts";
import type { Retrieval } from "../../src/nn/self-attention.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { decoderAt, type Expected, expectedOf, largestDifference } from "./decoder-models.ts";
import { absent, reference } from "./golden-models.ts";

const test = suite("memories of decoders");

const models = ["gpt_neox-serial", "gpt_neox", "llama-sharded", "llama3", "qwen2", "qwen3"];

/** The settings that a golden file names. */
function settingsOf({ metadata, i32 }: Expected): DecoderStateOptions {
  const { W, T, sinks, M, K, sink_distance, max_distance } = JSON.parse(metadata.settings);
  const groups = i32("groups");
  const memoryHeads = Array.from({ length: groups.length / 2 }, (_, i) => [groups[2 * i], groups[2 * i + 1]] as const);
  const distances = { sinkDistance: sink_distance, reach: max_distance };
  return { rows: 1, window: W, segment: T, sinks, memorySize: M, neighbours: K, ...distances, memoryHeads };
}

/** Reads the text, `count` tokens at a time; returns all logits. */
function read(
  model: Decoder,
  state: DecoderState,
  ids: Int32Array,
  observe?: (segment: number, layer: number, retrieval: Retrieval) => void,
  most = Infinity,
): Float32Array {
  const logits = new Float32Array(ids.length * model.architecture.vocabulary);
  for (let at = 0; at < ids.length; ) {
    const part = ids.slice(at, at + Math.min(most, state.room));
    const segment = Math.floor(at / state.settings.segment);
    const watch = observe && ((layer: number, retrieval: Retrieval) => observe(segment, layer, retrieval));
    const some = step(() => noGrad(() => model.forward({ ids: part, observe: watch }, state).toArray()));
    logits.set(some, at * model.architecture.vocabulary);
    at += part.length;
  }
  return logits;
}

function open(name: string) {
  const expected = expectedOf(`${reference}/memory/${name}.safetensors`);
  const model = decoderAt(`${reference}/${name}`);
  const { layers, heads } = model.architecture;
  for (let layer = 0; layer < layers; layer++) {
    model.parameters.get(offsetName(layer)).set(expected.f32("offsets").subarray(layer * heads, (layer + 1) * heads));
  }
  return { expected, model, settings: settingsOf(expected) };
}

for (const name of models) {
  test.unless(absent, `${name} has the logits and losses of the golden file, and retrieves the same pairs`, () => {
    const { expected, model, settings } = open(name);
    const state = model.newState(settings);
    const ids = expected.i32("tokens");
    let compared = 0;
    const logits = read(model, state, ids, (segment, layer, retrieval) => {
      const tensor = `retrieved.${layer}.${segment}`;
      if (!expected.names.includes(tensor)) return;
      assert.equal(positionsOf(model, state, layer, retrieval), [...expected.i32(tensor)], tensor);
      compared++;
    });
    assert.is(compared, expected.names.filter((tensor) => tensor.startsWith("retrieved.")).length);
    assert.ok(largestDifference(logits, expected.f32("logits")) < 2e-4, "logits");
    const { nats } = step(() => lossesOf(logits, ids));
    assert.ok(largestDifference(nats.subarray(0, -1), expected.f32("loss")) < 1e-4, "losses");
    state.release();
    model.release();
  });

  test.unless(absent, `${name} without memory has the window and the sinks alone`, () => {
    const { expected, model, settings } = open(name);
    const state = model.newState({ ...settings, memorySize: 0 });
    const logits = read(model, state, expected.i32("tokens"));
    assert.ok(largestDifference(logits, expected.f32("logits_without_memory")) < 2e-4);
    state.release();
    model.release();
  });

  test.unless(absent, `${name} reads token by token as it reads at once`, () => {
    const { expected, model, settings } = open(name);
    const state = model.newState(settings);
    const logits = read(model, state, expected.i32("tokens"), undefined, 1);
    assert.ok(largestDifference(logits, expected.f32("logits")) < 2e-4);
    state.release();
    model.release();
  });
}

function lossesOf(logits: Float32Array, ids: Int32Array) {
  const targets = Int32Array.from(ids, (_, i) => ids[i + 1] ?? MASKED);
  const all = tensor(logits, [ids.length, logits.length / ids.length]);
  return { nats: crossEntropy(all, targets).nats.toArray() };
}

/** Positions of retrieved pairs as the golden file has them, [H, T, K]: −1 where there is none. */
function positionsOf(model: Decoder, state: DecoderState, layer: number, { neighbours }: Retrieval): number[] {
  const { heads, keyHeads } = model.architecture;
  const chosen = state.settings.memoryHeads.filter(([at]) => at === layer).map(([, head]) => head);
  const group = heads / keyHeads;
  const [, queries, count, k] = neighbours.scores.shape; // [1, T·G, S, K]
  const slots = heap.i32(neighbours.slots, neighbours.scores.size);
  const memory = state.memories.get(layer)!;
  const segment = queries / group;
  const positions = new Array(heads * segment * k).fill(-1);
  for (let t = 0; t < segment; t++) {
    for (let g = 0; g < group; g++) {
      for (let s = 0; s < count; s++) {
        for (let i = 0; i < neighbours.counts[0]; i++) {
          const slot = slots[((t * group + g) * count + s) * k + i];
          positions[((chosen[s] * group + g) * segment + t) * k + i] = memory.serial(0, slot) + state.settings.sinks;
        }
      }
    }
  }
  return positions;
}
