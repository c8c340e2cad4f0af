/** The models of `transformers` that tests compare with, and small ones made by a test. */
import { existsSync, readFileSync } from "node:fs";
import type { Architecture } from "../../src/families/architecture.ts";
import { describeConfig } from "../../src/families/families.ts";

export const reference = "../shared/reference/hf";
export const stories = "../shared/models/stories260K";

/** Why tests of golden files are skipped; undefined if they are there. */
export const absent = existsSync(reference) ? undefined : `${reference} is not there`;

/** Directories of models, with the config files that each has. */
export const directories: Readonly<Record<string, readonly string[]>> = {
  gpt2: ["config.json", "config.old.json"],
  "gpt2-hub": ["config.json", "config.old.json"],
  gpt_neo: ["config.json", "config.old.json"],
  gpt_neox: ["config.json", "config.old.json"],
  "gpt_neox-serial": ["config.json", "config.old.json"],
  llama3: ["config.json", "config.old.json"],
  "llama-sharded": ["config.json", "config.old.json"],
  "llama-linear": ["config.json", "config.old.json", "config.2023.json"],
  qwen2: ["config.json", "config.old.json"],
  qwen3: ["config.json", "config.old.json"],
  gemma3_text: ["config.json", "config.old.json"],
};

/** The content of a JSON file. */
export function json(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** A config.json of each family, as small as can be, in the spelling of transformers 5. */
export const smallConfigs = {
  gpt2: {
    model_type: "gpt2",
    n_embd: 4,
    n_head: 2,
    n_layer: 1,
    n_positions: 3,
    vocab_size: 5,
    activation_function: "gelu_new",
  },
  gpt_neo: {
    ...{ model_type: "gpt_neo", hidden_size: 4, num_heads: 2, num_layers: 2, vocab_size: 5, intermediate_size: 6 },
    ...{ max_position_embeddings: 3, attention_types: [[["global", "local"], 1]], window_size: 2 },
  },
  gpt_neox: {
    ...{ model_type: "gpt_neox", hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 1, vocab_size: 5 },
    ...{ intermediate_size: 6, max_position_embeddings: 9, hidden_act: "gelu" },
    rope_parameters: { rope_type: "default", rope_theta: 10000, partial_rotary_factor: 0.5 },
  },
  llama: llamaLike("llama"),
  qwen2: llamaLike("qwen2"),
  qwen3: { ...llamaLike("qwen3"), head_dim: 6 },
  gemma3_text: {
    ...{ ...llamaLike("gemma3_text"), head_dim: 6, hidden_activation: "gelu_pytorch_tanh", query_pre_attn_scalar: 9 },
    ...{ sliding_window: 3, layer_types: ["sliding_attention", "full_attention"], num_hidden_layers: 2 },
    rope_parameters: {
      full_attention: { rope_type: "default", rope_theta: 1000000 },
      sliding_attention: { rope_type: "default", rope_theta: 10000 },
    },
  },
};

function llamaLike(type: string) {
  return {
    ...{ model_type: type, hidden_size: 8, num_attention_heads: 4, num_key_value_heads: 2, num_hidden_layers: 1 },
    ...{ vocab_size: 5, intermediate_size: 3, max_position_embeddings: 16, rms_norm_eps: 1e-5, hidden_act: "silu" },
    rope_parameters: { rope_type: "default", rope_theta: 10000 },
  };
}

/** The description that a small configuration with these changes asks for; a key that is undefined is left out. */
export function describe(family: keyof typeof smallConfigs, changes: Record<string, unknown> = {}): Architecture {
  return described(family, changes).architecture;
}

/** The same with what users are told. */
export function described(family: keyof typeof smallConfigs, changes: Record<string, unknown> = {}) {
  const given = Object.entries({ ...smallConfigs[family], ...changes }).filter(([, value]) => value !== undefined);
  return describeConfig(Object.fromEntries(given), "config.json");
}
