/** A layer of a mechanism that runs all layers itself: an attention of its own and the model's feed-forward, each behind a norm. */
import { add } from "../autodiff/ops/elementwise.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { l2Normalize, rmsNorm } from "../autodiff/ops/norm.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { constant, matrix, norm } from "../nn/declarations.ts";
import type { Declaration } from "../nn/parameters.ts";
import type { MechanismSizes, ReadingLayer } from "./mechanism.ts";

/** The scale of each head's logits, [H]. */
export function scaleParameter(name: string, sizes: MechanismSizes): Declaration {
  const { num_attention_heads: heads, attention_scale_init: first } = sizes;
  return { name, shape: [heads], group: "attention", initial: constant(first) };
}

/** Parameters that every such layer has. `prefix` comes before their names. */
export function layerParameters(sizes: MechanismSizes, prefix: string): Declaration[] {
  const { hidden_size: width, num_attention_heads: heads, head_dim, intermediate_size } = sizes;
  return [
    norm(`${prefix}.input_layernorm.weight`, width),
    matrix(`${prefix}.q_proj.weight`, heads * head_dim, width),
    matrix(`${prefix}.o_proj.weight`, width, heads * head_dim),
    norm(`${prefix}.post_attention_layernorm.weight`, width),
    matrix(`${prefix}.up_proj.weight`, intermediate_size, width),
    matrix(`${prefix}.down_proj.weight`, width, intermediate_size),
    scaleParameter(`${prefix}.attention_scale`, sizes),
  ];
}

/** What a layer's attention is given. */
export interface LayerQuery {
  /** The layer's input behind its norm, [B, n, C]. */
  readonly normed: Tensor;
  /** q̂, [B, n, H·D]. */
  readonly query: Tensor;
  /** [H] */
  readonly scale: Tensor;
}

/** x [B, n, C] → [B, n, C]; `attend` returns [B, n, H·D]. */
export function applyLayer(
  x: Tensor,
  prefix: string,
  { parameter, sizes, drop, feedForward }: ReadingLayer,
  attend: (query: LayerQuery) => Tensor,
): Tensor {
  const get = (name: string) => parameter(`${prefix}.${name}`);
  const normed = rmsNorm(x, get("input_layernorm.weight"), sizes.rms_norm_eps);
  const query = l2Normalize(linear(normed, get("q_proj.weight")), sizes.head_dim);
  const attended = attend({ normed, query, scale: get("attention_scale") });
  const between = add(x, drop(linear(attended, get("o_proj.weight"))));
  const fed = feedForward(rmsNorm(between, get("post_attention_layernorm.weight"), sizes.rms_norm_eps), {
    up: get("up_proj.weight"),
    down: get("down_proj.weight"),
  });
  return add(between, drop(fed));
}
