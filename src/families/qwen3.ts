/** Qwen 3 (Yang et al., 2025): Llama with q and k normalised per head, and a head width of its own. */
import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { FamilyReader } from "./family.ts";
import { describeLikeLlama, llamaNames, ropeSpelling } from "./llama.ts";
import { readRope, requireRope } from "./rope.ts";
import { qwenWindows } from "./windows.ts";

function describe(config: ConfigReader): Architecture {
  const rope = requireRope(config, readRope(config, ropeSpelling), ropeSpelling);
  config.whole("head_dim"); // never C / H by default here
  const alike = describeLikeLlama(config, rope);
  const bias = config.flag("attention_bias", false);
  return {
    ...alike,
    family: "qwen3",
    headNorms: true,
    biases: { ...alike.biases, q: bias, k: bias, v: bias, o: bias },
    windows: qwenWindows(config, alike.layers),
  };
}

export const qwen3: FamilyReader = {
  family: "qwen3",
  describe,
  names: {
    ...llamaNames,
    modules: {
      ...llamaNames.modules,
      "layers.#.q_norm": "layers.#.self_attn.q_norm",
      "layers.#.k_norm": "layers.#.self_attn.k_norm",
    },
  },
};
