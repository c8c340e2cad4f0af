/** Good files of every kind, small ones, from which bad ones are made. */

import { Random } from "../../src/base/random.ts";
import type { StoredTensor } from "../../src/formats/safetensors.ts";
import type { MemorySnapshot } from "../../src/memory/snapshot.ts";
import { parameterShapes } from "../../src/model/parameters.ts";
import { trainBpe } from "../../src/text/bpe-trainer.ts";
import { parseTrainingOptions } from "../../src/train/options.ts";
import { digitsThenWords } from "../text/samples.ts";
import { tinyConfig } from "../tiny.ts";

/** One tensor of each dtype, with a scalar and an empty one. */
export function mixedTensors(): Map<string, StoredTensor> {
  return new Map<string, StoredTensor>([
    ["long", { dtype: "I64", shape: [2], data: BigInt64Array.of(-1n, 7n) }],
    ["single", { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e30, 5) }],
    ["int", { dtype: "I32", shape: [], data: Int32Array.of(-1) }],
    ["half", { dtype: "F16", shape: [3], data: Uint16Array.of(0x3c00, 0x7bff, 1) }],
    ["empty", { dtype: "U32", shape: [4, 0], data: new Uint32Array(0) }],
    ["bytes", { dtype: "U8", shape: [1, 1, 5], data: Uint8Array.of(1, 2, 3, 4, 5) }],
  ]);
}

/** A model of few weights. */
export const weightsConfig = {
  ...tinyConfig({ num_hidden_layers: 1, memory_layers: [], hidden_size: 3, intermediate_size: 2 }),
  vocab_size: 5,
};

export function weights(): Map<string, StoredTensor> {
  const random = new Random(3);
  const entries = [...parameterShapes(weightsConfig)].map(([name, shape]): [string, StoredTensor] => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return [name, { dtype: "F32", shape, data: Float32Array.from({ length: size }, () => random.normal()) }];
  });
  return new Map(entries);
}

/** Memory of layers 1 and 4 for one document: `length` pairs of two heads of width 3. */
export function snapshot(length: number): MemorySnapshot {
  const pairs = () => Float32Array.from({ length: 2 * length * 3 }, (_, i) => i / 7 - 1);
  const column = (step: number) => Int32Array.from({ length }, (_, i) => i * step);
  const columns = { document: column(0), index: column(1), token: column(3), begin: column(2), end: column(2) };
  const layers = new Map([1, 4].map((layer) => [layer, { keys: pairs(), values: pairs() }]));
  const sources = { documents: ["a.txt"], columns };
  return { name: "seed", model: "0123", heads: 2, width: 3, size: 9, length, appended: length + 5, layers, sources };
}

/** A tokenizer.json of the bytes and a few merges. */
export const bpe = trainBpe(["the theme of the hen", "then, there: 12 121"], { vocabSize: 262 });

/** The same with all that other files may have: an added token, steps before the bytes, merges as pairs. */
export const manySteps = {
  ...bpe,
  added_tokens: [{ id: Object.keys(bpe.model.vocab).length, content: "<|end|>", special: true }],
  pre_tokenizer: digitsThenWords,
  model: { ...bpe.model, ignore_merges: true, merges: bpe.model.merges.map((merge) => String(merge).split(" ")) },
};

/** A trainer.json. */
export const record = {
  step: 12,
  seconds: 3.25,
  options: parseTrainingOptions({}, "seed"),
  random: [1, 2, 3, 4],
  batches: { documents: 3, random: [5, 6, 7, 8], taken: 2, places: [null, { document: 1, offset: 14 }] },
};

/** The lines of a metrics.jsonl. */
export const metrics = [
  { step: 1, loss: 5.5, gates: [0.5], keyCosines: [0.9, 0.8] },
  { step: 2, loss: 5.25, gates: [0.5] },
  { step: 2, evaluation: { results: [{ memory: 0, perplexity: 20.5 }] } },
];
