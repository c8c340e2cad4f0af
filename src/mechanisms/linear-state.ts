/** The state of linear attention among what a layer carries: a matrix for each head, before and after the tokens that are read. */
import { type LinearState, type StateRule, stateColumns } from "../autodiff/ops/linear-attention.ts";
import { kernels } from "../wasm/runtime.ts";
import type { MechanismLayer, MechanismSizes } from "./mechanism.ts";

/** Shapes of one row of what a layer carries, for `features` features of a head. */
export function carriedLinear(
  { num_attention_heads: heads, head_dim }: MechanismSizes,
  features: number,
  rule: StateRule,
) {
  const shape = [heads, features, stateColumns(head_dim, rule)];
  return { state: shape, next: shape };
}

/** The state that the next tokens read, and the place of the one after them. */
export function linearStateOf(layer: MechanismLayer): LinearState {
  return { before: layer.carried("state"), after: layer.carried("next") };
}

/** The tokens are read: the state after them is what the next ones find. */
export function advanceLinear(layer: MechanismLayer): void {
  const { before, after } = linearStateOf(layer);
  kernels.move(before.ptr, after.ptr, before.size * 4);
}
