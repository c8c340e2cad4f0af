/**
 * One block of a decoder: attention and feed-forward layer, each behind a norm, as the description says (architecture.ts has the
 * equations).
 */
import { attention, constantScale } from "../autodiff/ops/attention.ts";
import { add, gatedActivation, gelu, geluErf, silu } from "../autodiff/ops/elementwise.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import type { Retrieval } from "../nn/self-attention.ts";
import type { Architecture } from "./architecture.ts";
import type { DecoderState } from "./decoder-state.ts";
import { offsetName, type Weights } from "./weights.ts";

const activations = { gelu_tanh: gelu, gelu_erf: geluErf, silu };

/** What a block computes with. */
export interface BlockInput {
  readonly architecture: Architecture;
  readonly weights: Weights;
  readonly state: DecoderState;
  /** Whether the tokens were read before, and only their pairs are recomputed. */
  readonly again: boolean;
  /** How many of its newest pairs each row may look up. Default: all. */
  readonly reach?: ArrayLike<number>;
  /** Is shown what each layer's memory returned. */
  readonly observe?: (layer: number, retrieval: Retrieval) => void;
}

/** x [B, n, C] → [B, n, C]. Writes the tokens' keys and values into the state. */
export function block(x: Tensor, layer: number, input: BlockInput): Tensor {
  const { architecture, weights } = input;
  const norm = (y: Tensor, name: string) => weights.norm(y, `layers.${layer}.${name}`);
  const outputNorm = (y: Tensor, name: string) => (architecture.outputNorms ? norm(y, name) : y);
  const attended = add(x, outputNorm(selfAttention(norm(x, "input_norm"), layer, input), "attention_norm"));
  const read = architecture.block === "parallel" ? x : attended;
  return add(attended, outputNorm(feedForward(norm(read, "mlp_norm"), layer, input), "output_norm"));
}

/** x [B, n, C] → [B, n, C]. */
function selfAttention(
  x: Tensor,
  layer: number,
  { architecture, weights, state, again, reach, observe }: BlockInput,
): Tensor {
  const { heads, scoreScale, headNorms } = architecture;
  const [query, unnormed, value] = weights.linears(x, modulesOf(layer, "q", "k", "v"));
  const normed = (y: Tensor, name: string) => (headNorms ? weights.norm(y, `layers.${layer}.${name}`) : y);
  const q = normed(query, "q_norm"); // [B, n, H·D]
  const key = normed(unnormed, "k_norm"); // [B, n, KV·D], as value
  const [here, turned] = [state.turn(q, layer), state.turn(key, layer)];
  const context = state.extend(layer, { key, turned, value }, again);
  const local = attention(here, turned, value, constantScale(heads, scoreScale), undefined, context);
  const { out } = state.joinDistant(layer, local, q, here, {
    offset: weights.get(offsetName(layer)),
    reach,
    observe: observe && ((retrieval) => observe(layer, retrieval)),
  });
  return weights.linear(out, `layers.${layer}.o`);
}

/** x [B, n, C] → [B, n, C]. */
function feedForward(x: Tensor, layer: number, { architecture, weights }: BlockInput): Tensor {
  const { gated, activation } = architecture;
  const down = (y: Tensor) => weights.linear(y, `layers.${layer}.down`);
  const [up, gate] = weights.linears(x, modulesOf(layer, ...(gated ? ["up", "gate"] : ["up"]))); // [B, n, F]
  if (!gated) return down(activations[activation](up));
  if (activation === "gelu_erf") throw new Error("a gated block with the exact GELU is in no family");
  return down(gatedActivation(gate, up, activation));
}

function modulesOf(layer: number, ...names: readonly string[]): string[] {
  return names.map((name) => `layers.${layer}.${name}`);
}
