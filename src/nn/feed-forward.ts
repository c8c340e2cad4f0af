/** The feed-forward half of a block: x → activation(x W1) W2, no biases. */
import { gelu, relu } from "../autodiff/ops/activation.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import type { Tensor } from "../autodiff/tensor.ts";

export const activations = { relu, gelu };

/** up [F, C], down [C, F]. */
export interface FeedForwardWeights {
  readonly up: Tensor;
  readonly down: Tensor;
}

/** x [B, T, C] → [B, T, C]. */
export function feedForward(x: Tensor, { up, down }: FeedForwardWeights, activation: keyof typeof activations): Tensor {
  return linear(activations[activation](linear(x, up)), down); // [B, T, C] → [B, T, F] → [B, T, C]
}
