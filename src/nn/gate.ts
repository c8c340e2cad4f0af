/**
 * How much of a head's answer comes from the memory: g = sigmoid(logit), one line a policy. `blend` (ops/blend.ts) mixes with
 * it. "Change one thing" in ARCHITECTURE.md adds a policy.
 */
import { add, repeat, subtract } from "../autodiff/ops/elementwise.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import type { Tensor } from "../autodiff/tensor.ts";

/** What a policy may look at: the layer's input x [B, T, C], and what it has learned, bias b [H] and weight w [H, C]. */
export interface GateInputs {
  /** Input of the layer, [B, T, C]. */
  readonly x: Tensor;
  /** Logsumexp of a head's logits over what it retrieved and over its local context, [B, T, H]. */
  readonly retrievedLse: Tensor;
  /** Logsumexp over the local context, [B, T, H]. */
  readonly localLse: Tensor;
  /** One number a head, [H]. */
  readonly bias: Tensor;
  /** A vector a head, [H, C]. */
  readonly weight: Tensor;
}

/** How a gate is computed, and what of that is learned. */
export interface Policy {
  /** Which parameters it learns. */
  readonly learns: readonly ("bias" | "weight")[];
  /** [B, T, H] */
  readonly logit: (inputs: GateInputs) => Tensor;
}

/** Every policy, by its name in config.json. */
export const policies = {
  /** The paper: one number a head. */
  gate: { learns: ["bias"], logit: ({ x, bias }) => repeat(bias, x.shape.slice(0, 2)) } as Policy,
  /** One softmax over both: LongLLaMA, and the paper's first submission. */
  joint: { learns: [], logit: ({ retrievedLse, localLse }) => subtract(retrievedLse, localLse) } as Policy,
  /** A gate that depends on the token, w·x + b: the paper names it and did not try it. */
  content: {
    learns: ["bias", "weight"],
    logit: ({ x, bias, weight }) => add(linear(x, weight), repeat(bias, x.shape.slice(0, 2))),
  } as Policy,
} satisfies Record<string, Policy>;

/** The values of `memory_combine`. */
export type GatePolicy = keyof typeof policies;
export const GATE_POLICIES = Object.keys(policies) as [GatePolicy, ...GatePolicy[]];

/** A layer's policy, and those of its parameters that the policy learns. */
export interface Gate {
  readonly policy: GatePolicy;
  readonly bias?: Tensor;
  readonly weight?: Tensor;
}

/** The parameters of a policy in a layer of H heads and width C, by their names in the model, and their shapes. */
export function gateParameters(policy: GatePolicy, heads: number, width: number): [name: string, shape: number[]][] {
  const { learns }: Policy = policies[policy];
  const shapes = { bias: ["memory_gate", [heads]], weight: ["memory_gate.weight", [heads, width]] } as const;
  return learns.map((kind) => [shapes[kind][0], [...shapes[kind][1]]]);
}

/** The logit of g, [B, T, H]. */
export function gateLogit(gate: Gate, x: Tensor, retrievedLse: Tensor, localLse: Tensor): Tensor {
  const { logit }: Policy = policies[gate.policy];
  return logit({ x, retrievedLse, localLse, bias: gate.bias as Tensor, weight: gate.weight as Tensor });
}
