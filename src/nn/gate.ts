/**
 * The share of the memory in a head's answer: g = sigmoid(logit), one line per policy. `blend` (ops/blend.ts) mixes with g.
 * "Change one thing" in ARCHITECTURE.md adds a policy.
 */
import { add, repeat, subtract } from "../autodiff/ops/elementwise.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import type { Tensor } from "../autodiff/tensor.ts";

/** Inputs of a policy: the layer's input x, two logsumexps, and the parameters b and w. */
export interface GateInputs {
  /** Input of the layer, [B, T, C]. */
  readonly x: Tensor;
  /** Logsumexp of a head's logits over the pairs it retrieved, [B, T, H]. */
  readonly retrievedLse: Tensor;
  /** Logsumexp of a head's logits over its local context, [B, T, H]. */
  readonly localLse: Tensor;
  /** b: one number per head, [H]. */
  readonly bias: Tensor;
  /** w: one vector per head, [H, C]. */
  readonly weight: Tensor;
}

/** The computation of a gate, and its parameters. */
export interface Policy {
  /** The parameters it learns. */
  readonly learns: readonly ("bias" | "weight")[];
  /** Returns the logit of g, [B, T, H]. */
  readonly logit: (inputs: GateInputs) => Tensor;
}

/** Every policy, by its name in config.json. */
export const policies = {
  /** The paper's gate: one number per head. */
  gate: { learns: ["bias"], logit: ({ x, bias }) => repeat(bias, x.shape.slice(0, 2)) } as Policy,
  /** One softmax over both, as in LongLLaMA and the paper's first submission. */
  joint: { learns: [], logit: ({ retrievedLse, localLse }) => subtract(retrievedLse, localLse) } as Policy,
  /** A gate that depends on the token, w·x + b; the paper mentions it and found it unnecessary. */
  content: {
    learns: ["bias", "weight"],
    logit: ({ x, bias, weight }) => add(linear(x, weight), repeat(bias, x.shape.slice(0, 2))),
  } as Policy,
} satisfies Record<string, Policy>;

/** The values of `memory_combine`. */
export type GatePolicy = keyof typeof policies;
export const GATE_POLICIES = Object.keys(policies) as [GatePolicy, ...GatePolicy[]];

/** A layer's policy, with the parameters that the policy learns. */
export interface Gate {
  readonly policy: GatePolicy;
  readonly bias?: Tensor;
  readonly weight?: Tensor;
}

/** Returns the names and shapes of a policy's parameters in a layer of `heads` heads and width `width`. */
export function gateParameters(policy: GatePolicy, heads: number, width: number): [name: string, shape: number[]][] {
  const { learns }: Policy = policies[policy];
  const shapes = { bias: ["memory_gate", [heads]], weight: ["memory_gate.weight", [heads, width]] } as const;
  return learns.map((kind) => [shapes[kind][0], [...shapes[kind][1]]]);
}

/** Returns the logit of g, [B, T, H]. */
export function gateLogit(gate: Gate, x: Tensor, retrievedLse: Tensor, localLse: Tensor): Tensor {
  const { logit }: Policy = policies[gate.policy];
  return logit({ x, retrievedLse, localLse, bias: gate.bias as Tensor, weight: gate.weight as Tensor });
}
