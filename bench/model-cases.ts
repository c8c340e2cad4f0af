/**
 * What the benchmarks of a whole model share: its configuration, its first parameters in a form that others can read, and
 * the text that it reads.
 */

import { Random } from "../src/base/random.ts";
import type { ModelConfig } from "../src/model/config.ts";
import { parameterShapes } from "../src/model/parameters.ts";
import { preset } from "../src/model/presets.ts";
import type { Transformer } from "../src/model/transformer.ts";
import type { Case, Input, Problem } from "./family.ts";

/**
 * The preset `small`: 4 layers of 256, 4 heads of 64, bytes. With `memory` pairs in its memory layer, or without one. Keys are
 * not smeared, as the peers' are not.
 */
export function smallModel(memory: number): ModelConfig {
  return { ...preset("small"), smear_keys: "none", memory_size: memory, ...(memory === 0 && { memory_layers: [] }) };
}

/** The sizes of `config` by the names that the peers use. */
export function sizesOf(config: ModelConfig): Case["sizes"] {
  return {
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    heads: config.num_attention_heads,
    headDim: config.head_dim,
    feedForward: config.intermediate_size,
    segment: config.segment_length,
    vocabulary: config.vocab_size,
    memory: config.memory_size,
    memoryLayer: config.memory_layers[0] ?? -1,
    neighbours: config.memory_topk,
  };
}

/** Every parameter, one after the other in the library's order: the scale of each as the paper has it, biases not zero. */
export function parametersOf(config: ModelConfig): Input {
  return () => {
    const random = new Random(19);
    const values: number[] = [];
    for (const [name, shape] of parameterShapes(config)) {
      const size = shape.reduce((product, extent) => product * extent, 1);
      const draw = firstValue(name, shape, config);
      for (let i = 0; i < size; i++) values.push(draw(random));
    }
    return Float32Array.from(values);
  };
}

function firstValue(name: string, shape: readonly number[], config: ModelConfig): (random: Random) => number {
  if (name.includes("norm")) return () => 1;
  if (name.endsWith("attention_scale")) return () => config.attention_scale_init;
  if (name.endsWith("attention_bias.weight") || name.endsWith("gate")) return (random) => 0.1 * random.normal();
  if (name.includes("embed")) return (random) => random.normal();
  return (random) => random.normal() / Math.sqrt(shape[1]);
}

/** Overwrites the parameters of `model` with what `parametersOf` made. */
export function loadParameters(model: Transformer, values: Float32Array): void {
  let at = 0;
  for (const name of parameterShapes(model.config).keys()) {
    const tensor = model.parameters.get(name);
    tensor.set(values.subarray(at, at + tensor.size));
    at += tensor.size;
  }
}

/** `length` bytes with the statistics of nothing in particular. */
export function tokens(length: number): Input {
  return () => {
    const random = new Random(20);
    return Float32Array.from({ length }, () => random.uint32() % 256);
  };
}

/** The configuration that a problem of `smallModel` was made from. */
export function configOf({ sizes }: Problem): ModelConfig {
  return smallModel(sizes.memory);
}
