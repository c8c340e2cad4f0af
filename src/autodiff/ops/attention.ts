/**
 * Causal attention over a context: the pairs of earlier tokens (Transformer-XL cache, and what was already read of the
 * current segment) followed by the segment's own. Scores, learned scale, T5 bias, mask, softmax and the product with the
 * values are one kernel, forward and backward. Pairs retrieved from the memory are another op (retrieved.ts).
 */
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { needsGrad, note, recordMany } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, stepZeros, type Tensor } from "../tensor.ts";

/** Where a layer's pairs live while a segment is read: room for `capacity` positions a row, the first `past` of them filled. */
export interface AttentionContext {
  /** k̂ and v, [B, capacity, H·D]. Attention writes the new tokens' pairs at positions past, past + 1, … */
  readonly keys: Tensor;
  /** v, [B, capacity, H·D]. */
  readonly values: Tensor;
  /** Positions that there is room for in a row. */
  readonly capacity: number;
  /** Positions that are filled before the segment. */
  readonly past: number;
  /** First valid position of each row, [B]: what lies before belongs to no or to another document. */
  readonly first: Int32Array;
  /** How far back a query sees, in tokens; Infinity: as far as the context goes. */
  readonly window: number;
}

/** T5's bias: a learned table [H, buckets] and the address of each distance's bucket (i32). */
export interface PositionBias {
  readonly table: Tensor;
  readonly buckets: number;
}

/** A window no context reaches, as an i32. */
const UNBOUNDED = 2 ** 30;

/** The bias by distance, [H, length], reversed so that the kernel reads it forwards; zeros when there is none. */
function spreadBias(bias: PositionBias | undefined, heads: number, length: number): Tensor {
  if (bias === undefined) return stepZeros([heads, length]);
  const spread = stepTensor([heads, length]);
  kernels.position_bias_forward(spread.ptr, bias.table.ptr, bias.buckets, heads, length, bias.table.shape[1]);
  return spread;
}

/** Copies the segment's pairs [B, T, C] behind the past of each row's context. */
function extendContext(context: AttentionContext, k: Tensor, v: Tensor): void {
  const [rows, segment, width] = k.shape;
  const size = segment * width;
  for (let row = 0; row < rows; row++) {
    const at = (row * context.capacity + context.past) * width * 4;
    parallelElements("copy", size, context.keys.ptr + at, k.ptr + row * size * 4);
    parallelElements("copy", size, context.values.ptr + at, v.ptr + row * size * 4);
  }
}

/**
 * out_i = Σ_j softmax_j(s_h · (q_i · k_j + bias_h[i − j])) v_j over the positions j ≤ i of i's row and window, s_h = |scale_h|.
 * q, k, v [B, T, C] with C = H·D, scale [H]. Returns out [B, T, C] and lse [B, T, H], the logsumexp of each query's logits.
 * Gradients reach q, k, v of this segment, scale and the bias table, never the past. ALGORITHM.md: the scale multiplies the bias too.
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  scale: Tensor,
  bias: PositionBias | undefined,
  context: AttentionContext,
): { out: Tensor; lse: Tensor } {
  const [rows, segment, width] = q.shape;
  const heads = scale.size;
  const { capacity, past } = context;
  const length = past + segment;
  const window = Math.min(context.window, UNBOUNDED);
  const inputs = bias === undefined ? [q, k, v, scale] : [q, k, v, scale, bias.table];
  extendContext(context, k, v);
  const spread = spreadBias(bias, heads, length);
  const first = stepIntegers(context.first);
  const out = stepTensor(q.shape);
  const lse = stepTensor([rows, segment, heads]);
  const units = rows * heads;
  const probabilities = needsGrad(...inputs) ? stepTensor([units, segment, length]) : undefined;
  const scratchBytes = kernels.attention_scratch_bytes(length, width / heads);
  const shape = [heads, width / heads, segment, past, capacity, window] as const;
  parallelWithScratch(
    "attention_forward",
    units,
    scratchBytes,
    out.ptr,
    lse.ptr,
    probabilities?.ptr ?? 0,
    q.ptr,
    context.keys.ptr,
    context.values.ptr,
    spread.ptr,
    scale.ptr,
    first,
    ...shape,
  );
  if (probabilities === undefined) {
    note("attention", [out]);
    return { out, lse };
  }
  recordMany("attention", [out, lse], inputs, () => {
    const dbias = stepTensor([units, length]);
    const dscale = stepTensor([units]);
    parallelWithScratch(
      "attention_backward",
      units,
      scratchBytes,
      gradient(q),
      gradient(k),
      gradient(v),
      dbias.ptr,
      dscale.ptr,
      gradient(out),
      lse.grad?.ptr ?? 0,
      out.ptr,
      probabilities.ptr,
      q.ptr,
      context.keys.ptr,
      context.values.ptr,
      scale.ptr,
      first,
      ...shape,
    );
    kernels.position_bias_backward(
      bias === undefined ? 0 : gradient(bias.table),
      gradient(scale),
      dbias.ptr,
      dscale.ptr,
      spread.ptr,
      scale.ptr,
      bias?.buckets ?? 0,
      rows,
      heads,
      length,
      bias?.table.shape[1] ?? 0,
    );
  });
  return { out, lse };
}
