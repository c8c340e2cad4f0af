/**
 * Attention to lists of positions: each query of a head attends to what its list names in the context. The lists are made before, by
 * lists.ts; no gradient flows through the choice. It costs K products per query, however long the context is.
 */
import type { Address } from "../../wasm/heap.ts";
import { parallel } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { recordMany } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";
import { type AttentionContext, FAR, type PositionBias } from "./attention.ts";

/** Lists of positions of a context. */
export interface Lists {
  /** Address of the positions, i32 [B, T, H, K] or [B, T, 1, K]; a list that is shorter than K ends with −1. */
  readonly positions: Address;
  /** K, positions of the longest list. */
  readonly most: number;
  /** Whether every head has lists of its own. */
  readonly perHead: boolean;
  /** Positions before this one hold what is kept from far back, in no order; their bias is that of the greatest distance. Default: 0. */
  readonly pinned?: number;
  /** Factors of the exponentials above 0, [B, T, H, K]; default: 1. */
  readonly masks?: Tensor;
}

/**
 * out_i = Σ_j softmax_j(s_h · (q_i · k_j + bias_h[i − j])) v_j over the positions j of the query's list, s_h = |scale_h|. q [B, T, H·D], the first at
 * position `past`; k, v [B, n, H·D] are in `context` from position `firstKey` on (default: past); scale [H]. Returns out [B, T, H·D] and lse [B, T, H]; an empty list gives 0 and the least float.
 * With masks m_ij, e^logit is multiplied by m_ij. Gradients reach q, k, v of this segment, scale, the bias table and the masks.
 */
export function listedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  scale: Tensor,
  bias: PositionBias | undefined,
  { keys, values, past, capacity }: AttentionContext,
  { positions, most, perHead, masks, pinned = 0 }: Lists,
  firstKey = past,
): { out: Tensor; lse: Tensor } {
  const [rows, segment, width] = q.shape;
  const heads = scale.size;
  const units = rows * heads;
  const out = stepTensor(q.shape);
  const lse = stepTensor([rows, segment, heads]);
  const probabilities = stepTensor([rows, segment, heads, most]);
  const buckets = bias?.table.shape[1] ?? 0;
  const sizes = [heads, width / heads, segment, past, firstKey, k.shape[1], capacity, most, perHead ? heads : 1];
  const biases = [bias?.table.ptr ?? 0, bias?.buckets ?? 0, buckets, FAR + 1, pinned];
  const shared = stepIntegers([...sizes, ...biases]); // the Lists of assembly/ops/listed.ts
  const operands = [q.ptr, keys.ptr, values.ptr, positions, masks?.ptr ?? 0, scale.ptr, shared] as const;
  parallel("listed_forward", units, out.ptr, lse.ptr, probabilities.ptr, ...operands);
  const inputs = [q, k, v, scale, bias?.table, masks].filter((input) => input !== undefined);
  recordMany("listedAttention", [out, lse], inputs, () => {
    const [dtable, dscale] = [stepTensor([units, buckets]), stepTensor([units])];
    const dmasks = masks === undefined ? 0 : gradient(masks);
    const gradients = [gradient(q), gradient(k), gradient(v), dmasks, dtable.ptr, dscale.ptr, gradient(out)] as const;
    const results = [lse.grad?.ptr ?? 0, out.ptr, probabilities.ptr] as const;
    parallel("listed_backward", units, ...gradients, ...results, ...operands);
    if (scale.requiresGrad) kernels.add_rows(gradient(scale), dscale.ptr, rows, heads, 0, heads);
    if (bias === undefined) return;
    kernels.add_rows(gradient(bias.table), dtable.ptr, rows, heads * buckets, 0, heads * buckets);
  });
  return { out, lse };
}
