/** A model small enough to train in a test, and documents for it. Odd sizes throughout. */

import { Random } from "../src/base/random.ts";
import type { TokenizedDocument } from "../src/data/corpus.ts";
import { type ModelConfig, parseConfig } from "../src/model/config.ts";

/** Two layers of width 12, segments of 7 tokens, a memory of 17 pairs in the second layer, a vocabulary of bytes. */
export function tinyConfig(overrides: Partial<ModelConfig> = {}): ModelConfig {
  const tiny = {
    hidden_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    head_dim: 5,
    intermediate_size: 19,
    segment_length: 7,
    memory_layers: [1],
    memory_size: 17,
    memory_topk: 4,
  };
  return parseConfig({ ...tiny, ...overrides }, "test");
}

export function documentOf(name: string, tokens: Iterable<number>): TokenizedDocument {
  const kept = Int32Array.from(tokens);
  return { name, tokens: () => kept };
}

/** Returns documents of these lengths, of a few recurring lower-case letters. */
export function randomDocuments(lengths: readonly number[], seed = 5): TokenizedDocument[] {
  const random = new Random(seed);
  const letter = () => 97 + Math.floor(random.next() ** 2 * 9);
  return lengths.map((length, i) => documentOf(`document ${i}`, Array.from({ length }, letter)));
}
