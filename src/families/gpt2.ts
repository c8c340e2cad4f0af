/** GPT-2 (Radford et al., 2019): learned positions, LayerNorm, biases everywhere, weights as [in, out], q, k and v in one. */
import type { Architecture, Biases } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { FamilyReader } from "./family.ts";
import { type Layout, stackedRows } from "./layout.ts";
import { headWidthOf, perLayer, readActivation, readLayers, sortedIds } from "./sizes.ts";

const allBiases: Biases = { q: true, k: true, v: true, o: true, gate: false, up: true, down: true };

function describe(config: ConfigReader): Architecture {
  config.requireOff("scale_attn_by_inverse_layer_idx", "add_cross_attention");
  const [width, heads, layers] = [config.whole("n_embd"), config.whole("n_head"), readLayers(config, "n_layer")];
  const context = config.whole("n_positions", config.has("n_ctx") ? config.whole("n_ctx") : undefined);
  const headWidth = headWidthOf(config, width, heads);
  return {
    family: "gpt2",
    vocabulary: config.whole("vocab_size"),
    width,
    layers,
    heads,
    keyHeads: heads,
    headWidth,
    mlpWidth: config.whole("n_inner", 4 * width),
    context,
    norm: { kind: "layer", epsilon: config.positive("layer_norm_epsilon", 1e-5), weightOffset: 0 },
    outputNorms: false,
    headNorms: false,
    block: "serial",
    activation: readActivation(config, "activation_function", "gelu_new"),
    gated: false,
    positions: { kind: "learned", rows: context },
    scoreScale: config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(headWidth) : 1,
    biases: allBiases,
    windows: perLayer(layers, () => null),
    embeddingScale: 1,
    tiedHead: config.flag("tie_word_embeddings", true),
    stopIds: sortedIds(config.tokenIds("eos_token_id")),
  };
}

/** Every product of a block is stored as [in, out]; its first has q, k and v, C columns each. */
function layout(module: string): Layout | undefined {
  const name = module.replace("layers.#.", "");
  const third = ["q", "k", "v"].indexOf(name);
  if (third >= 0) return { transposed: true, rows: stackedRows(3, third) };
  return name === "o" || name === "up" || name === "down" ? { transposed: true } : undefined;
}

export const gpt2: FamilyReader = {
  family: "gpt2",
  describe,
  names: {
    prefix: "transformer.",
    modules: {
      embed: "wte",
      positions: "wpe",
      "layers.#.input_norm": "h.#.ln_1",
      "layers.#.q": "h.#.attn.c_attn",
      "layers.#.k": "h.#.attn.c_attn",
      "layers.#.v": "h.#.attn.c_attn",
      "layers.#.o": "h.#.attn.c_proj",
      "layers.#.mlp_norm": "h.#.ln_2",
      "layers.#.up": "h.#.mlp.c_fc",
      "layers.#.down": "h.#.mlp.c_proj",
      norm: "ln_f",
    },
    head: "lm_head",
    ignored: /^h\.\d+\.attn\.(?:bias|masked_bias)$/,
    layout,
  },
};
