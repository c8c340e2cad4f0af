/**
 * The config.json of a model that came in a GGUF file, in the spelling that old and new versions of `transformers` read. The
 * description is read back from it and compared, so that nothing is written that means something else.
 */
import { InputError } from "../base/errors.ts";
import type { GgufMetadata } from "../formats/gguf-metadata.ts";
import type { Architecture } from "./architecture.ts";
import { describeConfig } from "./families.ts";
import { inverseFrequencies } from "./rope.ts";

/** Names of the classes that `transformers` has for the families of GGUF files. */
const CLASSES: Readonly<Partial<Record<Architecture["family"], string>>> = {
  llama: "LlamaForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
};

/** θ where a file names none. */
const USUAL_THETA = 10_000;

/** Llama 3's thresholds, which all of its models share: turns within the original length. */
const LOW = 1;
const HIGH = 4;

/** Two angles per position count as one if they differ by less than this share: factors are stored as float32. */
const CLOSE = 1e-6;

/** The content of config.json. Throws an InputError that names the file and what no config.json can say. */
export function ggufConfig(architecture: Architecture, metadata: GgufMetadata, name: string): Record<string, unknown> {
  const { family, positions, biases } = architecture;
  if (positions.kind !== "rotary") throw new Error(`${name}: models in GGUF files have rotary positions`);
  const config = {
    architectures: [CLASSES[family]],
    model_type: family,
    vocab_size: architecture.vocabulary,
    hidden_size: architecture.width,
    intermediate_size: architecture.mlpWidth,
    num_hidden_layers: architecture.layers,
    num_attention_heads: architecture.heads,
    num_key_value_heads: architecture.keyHeads,
    head_dim: architecture.headWidth,
    max_position_embeddings: architecture.context,
    rms_norm_eps: architecture.norm.epsilon,
    hidden_act: "silu",
    ...(family === "qwen2" ? {} : { attention_bias: biases.q }),
    ...(family === "llama" ? { mlp_bias: biases.up } : {}),
    ...ropeOf(positions.frequencies[0], architecture.headWidth, metadata, family),
    tie_word_embeddings: architecture.tiedHead,
    torch_dtype: "float32",
  };
  requireSame(architecture, describeConfig(config, name).architecture, name);
  return config;
}

/** θ and what slows the angles down. */
function ropeOf(frequencies: Float64Array, dimensions: number, metadata: GgufMetadata, family: string) {
  const theta = Number(metadata.get(`${family}.rope.freq_base`) ?? USUAL_THETA);
  const plain = inverseFrequencies(dimensions, theta, { type: "default" });
  const slower = Array.from(plain, (frequency, i) => frequency / frequencies[i]);
  if (slower.every((factor) => factor === 1)) return { rope_theta: theta };
  if (slower.every((factor) => isClose(factor, slower[0]))) {
    return { rope_theta: theta, rope_scaling: { rope_type: "linear", factor: rounded(slower[0]) } };
  }
  return { rope_theta: theta, rope_scaling: llama3Scaling(plain, slower) };
}

/**
 * The scaling whose factors are `slower`. The slowest angles are divided by the whole factor. One that is mixed says how often it
 * turns within the original length; without any, some power of two lies between those that are divided and those that are not.
 */
function llama3Scaling(plain: Float64Array, slower: readonly number[]) {
  const factor = Math.max(...slower);
  const mixed = slower.findIndex((each) => !isClose(each, 1) && !isClose(each, factor));
  const fast = (1 / slower[mixed] - 1 / factor) / (1 - 1 / factor);
  const divided = plain.find((_, i) => isClose(slower[i], factor)) ?? 0;
  const original =
    mixed >= 0
      ? ((LOW + fast * (HIGH - LOW)) * 2 * Math.PI) / plain[mixed]
      : 2 ** Math.floor(Math.log2((LOW * 2 * Math.PI) / divided));
  return {
    rope_type: "llama3",
    factor: rounded(factor),
    low_freq_factor: LOW,
    high_freq_factor: HIGH,
    original_max_position_embeddings: Math.round(original),
  };
}

/** A factor without the last digits, which come from dividing. */
function rounded(factor: number): number {
  return Number(factor.toPrecision(6));
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= CLOSE * Math.abs(b);
}

/** Refuses a description that differs from the file's. Tokens that end a text are written elsewhere. */
function requireSame(wanted: Architecture, read: Architecture, name: string): void {
  for (const key of Object.keys(wanted) as (keyof Architecture)[]) {
    if (key === "stopIds" || isAlike(wanted[key], read[key])) continue;
    throw new InputError(`${name}: its ${key} cannot be said in a config.json, so the model cannot be written as one`);
  }
}

/** Whether two parts of descriptions are equal, angles up to the rounding of their factors. */
function isAlike(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") return isClose(a, b);
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return a === b;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return left.length === right.length && left.every(([key, value]) => isAlike(value, Object(b)[key]));
}
