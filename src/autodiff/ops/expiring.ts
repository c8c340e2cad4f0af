/**
 * Lists of what has not expired, for `listedAttention`: each state is kept for a learned number of tokens, its span, and fades over R
 * more (Sukhbaatar et al. 2021, Expire-Span). Gradients reach the spans of states that fade.
 */
import { InputError } from "../../base/errors.ts";
import { parallel } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import { recordMany } from "../tape.ts";
import { arena, gradient, stepIntegers, stepTensor, type Tensor, tensor } from "../tensor.ts";
import type { AttentionContext } from "./attention.ts";
import type { Lists } from "./listed.ts";

/** Spans of states, in tokens. */
export interface Spans {
  /** Those of the context, [B, capacity, 1]; only what comes before the segment is read. */
  readonly before: Tensor;
  /** Those of the segment, [B, T, 1]. */
  readonly own: Tensor;
  /** R, tokens over which a state fades. */
  readonly ramp: number;
  /** K, the longest that a state may be kept, fading included. */
  readonly most: number;
}

/**
 * Lists the positions j ≤ t of each query t with m_tj = clamp(1 + (e_j − (t − j)) / R, 0, 1) above 0, m as their masks. Also returns the
 * cost of keeping, [1]: Σ e_j / R over the states that fade at t, the mean over all t.
 * @throws InputError if shapes do not fit
 */
export function expiringLists(
  context: AttentionContext,
  heads: number,
  { before, own, ramp, most: longest }: Spans,
): { readonly lists: Lists & { readonly masks: Tensor }; readonly cost: Tensor } {
  const { past, capacity, first } = context;
  const [rows, segment] = own.shape;
  if (before.size !== rows * capacity || own.size !== rows * segment || first.length !== rows) {
    throw new InputError(
      `expiringLists: spans [${before.shape}] and [${own.shape}] do not fit ${first.length} contexts of ${capacity}; they must be [B, capacity, 1] and [B, T, 1]`,
    );
  }
  const most = Math.min(longest, past + segment);
  const positions = arena.allocate(rows * segment * most * 4);
  const masks = stepTensor([rows, segment, heads, most]);
  const costs = stepTensor([rows]);
  const shape = [heads, segment, past, capacity, most, ramp] as const;
  const spans = [before.ptr, own.ptr, stepIntegers(first)] as const;
  parallel("expiring_lists", rows, positions, masks.ptr, costs.ptr, ...spans, ...shape);
  const queries = rows * segment;
  const cost = tensor([kernels.sum(costs.ptr, rows) / queries / ramp]);
  recordMany("expiringLists", [masks, cost], [before, own], () => {
    const dcost = cost.grad === undefined ? 0 : heap.f32(cost.grad.ptr, 1)[0] / queries;
    const gradients = [gradient(before), gradient(own), masks.grad?.ptr ?? 0] as const;
    parallel("expiring_lists_backward", rows, ...gradients, positions, masks.ptr, dcost, ...shape);
  });
  return { lists: { positions, most, perHead: false, masks }, cost };
}
