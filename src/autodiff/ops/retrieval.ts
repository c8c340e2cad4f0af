/**
 * The memory layer's two ops (paper, section 3.1): attention over the pairs that a lookup retrieved, and the blend of its
 * result with local attention. The lookup itself is not an op: no gradient flows through the choice of neighbours.
 */
import { parallel, parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record, recordMany } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";

/** What a lookup found, and where the pairs lie. All of it is constant to the tape. */
export interface Neighbours {
  /** q̂·k̃ in falling order, [B, T, H, K]. */
  readonly scores: Tensor;
  /** Address of the slots of those pairs in the ring, i32 [B, T, H, K]. */
  readonly slots: number;
  /** How many of the K are valid, by row of the batch: min(K, stored pairs). */
  readonly counts: Int32Array;
  readonly topk: number;
  /** Addresses of the rings of keys and values, [B, H, capacity, D]. */
  readonly keys: number;
  readonly values: number;
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

/** One of the two sources that `blend` mixes: a result [B, T, H·D] and its logsumexp [B, T, H]. */
interface Attended {
  readonly out: Tensor;
  readonly lse: Tensor;
}

/**
 * out = g · retrieved + (1 − g) · local. With a gate [H], g = sigmoid(gate_h), the paper's equation; without one,
 * g = sigmoid(lse_retrieved − lse_local), which is one joint softmax over both. Rows whose count is 0 keep `local` bit for bit.
 * Returns out [B, T, H·D] and the gates g [B, T, H].
 */
export function blend(local: Attended, retrieved: Attended, gate: Tensor | undefined, retrievedCounts: Int32Array) {
  const [rows, segment, heads] = local.lse.shape;
  const queries = rows * segment;
  const counts = stepIntegers(retrievedCounts);
  const out = stepTensor(local.out.shape);
  const gates = stepTensor([rows, segment, heads]);
  const shape = [segment, heads, local.out.shape[2] / heads] as const;
  parallel(
    "blend_forward",
    queries,
    out.ptr,
    gates.ptr,
    local.out.ptr,
    retrieved.out.ptr,
    gate?.ptr ?? 0,
    local.lse.ptr,
    retrieved.lse.ptr,
    counts,
    ...shape,
  );
  const into = gate === undefined ? [local.lse, retrieved.lse] : [gate];
  record("blend", out, [local.out, retrieved.out, ...into], (dout) => {
    const dlogit = stepTensor(gates.shape);
    parallel(
      "blend_backward",
      queries,
      gradient(local.out),
      gradient(retrieved.out),
      dlogit.ptr,
      dout,
      gates.ptr,
      local.out.ptr,
      retrieved.out.ptr,
      counts,
      ...shape,
    );
    if (gate !== undefined) kernels.add_rows(gradient(gate), dlogit.ptr, queries, heads);
    else {
      parallelElements("add_scaled", dlogit.size, gradient(retrieved.lse), dlogit.ptr, 1);
      parallelElements("add_scaled", dlogit.size, gradient(local.lse), dlogit.ptr, -1);
    }
  });
  return { out, gates };
}
