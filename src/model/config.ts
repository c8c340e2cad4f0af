/**
 * The configuration of a model: the content of a checkpoint's `config.json`, with Hugging Face's names where they exist.
 *
 * Every key is described once, in `configFields`. Parsing, `--set key=value`, `--help` and the documentation all read that
 * table. A configuration that parses can be built: unknown keys, wrong types, values out of range and impossible
 * combinations are refused here. Training, data and tokenizers are configured elsewhere.
 */
import { aText, check, listOf } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { choice, type Field, integer, parseFields, parseOverrides } from "../base/fields.ts";
import { MECHANISM_NAMES, type MechanismName, mechanismOf } from "../mechanisms/list.ts";
import { type MechanismSettings, mechanismFields } from "../mechanisms/settings.ts";
import { GATE_POLICIES, type GatePolicy } from "../nn/gate.ts";
import { refuseForeignKeys } from "./foreign-keys.ts";

/** The keys of `config.json`, from which a model is built. */
export interface ModelConfig extends Partial<MechanismSettings> {
  /** The architecture. */
  model_type: "memorizing-transformer";
  /** V, tokens in the vocabulary; 256 are the bytes. */
  vocab_size: number;
  /** C, width of the residual stream. */
  hidden_size: number;
  /** L, blocks of attention and feed-forward. */
  num_hidden_layers: number;
  /** H, attention heads of a layer. */
  num_attention_heads: number;
  /** D, width of a head; need not be C / H. */
  head_dim: number;
  /** F, width of the feed-forward block. */
  intermediate_size: number;
  /** Activation of the feed-forward block. */
  hidden_act: "relu" | "gelu";
  /** Added to the mean square in RMSNorm. */
  rms_norm_eps: number;
  /** Share of activations dropped in training. */
  dropout: number;
  /** T, tokens of a document that one step reads. */
  segment_length: number;
  /** W, earlier tokens that every layer still sees (Transformer-XL); 0 is none. */
  xl_cache_length: number;
  /** Layers with a memory, counted from 0; [] is none, [8] is the paper's 9th of 12. */
  memory_layers: number[];
  /** M, (key, value) pairs that a head remembers; 0 is the model without memory. */
  memory_size: number;
  /** Format of remembered pairs; float16 takes half the bytes. */
  memory_dtype: "float32" | "float16";
  /** K, pairs that a query retrieves. */
  memory_topk: number;
  /** Combination of retrieved and local attention: a gate, one softmax, or a gate by token. */
  memory_combine: GatePolicy;
  /** Search for the K pairs; quantised returns what exact returns, only faster; bucketed and inverted are approximate. */
  memory_search: "exact" | "quantised" | "bucketed" | "inverted";
  /** Buckets for each of the K pairs in the bucketed search; 4 find 89 % of them. */
  memory_buckets: number;
  /** Lists of a head in the inverted search; 0 is twice the square root of M. */
  memory_lists: number;
  /** Lists that a query scans in the inverted search. */
  memory_probes: number;
  /** Whether local attention in a memory layer has the position bias. */
  memory_layer_position_bias: boolean;
  /** First value of the learned scale of attention logits; the paper's code has 1. */
  attention_scale_init: number;
  /** First value of the memory gate, before the sigmoid. */
  memory_gate_init: number;
  /** Layers in which a key is mixed with the key of the token before, in a learned proportion. */
  smear_keys: "none" | "memory_layers" | "all";
  /** Whether layers with smeared keys begin as induction heads: queries as keys are, and keys as those of the token before. */
  induction_init: boolean;
  /** What takes the place of local attention or of whole blocks (src/mechanisms); left out if nothing does. */
  mechanism?: MechanismName | "none";
  /** Whether retrieved pairs (of the last memory layer) also vote for their tokens, in a learned proportion. */
  memory_copy: boolean;
  /** Pairs from which on attention to retrieved pairs gets sharper with their number; 0 is never. */
  memory_sharpen_from: number;
  /** How much logits of retrieved pairs lose with the logarithm of their age; 0 is nothing. */
  memory_fade: number;
  /** Buckets of the T5 position bias. */
  num_position_buckets: 32;
  /** Distance at and beyond which all tokens share the last bucket. */
  max_position_distance: 128;
  /** Logits are computed with the embedding. */
  tie_word_embeddings: true;
}

/**
 * Every key, in the order of `config.json` and `--help`. The defaults are the preset `small` without smeared keys,
 * induction heads and votes, because models from before they existed do not have them.
 */
