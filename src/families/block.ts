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

/** Writes the tokens' keys and values of one layer into the state, as `block` does, and computes nothing else. x [B, n, C]. */
export function extendWithPairs(x: Tensor, layer: number, input: BlockInput): void {
  const { weights, state, again } = input;
  const [unnormed, value] = weights.linears(weights.norm(x, `layers.${layer}.input_norm`), modulesOf(layer, "k", "v"));
  const key = headNorm(unnormed, layer, "k_norm", input);
  state.extend(layer, { key, turned: state.turn(key, layer), value }, again);
}

/** The norm of queries or keys, in models that have one. */
function headNorm(y: Tensor, layer: number, name: string, { architecture, weights }: BlockInput): Tensor {
  return architecture.headNorms ? weights.norm(y, `layers.${layer}.${name}`) : y;
}

/** x [B, n, C] → [B, n, C]. */
function selfAttention(x: Tensor, layer: number, input: BlockInput): Tensor {
  const { architecture, weights, state, again, reach, observe } = input;
  const { heads, scoreScale } = architecture;
  const [query, unnormed, value] = weights.linears(x, modulesOf(layer, "q", "k", "v"));
  const q = headNorm(query, layer, "q_norm", input); // [B, n, H·D]
  const key = headNorm(unnormed, layer, "k_norm", input); // [B, n, KV·D], as value
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
