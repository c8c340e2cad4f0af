/**
 * Named configurations to start from. Each lists only its differences from the defaults in config.ts.
 * The vocabulary size is a placeholder, because the tokenizer decides it.
 */
import { aText, check } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { type ModelConfig, parseConfig } from "./config.ts";

const differences = {
  /** The demo, trained in a minute and a half on two cores. Its segments are short, so most of a document is in the memory. */
  tiny: {
    hidden_size: 96,
    num_hidden_layers: 3,
    num_attention_heads: 2,
    head_dim: 64,
    intermediate_size: 384,
    segment_length: 64,
    memory_layers: [1],
    memory_size: 4096,
    memory_combine: "joint",
    smear_keys: "memory_layers",
    induction_init: true,
    memory_copy: true,
    attention_scale_init: 10,
  },
  /** 4 layers of 256, for an evening on a laptop: the defaults plus induction heads in the memory's layer, whose pairs vote. */
  small: { smear_keys: "memory_layers", induction_init: true, memory_copy: true },
  /** 8 layers of 512 with both kinds of context, for days. */
  base: {
    hidden_size: 512,
    num_hidden_layers: 8,
    num_attention_heads: 8,
    intermediate_size: 2048,
    xl_cache_length: 512,
    memory_layers: [5],
    memory_size: 65536,
    smear_keys: "memory_layers",
    induction_init: true,
    memory_copy: true,
  },
  /** The paper's model (section 4.2): 12 layers of 1024, memory in the 9th. The dropout is from the authors' code. */
  paper: {
    vocab_size: 32000,
    hidden_size: 1024,
    num_hidden_layers: 12,
    num_attention_heads: 8,
    head_dim: 128,
    intermediate_size: 4096,
    dropout: 0.05,
    xl_cache_length: 512,
    memory_layers: [8],
    attention_scale_init: 1,
  },
};

/** Names of the presets, from the smallest to the paper's. */
export const presetNames: readonly string[] = Object.keys(differences);

/** Returns a fresh copy of the preset called `name`. Throws an InputError that lists the names if there is none. */
export function preset(name: string): ModelConfig {
  check("name", name, aText);
  const found = Object.entries(differences).find(([known]) => known === name);
  if (found === undefined) throw new InputError(`unknown preset "${name}"; the presets are ${presetNames.join(", ")}`);
  return parseConfig(found[1], `preset ${name}`);
}
