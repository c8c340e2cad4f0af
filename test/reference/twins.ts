/**
 * The same model twice, with the same weights: the fast one of src/ and the one of reference/, whose loops anyone can check.
 *
 * They differ in layout only. The reference reads one row of the batch after another and has no padding; and its output
 * projection is [H, C, D], a matrix for each head, where the fast model has [C, H·D].
 */
import { type Config, type Layer, type Model, newModel, type State } from "../../reference/memorizing-transformer.ts";
import type { Batch } from "../../src/data/batches.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import type { Transformer } from "../../src/model/transformer.ts";

/** The fast model's name of a parameter of layer l, by the reference's. */
const LAYER_NAMES: Readonly<Record<string, string>> = {
  norm1: "input_layernorm.weight",
  q: "self_attn.q_proj.weight",
  k: "self_attn.k_proj.weight",
  v: "self_attn.v_proj.weight",
  o: "self_attn.o_proj.weight",
  scale: "self_attn.attention_scale",
  bias: "self_attn.relative_attention_bias.weight",
  gate: "self_attn.memory_gate",
  smear: "self_attn.key_smear",
  norm2: "post_attention_layernorm.weight",
  up: "mlp.up_proj.weight",
  down: "mlp.down_proj.weight",
};

/** Sizes of the reference with those of `config`, which has one memory layer or none. */
export function referenceConfig(config: ModelConfig): Config {
  return {
    V: config.vocab_size,
    C: config.hidden_size,
    L: config.num_hidden_layers,
    H: config.num_attention_heads,
    D: config.head_dim,
    F: config.intermediate_size,
    T: config.segment_length,
    W: config.xl_cache_length,
    M: config.memory_size,
    K: config.memory_topk,
    memoryLayer: config.memory_layers[0] ?? -1,
    gated: config.memory_combine === "gate",
    smeared: config.smear_keys !== "none",
  };
}

/** [C, H·D] as [H, C, D]. */
export function byHead(o: ArrayLike<number>, { C, H, D }: Config): Float64Array {
  const place = (i: number) => {
    const [h, c, d] = [Math.floor(i / (C * D)), Math.floor(i / D) % C, i % D];
    return (c * H + h) * D + d;
  };
  return Float64Array.from({ length: H * C * D }, (_, i) => o[place(i)]);
}

/** One parameter of both models: the reference's numbers and gradient, the fast one's in the reference's layout. */
export interface Shared {
  readonly name: string;
  readonly reference: readonly [x: Float64Array, dx: Float64Array];
  readonly fast: { x: ArrayLike<number>; dx: ArrayLike<number> };
}

/** Every parameter of both models. */
export function shared(reference: Model, fast: Transformer): Shared[] {
  const { embedding, norm, layers, config } = reference;
  const same = (name: string, ours: string, tensor: Layer[string]): Shared => {
    const parameter = fast.parameters.get(ours);
    const numbers = { x: parameter.toArray(), dx: parameter.grad?.toArray() ?? [] };
    const laidOut = name === "o" ? { x: byHead(numbers.x, config), dx: byHead(numbers.dx, config) } : numbers;
    return { name: ours, reference: tensor, fast: laidOut };
  };
  return [
    same("embedding", "model.embed_tokens.weight", embedding),
    ...layers.flatMap((w, l) =>
      Object.entries(w).map(([name, tensor]) => same(name, `model.layers.${l}.${LAYER_NAMES[name]}`, tensor)),
    ),
    same("norm", "model.norm.weight", norm),
  ];
}

/** A reference with the weights of `fast`. */
export function referenceOf(fast: Transformer): Model {
  const reference = newModel(referenceConfig(fast.config));
  const parameters = shared(reference, fast);
  const names = parameters.map(({ name }) => name).sort();
  if (String(names) !== String(fast.parameters.names().sort())) throw new Error(`the reference has ${names}`);
  for (const {
    reference: [x],
    fast: given,
  } of parameters)
    x.set(given.x);
  return reference;
}

/** What the reference reads of `batch`: row b's n + 1 tokens, with no padding, after what is in `states[b]`. */
export function rowsOf(batch: Batch, states: State[], fresh: () => State): { ids: number[]; state: State }[] {
  const width = batch.tokens.length / batch.lengths.length; // T + 1
  return states.map((_, b) => {
    if (batch.starts[b]) states[b] = fresh();
    return { ids: [...batch.tokens.subarray(b * width, b * width + batch.lengths[b] + 1)], state: states[b] };
  });
}
