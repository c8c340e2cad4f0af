/**
 * Llama (Touvron et al., 2023) and all that share its code, SmolLM2 and TinyLlama among them: RMSNorm, a gated feed-forward
 * block, rotation of whole heads, fewer key heads than query heads. Qwen's models differ from it in a line or two.
 */
import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { FamilyReader, FileNames } from "./family.ts";
import { inverseFrequencies, type OldSpelling, type Rope, readRope, readScaling, requireWholeHead } from "./rope.ts";
import { perLayer, readGate, readSizes, sortedIds } from "./sizes.ts";

/** θ of the models of early 2023, whose files do not name it. */
const FIRST_THETA = 10_000;

export const ropeSpelling: OldSpelling = { theta: "rope_theta" };

function describe(config: ConfigReader): Architecture {
  const rope = readRope(config, ropeSpelling) ?? firstRope(config);
  const attention = config.flag("attention_bias", false);
  const mlp = config.flag("mlp_bias", false);
  return {
    ...describeLikeLlama(config, rope),
    family: "llama",
    biases: { q: attention, k: attention, v: attention, o: attention, gate: mlp, up: mlp, down: mlp },
  };
}

/** Files of before rope_theta existed mean 10,000; a scaling they may have. */
function firstRope(config: ConfigReader): Rope {
  if (config.has("rope_parameters")) config.refuse("rope_parameters names no rope_theta");
  config.notes.push(`${config.source} names no rope_theta, as files of early 2023; 10000 was taken, which they mean`);
  return { theta: FIRST_THETA, scaling: readScaling(config.inner("rope_scaling")), share: undefined };
}

/** The description that most rotary families share. */
export function describeLikeLlama(config: ConfigReader, rope: Rope): Architecture {
  requireWholeHead(config, rope);
  const sizes = readSizes(config);
  const { layers, headWidth } = sizes;
  if (headWidth % 2 !== 0) config.refuse(`a head is ${headWidth} wide; it must be even to be rotated`);
  const frequencies = inverseFrequencies(headWidth, rope.theta, rope.scaling);
  return {
    family: "llama",
    ...sizes,
    norm: { kind: "rms", epsilon: config.positive("rms_norm_eps"), weightOffset: 0 },
    outputNorms: false,
    headNorms: false,
    block: "serial",
    activation: readGate(config, "hidden_act", "silu"),
    gated: true,
    positions: { kind: "rotary", dimensions: headWidth, frequencies: perLayer(layers, () => frequencies) },
    scoreScale: 1 / Math.sqrt(headWidth),
    biases: { q: false, k: false, v: false, o: false, gate: false, up: false, down: false },
    windows: perLayer(layers, () => null),
    embeddingScale: 1,
    tiedHead: config.flag("tie_word_embeddings", false),
    stopIds: sortedIds(config.tokenIds("eos_token_id")),
  };
}

/** The names of Llama's files. */
export const llamaNames: FileNames = {
  prefix: "model.",
  modules: {
    embed: "embed_tokens",
    "layers.#.input_norm": "layers.#.input_layernorm",
    "layers.#.q": "layers.#.self_attn.q_proj",
    "layers.#.k": "layers.#.self_attn.k_proj",
    "layers.#.v": "layers.#.self_attn.v_proj",
    "layers.#.o": "layers.#.self_attn.o_proj",
    "layers.#.mlp_norm": "layers.#.post_attention_layernorm",
    "layers.#.gate": "layers.#.mlp.gate_proj",
    "layers.#.up": "layers.#.mlp.up_proj",
    "layers.#.down": "layers.#.mlp.down_proj",
    norm: "norm",
  },
  head: "lm_head",
  ignored: /^(?:layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/,
};

export const llama: FamilyReader = { family: "llama", describe, names: llamaNames };
