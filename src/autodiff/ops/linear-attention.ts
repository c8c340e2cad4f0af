/**
 * Causal linear attention (Katharopoulos et al. 2020, Transformers are RNNs): softmax's kernel becomes a product of features, so the
 * past fits into a state of one size. The arithmetic is in assembly/ops/linear-attention.ts, features are in features.ts.
 */
import { InputError } from "../../base/errors.ts";
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { recordMany } from "../tape.ts";
import { gradient, stepTensor, type Tensor } from "../tensor.ts";
import type { Attended } from "./attention.ts";

/**
 * How a token changes the state: by adding to it, or by replacing what the state returns for its key (the delta rule; Schlag et al. 2021,
 * and the memory of Infini-attention, Munkhdalai et al. 2024). The delta rule is stable for keys of length 1.
 */
export type StateRule = "sum" | "delta";

/** The state of every head, before a segment and after it: [B, H, F, E], E = D + 1 for sums and D by the delta rule. */
export interface LinearState {
  /** Is read, and gets no gradient. */
  readonly before: Tensor;
  /** Is overwritten. */
  readonly after: Tensor;
}

/** Returns E, the columns of a state of values of `width` numbers. */
export function stateColumns(width: number, rule: StateRule): number {
  return rule === "sum" ? width + 1 : width;
}

/**
 * As sums: S_t = S_{t−1} + φ(k_t)ᵀ v_t, z_t = z_{t−1} + φ(k_t), o_t = φ(q_t) S_t / (φ(q_t)·z_t + eps); z is the state's last column. By
 * the delta rule: S_t = S_{t−1} + φ(k_t)ᵀ (v_t − φ(k_t) S_{t−1}), o_t = φ(q_t) S_t. q and k are φ(q) and φ(k), [B, T, H·F];
 * v [B, T, H·D]. Returns out = o [B, T, H·D] and lse [B, T, H], the logarithm of the denominator; by the delta rule it is 0. Gradients
 * reach q, k and v, never the state before the segment.
 * @throws InputError if shapes do not fit
 */
export function linearAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  state: LinearState,
  rule: StateRule,
  eps: number,
): Attended {
  requireShapes(q, k, v, state, rule);
  const [rows, segment, channels] = v.shape;
  const [, heads, features, columns] = state.before.shape;
  const delta = rule === "delta";
  const units = rows * heads;
  const out = stepTensor(v.shape);
  const lse = stepTensor([rows, segment, heads]);
  const written = stepTensor([units, segment, columns]);
  const states = stepTensor([units, Math.ceil(segment / kernels.linear_attention_chunk()) + 1, features, columns]);
  const inverse = stepTensor(lse.shape);
  const shape = [segment, heads, features, channels / heads] as const;
  const scratchBytes = kernels.linear_attention_scratch_bytes(features, channels / heads);
  parallelWithScratch(
    "linear_attention_forward",
    units,
    scratchBytes,
    out.ptr,
    lse.ptr,
    state.after.ptr,
    states.ptr,
    written.ptr,
    inverse.ptr,
    q.ptr,
    k.ptr,
    v.ptr,
    state.before.ptr,
    ...shape,
    eps,
    delta,
  );
  recordMany("linearAttention", [out, lse], [q, k, v], () => {
    parallelWithScratch(
      "linear_attention_backward",
      units,
      scratchBytes,
      gradient(q),
      gradient(k),
      gradient(v),
      gradient(out),
      lse.grad?.ptr ?? 0,
      out.ptr,
      states.ptr,
      written.ptr,
      inverse.ptr,
      q.ptr,
      k.ptr,
      ...shape,
      delta,
    );
  });
  return { out, lse };
}

function requireShapes(q: Tensor, k: Tensor, v: Tensor, { before, after }: LinearState, rule: StateRule): void {
  const [rows, segment, channels] = v.shape;
  const [, heads, features] = before.shape;
  const keys = [rows, segment, heads * features].join();
  const states = [rows, heads, features, stateColumns(channels / heads, rule)].join();
  if (q.shape.join() === keys && k.shape.join() === keys && before.shape.join() === states) {
    if (after.shape.join() === states) return;
  }
  throw new InputError(
    `linearAttention: q [${q.shape}], k [${k.shape}], v [${v.shape}] do not fit states [${before.shape}] and [${after.shape}]; they must be [B, T, H·F] twice, [B, T, H·D] and [B, H, F, ${rule === "sum" ? "D + 1" : "D"}]`,
  );
}
