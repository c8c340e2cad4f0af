/**
 * Gemma 3, text only (2025): norms before and after attention and feed-forward, each with a factor of 1 + w, q and k normalised
 * per head, windows in most layers with a θ of their own, an embedding times √C.
 */
import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { FamilyReader } from "./family.ts";
import { describeLikeLlama, llamaNames, ropeSpelling } from "./llama.ts";
import { inverseFrequencies, type Rope, readRope, readRopeParameters, requireRope, requireWholeHead } from "./rope.ts";
import { readGate } from "./sizes.ts";
import { readWindows, slidingLayers } from "./windows.ts";

/** Ropes of layers that see everything and of those that see a window. */
interface Ropes {
  readonly full: Rope;
  readonly sliding: Rope;
}

function describe(config: ConfigReader): Architecture {
  config.requireOff("attn_logit_softcapping", "final_logit_softcapping", "use_bidirectional_attention");
  const ropes = readRopes(config);
  config.whole("head_dim"); // never C / H by default here
  const alike = describeLikeLlama(config, ropes.full);
  const { layers, headWidth } = alike;
  const sliding = readSliding(config, layers);
  const bias = config.flag("attention_bias", false);
  const [fullAngles, slidingAngles] = [ropes.full, ropes.sliding].map(({ theta, scaling }) =>
    inverseFrequencies(headWidth, theta, scaling),
  );
  return {
    ...alike,
    family: "gemma3_text",
    norm: { ...alike.norm, weightOffset: 1 },
    outputNorms: true,
    headNorms: true,
    activation: readGate(config, "hidden_activation", "gelu_pytorch_tanh"),
    positions: {
      kind: "rotary",
      dimensions: headWidth,
      frequencies: sliding.map((slides) => (slides ? slidingAngles : fullAngles)),
    },
    scoreScale: 1 / Math.sqrt(config.positive("query_pre_attn_scalar")),
    biases: { ...alike.biases, q: bias, k: bias, v: bias, o: bias },
    windows: readWindows(config, sliding),
    embeddingScale: Math.sqrt(alike.width),
    tiedHead: config.flag("tie_word_embeddings", true),
  };
}

/** In the older spelling, every layer whose number is a multiple of the pattern, counted from 1, sees everything. */
function readSliding(config: ConfigReader, layers: number): boolean[] {
  const pattern = config.has("sliding_window_pattern") ? config.whole("sliding_window_pattern") : 6;
  return slidingLayers(config, layers, (layer) => (layer + 1) % pattern !== 0);
}

/** `rope_parameters` has one object for each kind of layer; before, a scaling was only that of the full ones. */
function readRopes(config: ConfigReader): Ropes {
  const parameters = config.inner("rope_parameters");
  if (parameters === undefined) {
    const full = requireRope(config, readRope(config, ropeSpelling), ropeSpelling);
    return {
      full,
      sliding: { theta: config.positive("rope_local_base_freq"), scaling: { type: "default" }, share: undefined },
    };
  }
  const [full, sliding] = ["full_attention", "sliding_attention"].map((kind) => {
    const inner = parameters.inner(kind) ?? config.refuse(`rope_parameters has no ${kind}, which this family needs`);
    return requireRope(config, readRopeParameters(inner), ropeSpelling);
  });
  parameters.end();
  requireWholeHead(config, sliding);
  return { full, sliding };
}

export const gemma3: FamilyReader = {
  family: "gemma3_text",
  describe,
  names: {
    ...llamaNames,
    modules: {
      ...llamaNames.modules,
      "layers.#.q_norm": "layers.#.self_attn.q_norm",
      "layers.#.k_norm": "layers.#.self_attn.k_norm",
      "layers.#.attention_norm": "layers.#.post_attention_layernorm",
      "layers.#.mlp_norm": "layers.#.pre_feedforward_layernorm",
      "layers.#.output_norm": "layers.#.post_feedforward_layernorm",
    },
  },
};
