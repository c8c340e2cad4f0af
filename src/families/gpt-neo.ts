/** GPT-Neo (Black et al., 2021): as GPT-2, but q · k is not divided by √D, every other layer sees a window, q, k and v have no bias. */
import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { FamilyReader } from "./family.ts";
import { headWidthOf, perLayer, readActivation, readLayers, sortedIds } from "./sizes.ts";

/** What a layer attends to, in the words of the configuration. */
type Reach = "global" | "local";

function describe(config: ConfigReader): Architecture {
  const [width, heads, layers] = [
    config.whole("hidden_size"),
    config.whole("num_heads"),
    readLayers(config, "num_layers"),
  ];
  const context = config.whole("max_position_embeddings");
  const window = config.whole("window_size", 256);
  const reaches = readReaches(config, layers);
  return {
    family: "gpt_neo",
    vocabulary: config.whole("vocab_size"),
    width,
    layers,
    heads,
    keyHeads: heads,
    headWidth: headWidthOf(config, width, heads),
    mlpWidth: config.whole("intermediate_size", 4 * width),
    context,
    norm: { kind: "layer", epsilon: config.positive("layer_norm_epsilon", 1e-5), weightOffset: 0 },
    outputNorms: false,
    headNorms: false,
    block: "serial",
    activation: readActivation(config, "activation_function", "gelu_new"),
    gated: false,
    positions: { kind: "learned", rows: context },
    scoreScale: 1,
    biases: { q: false, k: false, v: false, o: true, gate: false, up: true, down: true },
    windows: perLayer(layers, (layer) => (reaches[layer] === "local" ? window : null)),
    embeddingScale: 1,
    tiedHead: config.flag("tie_word_embeddings", true),
    stopIds: sortedIds(config.tokenIds("eos_token_id")),
  };
}

/** `attention_types`, such as [[["global", "local"], 6]], written out; older files may have only the written-out list. */
function readReaches(config: ConfigReader, layers: number): Reach[] {
  const types = config.any("attention_types");
  const list = config.any("attention_layers");
  const reaches = types === undefined ? list : writtenOut(types);
  if (isReaches(reaches) && reaches.length === layers) return reaches;
  return config.refuse(
    `attention_types must say for each of ${layers} layers whether it is "global" or "local", such as [[["global", "local"], 6]] for 12`,
  );
}

function writtenOut(types: unknown): unknown {
  if (!Array.isArray(types)) return undefined;
  return types.flatMap((item) => {
    const [pattern, times] = Array.isArray(item) ? item : [];
    const possible = Array.isArray(pattern) && Number.isSafeInteger(times) && times >= 0 && times <= 1024;
    return possible ? Array.from({ length: times }, () => pattern).flat() : [undefined];
  });
}

function isReaches(value: unknown): value is Reach[] {
  return Array.isArray(value) && value.every((reach) => reach === "global" || reach === "local");
}

export const gptNeo: FamilyReader = {
  family: "gpt_neo",
  describe,
  names: {
    prefix: "transformer.",
    modules: {
      embed: "wte",
      positions: "wpe",
      "layers.#.input_norm": "h.#.ln_1",
      "layers.#.q": "h.#.attn.attention.q_proj",
      "layers.#.k": "h.#.attn.attention.k_proj",
      "layers.#.v": "h.#.attn.attention.v_proj",
      "layers.#.o": "h.#.attn.attention.out_proj",
      "layers.#.mlp_norm": "h.#.ln_2",
      "layers.#.up": "h.#.mlp.c_fc",
      "layers.#.down": "h.#.mlp.c_proj",
      norm: "ln_f",
    },
    head: "lm_head",
    ignored: /^h\.\d+\.attn\.attention\.(?:bias|masked_bias)$/,
  },
};
