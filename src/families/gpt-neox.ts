/** GPT-NeoX and Pythia (Black et al., 2022): a part of each head is rotated, attention and feed-forward may run in parallel. */
import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { FamilyReader } from "./family.ts";
import { type Layout, rowsByHead } from "./layout.ts";
import { inverseFrequencies, type OldSpelling, readRope, requireRope } from "./rope.ts";
import { perLayer, readActivation, readSizes, sortedIds } from "./sizes.ts";

const oldSpelling: OldSpelling = { theta: "rotary_emb_base", share: "rotary_pct" };

function describe(config: ConfigReader): Architecture {
  const sizes = readSizes(config);
  if (sizes.keyHeads !== sizes.heads) config.refuse("num_key_value_heads must be num_attention_heads in this family");
  const bias = config.flag("attention_bias", true);
  return {
    family: "gpt_neox",
    ...sizes,
    norm: { kind: "layer", epsilon: config.positive("layer_norm_eps", 1e-5), weightOffset: 0 },
    outputNorms: false,
    headNorms: false,
    block: config.flag("use_parallel_residual", true) ? "parallel" : "serial",
    activation: readActivation(config, "hidden_act", "gelu"),
    gated: false,
    positions: readPositions(config, sizes.headWidth, sizes.layers),
    scoreScale: 1 / Math.sqrt(sizes.headWidth),
    biases: { q: bias, k: bias, v: bias, o: bias, gate: false, up: true, down: true },
    windows: perLayer(sizes.layers, () => null),
    embeddingScale: 1,
    tiedHead: config.flag("tie_word_embeddings", false),
    stopIds: sortedIds(config.tokenIds("eos_token_id")),
  };
}

/** Versions 4.45 to 4.57 of transformers write the old keys and, with the same values, these. */
const written = { rope_theta: "rotary_emb_base", partial_rotary_factor: "rotary_pct" } as const;

function requireSameTwice(config: ConfigReader): void {
  for (const [key, old] of Object.entries(written)) {
    if (!config.has(key)) continue;
    const [value, other] = [config.positive(key), config.positive(old)];
    if (value !== other) config.refuse(`${key} is ${value} and ${old} is ${other}; they must be the same`);
  }
}

function readPositions(config: ConfigReader, headWidth: number, layers: number): Architecture["positions"] {
  requireSameTwice(config);
  const rope = requireRope(config, readRope(config, oldSpelling), oldSpelling);
  const share =
    rope.share ?? config.refuse("it names neither partial_rotary_factor nor rotary_pct, the rotated share of a head");
  const dimensions = Math.floor(headWidth * share);
  if (dimensions < 2 || dimensions % 2 !== 0 || dimensions > headWidth) {
    config.refuse(
      `${share} of a head of ${headWidth} are ${dimensions} rotated entries; they must be an even number from 2 to ${headWidth}`,
    );
  }
  const frequencies = inverseFrequencies(dimensions, rope.theta, rope.scaling);
  return { kind: "rotary", dimensions, frequencies: perLayer(layers, () => frequencies) };
}

/** One tensor has the rows of q, k and v of the first head, then those of the second. */
function layout(module: string, { headWidth }: Architecture): Layout | undefined {
  const part = ["layers.#.q", "layers.#.k", "layers.#.v"].indexOf(module);
  return part < 0 ? undefined : { rows: rowsByHead(3, part, headWidth) };
}

export const gptNeox: FamilyReader = {
  family: "gpt_neox",
  describe,
  names: {
    prefix: "gpt_neox.",
    modules: {
      embed: "embed_in",
      "layers.#.input_norm": "layers.#.input_layernorm",
      "layers.#.q": "layers.#.attention.query_key_value",
      "layers.#.k": "layers.#.attention.query_key_value",
      "layers.#.v": "layers.#.attention.query_key_value",
      "layers.#.o": "layers.#.attention.dense",
      "layers.#.mlp_norm": "layers.#.post_attention_layernorm",
      "layers.#.up": "layers.#.mlp.dense_h_to_4h",
      "layers.#.down": "layers.#.mlp.dense_4h_to_h",
      norm: "final_layer_norm",
    },
    head: "embed_out",
    ignored: /^(?:rotary_emb\.inv_freq|layers\.\d+\.attention\.(?:bias|masked_bias|rotary_emb\.inv_freq))$/,
    layout,
  },
};
