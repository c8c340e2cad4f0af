/**
 * How much of a head's answer comes from the memory: g = sigmoid(logit), one line a policy. `blend` (ops/blend.ts) mixes
 * with it. To try another gate, add a value to `memory_combine` in model/config.ts, its parameters in `gateParameters`, and a
 * line here: see "Change one thing" in ARCHITECTURE.md.
 */
import { add, repeat, subtract } from "../autodiff/ops/elementwise.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import type { Tensor } from "../autodiff/tensor.ts";

/** The values of `memory_combine`. */
export const GATE_POLICIES = ["gate", "joint", "content"] as const;
export type GatePolicy = (typeof GATE_POLICIES)[number];

/** A policy and what it has learned: bias b [H], and weight w [H, C] of `content`. `joint` has neither. */
export interface Gate {
  readonly policy: GatePolicy;
  readonly bias: Tensor | undefined;
  readonly weight: Tensor | undefined;
}

/** x [B, T, C] is what the layer reads; the logsumexps are [B, T, H]. Returns the logit of g, [B, T, H]. */
export function gateLogit({ policy, bias, weight }: Gate, x: Tensor, retrievedLse: Tensor, localLse: Tensor): Tensor {
  const [B, T] = x.shape;
  const policies = {
    gate: () => repeat(bias!, [B, T]), // the paper: one number a head
    joint: () => subtract(retrievedLse, localLse), // one softmax over both
    content: () => add(linear(x, weight!), repeat(bias!, [B, T])), // σ(w·x + b), which the paper did not try
  };
  return policies[policy]();
}
