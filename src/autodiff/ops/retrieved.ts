/**
 * Attention over the pairs that a lookup retrieved (paper, section 3.1). The lookup itself is not an op: no gradient flows
 * through the choice of neighbours.
 */
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { recordMany } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";

/** What a lookup found, and where the pairs lie. All of it is constant to the tape. */
export interface Neighbours {
  /** q̂·k̃ in falling order, [B, T, H, K]. */
  readonly scores: Tensor;
  /** Address of the slots of those pairs in the ring, i32 [B, T, H, K]. */
  readonly slots: number;
  /** How many of the K are valid, by row of the batch: min(K, stored pairs). */
  readonly counts: Int32Array;
  /** K, pairs that each query asked for. */
  readonly topk: number;
  /** Addresses of the rings of keys and values, [B, H, capacity, D]. */
  readonly keys: number;
  /** Address of the ring of values, [B, H, capacity, D]. */
  readonly values: number;
  /** Slots of a ring. */
  readonly capacity: number;
  /** Whether the rings hold halves. */
  readonly half: boolean;
}

/**
 * out = Σ_k r_k ṽ_k with r = softmax_K(s_h · scores). q [B, T, H·D], scale [H]. Returns out [B, T, H·D], the weights r
 * [B, T, H, K] and lse [B, T, H]. Gradients reach q and scale; stored keys and values get none.
 */
export function retrievedAttention(q: Tensor, scale: Tensor, neighbours: Neighbours) {
  const { scores, slots, topk, keys, values, capacity, half } = neighbours;
  const [rows, segment, width] = q.shape;
  const heads = scale.size;
  const queries = rows * segment;
  const counts = stepIntegers(neighbours.counts);
  const out = stepTensor(q.shape);
  const lse = stepTensor([rows, segment, heads]);
  const weights = stepTensor(scores.shape);
  const shape = [segment, heads, width / heads, topk, capacity, half] as const;
  const scratchBytes = (width / heads + topk) * 4;
  parallelWithScratch(
    "retrieved_forward",
    queries,
    scratchBytes,
    out.ptr,
    weights.ptr,
    lse.ptr,
    scores.ptr,
    slots,
    counts,
    values,
    scale.ptr,
    ...shape,
  );
  recordMany("retrieved attention", [out, lse], [q, scale], () => {
    const dscale = stepTensor([queries, heads]);
    parallelWithScratch(
      "retrieved_backward",
      queries,
      scratchBytes,
      gradient(q),
      dscale.ptr,
      gradient(out),
      lse.grad?.ptr ?? 0,
      weights.ptr,
      scores.ptr,
      slots,
      counts,
      keys,
      values,
      scale.ptr,
      ...shape,
    );
    kernels.add_rows(gradient(scale), dscale.ptr, queries, heads);
  });
  return { out, lse, weights };
}
