/**
 * The parameters of our own model: names, shapes and first values. Names follow Hugging Face's. nn/parameters.ts stores them,
 * transformer.ts uses them.
 */
import { POSITION_BUCKETS } from "../autodiff/ops/attention.ts";
import { allOrNothing } from "../base/lifetime.ts";
import { mechanismOf } from "../mechanisms/list.ts";
import { constant, matrix, norm } from "../nn/declarations.ts";
import { gateParameters } from "../nn/gate.ts";
import { type Declaration, Parameters } from "../nn/parameters.ts";
import { type ModelConfig, smearsKeys } from "./config.ts";

/** First value of a key's smear in an induction head: 95 % of a key is the one of the token before. */
const INDUCTION_SMEAR = -3;
/** The end of the name of smears, of a layer's heads. */
export const KEY_SMEAR = "key_smear";

/** Declares the parameters of a model's mechanism; `prefix` comes before their names. */
function declareMechanism(config: ModelConfig, prefix: string): Declaration[] {
  const chosen = mechanismOf(config);
  return (chosen?.parts.parameters?.(chosen.sizes) ?? []).map((declaration) => {
    return { ...declaration, name: `${prefix}.mechanism.${declaration.name}` };
  });
}

/** Declares the parameters of block `layer`, in the order of their use. */
function declareLayer(config: ModelConfig, layer: number): Declaration[] {
  const own = declareMechanism(config, `model.layers.${layer}`);
  return mechanismOf(config)?.block ? own : [...declareBlock(config, layer), ...own];
}

/** First value of a head's part in copying, beside 0 of the model's own prediction: 5 % for each head. */
const COPY_BIAS = -3;

/** Declares how much each head of the last memory layer may copy, by the state before the logits: m = U x + b. */
function declareCopying({ memory_copy, num_attention_heads: heads, hidden_size: width }: ModelConfig): Declaration[] {
  if (!memory_copy) return [];
  return [
    { name: "model.memory_copy.weight", shape: [heads, width], group: "matrices", initial: constant(0) },
    { name: "model.memory_copy.bias", shape: [heads], group: "attention", initial: constant(COPY_BIAS) },
  ];
}

/** Declares the parameters of all blocks. */
function declareLayers(config: ModelConfig): Declaration[] {
  if (mechanismOf(config)?.stack) return declareMechanism(config, "model");
  return Array.from({ length: config.num_hidden_layers }, (_, layer) => declareLayer(config, layer)).flat();
}

/** Declares the parameters of attention, memory and feed-forward of block `layer`. */
function declareBlock(config: ModelConfig, layer: number): Declaration[] {
  const { hidden_size: width, num_attention_heads: heads, head_dim, intermediate_size } = config;
  const prefix = `model.layers.${layer}`;
  const hasMemory = config.memory_layers.includes(layer);
  const declarations: Declaration[] = [
    norm(`${prefix}.input_layernorm.weight`, width),
    ...(mechanismOf(config)?.attention?.sharesKeys
      ? []
      : [matrix(`${prefix}.self_attn.q_proj.weight`, heads * head_dim, width)]),
    matrix(`${prefix}.self_attn.k_proj.weight`, heads * head_dim, width),
    matrix(`${prefix}.self_attn.v_proj.weight`, heads * head_dim, width),
    matrix(`${prefix}.self_attn.o_proj.weight`, width, heads * head_dim),
    norm(`${prefix}.post_attention_layernorm.weight`, width),
    matrix(`${prefix}.mlp.up_proj.weight`, intermediate_size, width),
    matrix(`${prefix}.mlp.down_proj.weight`, width, intermediate_size),
  ];
  const steer = (name: string, shape: number[], value: number) =>
    declarations.push({ name: `${prefix}.self_attn.${name}`, shape, group: "attention", initial: constant(value) });
  steer("attention_scale", [heads], config.attention_scale_init);
  if (!hasMemory || config.memory_layer_position_bias) {
    steer("relative_attention_bias.weight", [heads, POSITION_BUCKETS], 0);
  }
  for (const [name, shape] of hasMemory ? gateParameters(config.memory_combine, heads, width) : []) {
    if (name === "memory_gate") steer(name, shape, config.memory_gate_init);
    else declarations.push({ name: `${prefix}.self_attn.${name}`, shape, group: "matrices", initial: constant(0) });
  }
  if (smearsKeys(config, layer)) steer(KEY_SMEAR, [heads], config.induction_init ? INDUCTION_SMEAR : 0);
  return declarations;
}

/** Declares every parameter of a model of this configuration. */
function declare(config: ModelConfig): Declaration[] {
  const embedding: Declaration = {
    name: "model.embed_tokens.weight",
    shape: [config.vocab_size, config.hidden_size],
    group: "embedding",
    initial: (random) => random.normal(),
  };
  const last = [norm("model.norm.weight", config.hidden_size), ...declareCopying(config)];
  return [embedding, ...declareLayers(config), ...last];
}

/** Returns names and shapes of all parameters, without allocating any. */
export function parameterShapes(config: ModelConfig): Map<string, readonly number[]> {
  return new Map(declare(config).map(({ name, shape }) => [name, shape]));
}

/** Allocates the parameters of a model and fills them from `seed`: ALGORITHM.md, section 2. Without a seed they are 0. */
export function makeParameters(config: ModelConfig, seed: number | null): Parameters {
  const declarations = declare(config);
  return allOrNothing((own) => {
    const parameters = own(new Parameters(declarations));
    if (seed === null) return parameters;
    parameters.fill(declarations, seed);
    if (config.induction_init) beginAsInductionHeads(config, parameters);
    return parameters;
  });
}

/**
 * Gives the queries of each layer with smeared keys the weights of the keys (Olsson et al. 2022). A smeared key is that of the token
 * before, so the present token finds its earlier occurrences from the first step on, and fetches what followed them. Keys and queries
 * part in training.
 */
export function beginAsInductionHeads(config: ModelConfig, parameters: Parameters): void {
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const [q, k] = ["q", "k"].map((name) => `model.layers.${layer}.self_attn.${name}_proj.weight`);
    if (smearsKeys(config, layer) && parameters.has(q)) parameters.get(q).set(parameters.get(k).toArray());
  }
}