export const configFields: Readonly<Record<keyof ModelConfig, Field>> = {
  model_type: choice(["memorizing-transformer"], "the architecture"),
  vocab_size: integer(256, 1, 2 ** 24, "V, tokens in the vocabulary; 256 are the bytes"),
  hidden_size: integer(256, 1, 2 ** 16, "C, width of the residual stream"),
  num_hidden_layers: integer(4, 1, 1024, "L, blocks of attention and feed-forward"),
  num_attention_heads: integer(4, 1, 1024, "H, attention heads of a layer"),
  head_dim: integer(64, 1, 4096, "D, width of a head; need not be C / H"),
  intermediate_size: integer(1024, 1, 2 ** 18, "F, width of the feed-forward block"),
  hidden_act: choice(["relu", "gelu"], "activation of the feed-forward block"),
  rms_norm_eps: { kind: "number", default: 1e-6, above: 0, max: 1, about: "added to the mean square in RMSNorm" },
  dropout: { kind: "number", default: 0, min: 0, below: 1, about: "share of activations dropped in training" },
  segment_length: integer(512, 1, 2 ** 16, "T, tokens of a document that one step reads"),
  xl_cache_length: integer(0, 0, 2 ** 20, "W, earlier tokens that every layer still sees (Transformer-XL); 0 is none"),
  memory_layers: {
    kind: "integers",
    default: [2],
    min: 0,
    max: 1023,
    about: "layers with a memory, counted from 0; [] is none, [8] is the paper's 9th of 12",
  },
  memory_size: integer(8192, 0, 2 ** 24, "M, (key, value) pairs that a head remembers; 0 is the model without memory"),
  memory_dtype: choice(["float32", "float16"], "format of remembered pairs; float16 takes half the bytes"),
  memory_topk: integer(32, 1, 2 ** 16, "K, pairs that a query retrieves"),
  memory_combine: choice(
    GATE_POLICIES,
    "combination of retrieved and local attention: a gate, one softmax, or a gate by token",
  ),
  memory_search: choice(
    ["quantised", "exact", "bucketed", "inverted"],
    "search for the K pairs; quantised is also exact, bucketed and inverted are approximate",
  ),
  memory_buckets: integer(4, 1, 64, "buckets for each of the K pairs in the bucketed search; 4 find 89 % of them"),
  memory_lists: integer(0, 0, 2 ** 16 - 1, "lists of a head in the inverted search; 0 is twice the square root of M"),
  memory_probes: integer(32, 1, 2 ** 16 - 1, "lists that a query scans in the inverted search"),
  memory_layer_position_bias: {
    kind: "boolean",
    default: true,
    about: "whether local attention in a memory layer has the position bias",
  },
  attention_scale_init: {
    kind: "number",
    default: 8,
    above: 0,
    max: 1000,
    about: "first value of the learned scale of attention logits; the paper's code has 1",
  },
  memory_gate_init: {
    kind: "number",
    default: 0,
    min: -30,
    max: 30,
    about: "first value of the memory gate, before the sigmoid",
  },
  smear_keys: choice(
    ["none", "memory_layers", "all"],
    "layers in which a key is mixed with the key of the token before, in a learned proportion",
  ),
  induction_init: {
    kind: "boolean",
    default: false,
    about: "whether layers with smeared keys begin as induction heads, which look up what came next",
  },
  memory_copy: {
    kind: "boolean",
    default: false,
    about: "whether retrieved pairs also vote for their tokens, in a learned proportion",
  },
  memory_sharpen_from: integer(
    0,
    0,
    2 ** 24,
    "pairs from which on attention to them gets sharper with their number; 0 is never",
  ),
  memory_fade: {
    kind: "number",
    default: 0,
    min: 0,
    max: 100,
    about: "how much logits of retrieved pairs lose with the logarithm of their age; 0 is nothing",
  },
  mechanism: choice(["none", ...MECHANISM_NAMES], "what takes the place of local attention, or of whole blocks"),
  ...mechanismFields,
  num_position_buckets: choice([32], "buckets of the T5 position bias"),
  max_position_distance: choice([128], "distance at and beyond which all tokens share the last bucket"),
  tie_word_embeddings: choice([true], "logits are computed with the embedding"),
};

/**
 * Returns the configuration that `json` (parsed JSON) describes; missing keys have their default.
 * `source` names the origin in messages, a path or an option. Throws an InputError that names source and key.
 */
export function parseConfig(json: unknown, source: string): ModelConfig {
  check("source", source, aText);
  refuseOtherModel(json, source);
  refuseForeignKeys(json, source);
  const config = withoutUnread(parseFields(configFields, json, source) as unknown as ModelConfig);
  checkMemoryLayers(config, source);
  checkCopying(config, source);
  checkSharpening(config, source);
  checkMechanism(config, source);
  return config;
}

