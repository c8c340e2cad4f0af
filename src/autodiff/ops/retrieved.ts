/**
 * Attention over the pairs that a lookup retrieved (paper, section 3.1). The lookup itself is not an op: no gradient flows
 * through the choice of neighbours.
 */
import { InputError } from "../../base/errors.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { needsGrad, recordMany } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";

/** The results of a lookup, and the rings that hold the pairs. To the tape they are constants. */
export interface Neighbours {
  /** Inner products of queries, which our models have sharpened, and stored keys, in falling order, [B, T, H, K]. */
  readonly scores: Tensor;
  /** Address of the slots of those pairs in the ring, i32 [B, T, H, K]. */
  readonly slots: Address;
  /** How many of the K are valid, per row, [B]: min(K, stored pairs). */
  readonly counts: Int32Array;
  /** K, the number of pairs that each query asked for. */
  readonly topk: number;
  /** Address of the ring of keys, [B, H, capacity, D]. */
  readonly keys: Address;
  /** Address of the ring of values, [B, H, capacity, D]. */
  readonly values: Address;
  /** Number of slots of a ring. */
  readonly capacity: number;
  /** The slot of each row's newest pair, [B]; older ones lie before it, and before slot 0 the last one. */
  readonly newest: Int32Array;
  /** Whether the rings hold numbers of 16 bits. */
  readonly float16: boolean;
  /** The newest pairs, where they were scored by other queries against other keys. */
  readonly near?: NearPairs;
  /** Attends to the pairs with the scale of each head, [H], and `fade`, where some of them are not in the rings: slots of those are negative. */
  readonly attend?: (scale: Tensor, fade: number) => Attended;
}

/** Attention to retrieved pairs. */
export interface Attended {
  /** [B, T, H·D] */
  readonly out: Tensor;
  /** The logsumexp of each query's logits, [B, T, H]. */
  readonly lse: Tensor;
  /** The softmax of the K scores, [B, T, H, K]. */
  readonly weights: Tensor;
}

/** Pairs that were compared with queries of their own, in a ring of their keys that was appended to in step with the other. */
export interface NearPairs {
  /** The queries, [B, T, H·D]. */
  readonly queries: Tensor;
  /** Address of the ring of their keys, [B, H, capacity, D]. */
  readonly keys: Address;
  /** Slots of that ring. */
  readonly capacity: number;
  /** How many of each row's newest pairs they are, and the slots of its newest pair in either ring, this one last: [B, 3] (i32). */
  readonly rows: Address;
}

/**
 * out = Σ_k r_k ṽ_k with r = softmax_K(s_h · scores − fade · ln(1 + age)), the newest pair's age being 0. q [B, T, H·D], scale [H]. Returns
 * out [B, T, H·D], the weights r [B, T, H, K] and lse [B, T, H], of which each may receive a gradient. Gradients reach q, the queries of near pairs, and scale; stored
 * keys and values get none.
 */
export function retrievedAttention(q: Tensor, scale: Tensor, neighbours: Neighbours, fade = 0): Attended {
  const { scores, slots, topk, keys, values, capacity, float16, near, attend } = neighbours;
  if (attend !== undefined) {
    if (needsGrad(q, scale))
      throw new InputError("pairs that others serve have no gradients; read them inside noGrad()");
    return attend(scale, fade);
  }
  const [rows, segment, width] = q.shape;
  const heads = scale.size;
  const queries = rows * segment;
  const counts = stepIntegers(neighbours.counts);
  const out = stepTensor(q.shape);
  const lse = stepTensor([rows, segment, heads]);
  const weights = stepTensor(scores.shape);
  const shape = [segment, heads, width / heads, topk, capacity, float16] as const;
  const scratchBytes = kernels.retrieved_scratch_bytes(width / heads, topk);
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
    stepIntegers(neighbours.newest),
    fade,
    values,
    scale.ptr,
    ...shape,
  );
  recordMany("retrievedAttention", [out, lse, weights], near ? [q, scale, near.queries] : [q, scale], () => {
    const dscale = stepTensor([queries, heads]);
    parallelWithScratch(
      "retrieved_backward",
      queries,
      scratchBytes,
      gradient(q),
      dscale.ptr,
      gradient(out),
      lse.grad?.ptr ?? 0,
      weights.grad?.ptr ?? 0,
      weights.ptr,
      scores.ptr,
      slots,
      counts,
      keys,
      values,
      scale.ptr,
      near ? gradient(near.queries) : 0,
      near?.keys ?? 0,
      near?.rows ?? 0,
      near?.capacity ?? 1,
      ...shape,
    );
    kernels.add_rows(gradient(scale), dscale.ptr, queries, heads, 0, heads);
  });
  return { out, lse, weights };
}
