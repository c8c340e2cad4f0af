/** Keys that families share, and the checks that hold for all of them. */
import type { GateActivation } from "../autodiff/ops/elementwise.ts";
import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";

/** More than any published model has. */
const MOST_LAYERS = 1024;
const MOST_HEAD_WIDTH = 65_536;

/** The sizes of a description. */
export type Sizes = Pick<
  Architecture,
  "vocabulary" | "width" | "layers" | "heads" | "keyHeads" | "headWidth" | "mlpWidth" | "context"
>;

/** Sizes in the spelling of most families. `head_dim` is C / H and `num_key_value_heads` is H where they are left out. */
export function readSizes(config: ConfigReader): Sizes {
  const [width, heads] = [config.whole("hidden_size"), config.whole("num_attention_heads")];
  const keyHeads = config.whole("num_key_value_heads", heads);
  if (heads % keyHeads !== 0) {
    config.refuse(`num_attention_heads is ${heads}; it must be a multiple of num_key_value_heads, ${keyHeads}`);
  }
  return {
    vocabulary: config.whole("vocab_size"),
    width,
    layers: readLayers(config, "num_hidden_layers"),
    heads,
    keyHeads,
    headWidth: readHeadWidth(config, "head_dim", width, heads),
    mlpWidth: config.whole("intermediate_size"),
    context: config.whole("max_position_embeddings"),
  };
}

export function readLayers(config: ConfigReader, key: string): number {
  return config.whole(key, undefined, MOST_LAYERS);
}

/** The width of a head, which is C / H where `key` is left out. */
export function readHeadWidth(config: ConfigReader, key: string, width: number, heads: number): number {
  return config.has(key) ? config.whole(key, undefined, MOST_HEAD_WIDTH) : headWidthOf(config, width, heads);
}

/** C / H, which must be a whole number. */
export function headWidthOf(config: ConfigReader, width: number, heads: number): number {
  const headWidth = width / heads;
  if (headWidth > MOST_HEAD_WIDTH)
    config.refuse(`a head is ${headWidth} wide; at most ${MOST_HEAD_WIDTH} are possible`);
  if (Number.isInteger(headWidth)) return headWidth;
  return config.refuse(`the width ${width} must be a multiple of the number of heads, ${heads}`);
}

/** The activation by the names that `transformers` has for it. */
export function readActivation(
  config: ConfigReader,
  key: string,
  standard: keyof typeof ACTIVATIONS,
): Architecture["activation"] {
  const others = (Object.keys(ACTIVATIONS) as (keyof typeof ACTIVATIONS)[]).filter((name) => name !== standard);
  return ACTIVATIONS[config.choice(key, standard, ...others)];
}

/** The activation of a gate, which is never the exact GELU. */
export function readGate(config: ConfigReader, key: string, standard: GateName): GateActivation {
  const others = (Object.keys(GATES) as GateName[]).filter((name) => name !== standard);
  return GATES[config.choice(key, standard, ...others)];
}

const GATES = {
  gelu_new: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  silu: "silu",
  swish: "silu",
} as const;
type GateName = keyof typeof GATES;

const ACTIVATIONS = { ...GATES, gelu: "gelu_erf" } as const;

/** Tokens that end a text, in ascending order. */
export function sortedIds(...lists: readonly (readonly number[])[]): number[] {
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

/** An item for each layer. */
export function perLayer<T>(layers: number, item: (layer: number) => T): T[] {
  return Array.from({ length: layers }, (_, layer) => item(layer));
}