/**
 * Returns `config` with some keys replaced. Overrides are `key=value`, lists `memory_layers=2,5`. Checks like parseConfig. Copying ends with the
 * memory layers or smeared keys that it needs, unless an override asks for it.
 */
export function applyOverrides(config: ModelConfig, overrides: readonly string[], source = "--set"): ModelConfig {
  check("overrides", overrides, listOf(aText));
  check("source", source, aText);
  const given = parseOverrides(configFields, overrides, source);
  const replaced = { ...config, ...given };
  if (!replaced.memory_copy || "memory_copy" in given) return parseConfig(replaced, source);
  const without = parseConfig({ ...replaced, memory_copy: false }, source);
  return canCopy(without) ? parseConfig(replaced, source) : without;
}

/** Whether the keys of `layer` are smeared: mixed with the key of the token before. */
export function smearsKeys({ smear_keys, memory_layers }: ModelConfig, layer: number): boolean {
  return smear_keys === "all" || (smear_keys === "memory_layers" && memory_layers.includes(layer));
}

/** The layer whose retrieved pairs vote where predictions copy: the last with a memory. */
export function copyingLayer({ memory_layers }: ModelConfig): number | undefined {
  return memory_layers.at(-1);
}

/** Refuses another architecture first, because each of its keys would be unknown. */
function refuseOtherModel(json: unknown, source: string): void {
  const { model_type = "memorizing-transformer" }: Partial<ModelConfig> = Object(json);
  parseFields({ model_type: configFields.model_type }, { model_type }, source);
}

function checkMemoryLayers({ memory_layers, num_hidden_layers }: ModelConfig, source: string): void {
  const outside = memory_layers.find((layer) => layer >= num_hidden_layers);
  if (outside !== undefined) {
    const layers = num_hidden_layers === 1 ? "the only layer is 0" : `the layers are 0 to ${num_hidden_layers - 1}`;
    const model = `num_hidden_layers is ${num_hidden_layers}`;
    throw new InputError(`${source}: memory_layers has layer ${outside}, but ${model}, so ${layers}`);
  }
  const repeated = memory_layers.find((layer, index) => layer === memory_layers[index + 1]);
  if (repeated !== undefined) {
    throw new InputError(`${source}: memory_layers has layer ${repeated} twice; name each layer once`);
  }
}

/** A pair can vote only for a token that its key announces. */
function canCopy(config: ModelConfig): boolean {
  const layer = copyingLayer(config);
  return layer !== undefined && smearsKeys(config, layer);
}

function checkCopying(config: ModelConfig, source: string): void {
  if (!config.memory_copy || canCopy(config)) return;
  const layer = copyingLayer(config);
  const reason = layer === undefined ? "memory_layers is []" : `smear_keys is ${config.smear_keys}`;
  const wanted =
    layer === undefined
      ? "a memory layer"
      : "smear_keys=memory_layers or all, so that a key says what stood before its token";
  throw new InputError(`${source}: memory_copy is true, but ${reason}; it needs ${wanted}`);
}

/** One pair has the logarithm 0, so nothing can grow from there. */
function checkSharpening({ memory_sharpen_from }: ModelConfig, source: string): void {
  if (memory_sharpen_from !== 1) return;
  throw new InputError(`${source}: memory_sharpen_from is 1; it must be 0 (never) or at least 2`);
}

/** Leaves out the settings that the mechanism does not read: a model without one has the file that it always had. */
function withoutUnread(config: ModelConfig): ModelConfig {
  const chosen = mechanismOf(config);
  const read: readonly string[] = chosen ? ["mechanism", ...chosen.parts.settings] : [];
  const isUnread = (key: string) => (key === "mechanism" || key in mechanismFields) && !read.includes(key);
  return Object.fromEntries(Object.entries(config).filter(([key]) => !isUnread(key))) as unknown as ModelConfig;
}

function checkMechanism(config: ModelConfig, source: string): void {
  const chosen = mechanismOf(config);
  if (chosen === undefined) return;
  const { name, sizes, attention, parts } = chosen;
  if (config.xl_cache_length > 0 && (!attention || attention.past)) {
    const reason = `the mechanism ${name} keeps what it needs of the past itself`;
    throw new InputError(`${source}: xl_cache_length is ${config.xl_cache_length}, but ${reason}; set it to 0`);
  }
  if (!attention && config.memory_layers.length > 0) {
    const reason = `the mechanism ${name} has no keys and values to remember`;
    throw new InputError(`${source}: memory_layers has layer ${config.memory_layers[0]}, but ${reason}; set it to []`);
  }
  const refusal = parts.refuse?.(sizes);
  if (refusal !== undefined) throw new InputError(`${source}: ${refusal}`);
}
