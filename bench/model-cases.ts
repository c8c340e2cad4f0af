/**
 * Parts shared by the benchmarks of a whole model: its configuration, its initial parameters in a form that peers can read, and
 * the text that it reads.
 */

import { Random } from "../src/base/random.ts";
import type { ModelConfig } from "../src/model/config.ts";
import { parameterShapes } from "../src/model/parameters.ts";
import { preset } from "../src/model/presets.ts";
import type { Transformer } from "../src/model/transformer.ts";
import type { Case, Input, Problem } from "./family.ts";

/**
 * Returns the preset `small`: 4 layers of width 256, 4 heads of width 64, bytes. `memory` is the size of its memory; 0 for none.
 * Keys are not smeared and pairs do not vote, since the peers' are not and do not.
 */
export function smallModel(memory: number): ModelConfig {
  const peers = { ...preset("small"), smear_keys: "none", memory_copy: false, memory_size: memory } as const;
  return memory === 0 ? { ...peers, memory_layers: [] } : peers;
}

/** Returns the sizes of `config` by the names that the peers use. */
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

/** Makes all parameters, in the library's order, scaled as in the paper but with biases that are not zero. */
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

/** Overwrites the parameters of `model` with values from `parametersOf`. */
export function loadParameters(model: Transformer, values: Float32Array): void {
  let at = 0;
  for (const name of parameterShapes(model.config).keys()) {
    const tensor = model.parameters.get(name);
    tensor.set(values.subarray(at, at + tensor.size));
    at += tensor.size;
  }
}

/** Makes `length` uniformly random bytes. */
export function tokens(length: number): Input {
  return () => {
    const random = new Random(20);
    return Float32Array.from({ length }, () => random.uint32() % 256);
  };
}

/** Returns the configuration of a problem made from `smallModel`. */
export function configOf({ sizes }: Problem): ModelConfig {
  return smallModel(sizes.memory);
}
