/**
 * Attention to pairs of which each query sees an interval of its own: cells that stand for finished blocks of a text. The result joins
 * with other attention by its logsumexp (`joinAttention` in blend.ts), as if one softmax had seen all.
 */
import { InputError } from "../../base/errors.ts";
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { needsGrad, note, recordMany } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";
import type { Attended } from "./attention.ts";

/** The pairs before the segment's own, and what each query sees. */
export interface Intervals {
  /** Keys and values [B, capacity, H·D], of which the first `past` of each row are pairs. They get no gradient and may change later. */
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly past: number;
  /** First valid pair of each row, [B]. */
  readonly first: Int32Array;
  /** Query t of row b sees the pairs from seen[2 (bT + t)] to before seen[2 (bT + t) + 1]; pair `past` is the segment's first. */
  readonly seen: Int32Array;
}

/** Returns [past | own] of each row, [B, past + own, C]. */
function joined(before: Tensor, past: number, own: Tensor): Tensor {
  const [rows, count, channels] = own.shape;
  const all = stepTensor([rows, past + count, channels]);
  for (let row = 0; row < rows; row++) {
    const at = all.ptr + row * (past + count) * channels * 4;
    parallelElements("copy", past * channels, at, before.ptr + row * before.shape[1] * channels * 4);
    const ownAt = at + past * channels * 4;
    parallelElements("copy", count * channels, ownAt, own.ptr + row * count * channels * 4);
  }
  return all;
}

/**
 * out_i = Σ_j softmax_j(s_h · q_i · k_j) v_j over the pairs j that query i sees, s_h = |scale_h|. q [B, T, H·D], scale [H]; the
 * segment's own pairs k, v [B, n, H·D] follow those before. A query that sees nothing has out 0 and an lse of −3.4e38. Gradients reach
 * q, scale and the segment's own pairs.
 * @throws InputError if shapes do not fit
 */
export function intervalAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  scale: Tensor,
  { keys, values, past, first, seen }: Intervals,
): Attended {
  const [rows, segment, channels] = q.shape;
  const pairs = past + k.shape[1];
  requireShapes(q, k, v, keys, past, seen, pairs);
  const heads = scale.size;
  const units = rows * heads;
  const [allKeys, allValues] = [joined(keys, past, k), joined(values, past, v)];
  const out = stepTensor(q.shape);
  const lse = stepTensor([rows, segment, heads]);
  const flows = needsGrad(q, k, v, scale);
  const probabilities = flows ? stepTensor([units, segment, pairs]) : undefined;
  const scratchBytes = kernels.attention_scratch_bytes(pairs, channels / heads);
  const visible = [stepIntegers(first), stepIntegers(seen)] as const;
  const sources = [q.ptr, allKeys.ptr, allValues.ptr, scale.ptr, ...visible] as const;
  const shape = [heads, channels / heads, segment, pairs] as const;
  const results = [out.ptr, lse.ptr, probabilities?.ptr ?? 0] as const;
  parallelWithScratch("interval_attention_forward", units, scratchBytes, ...results, ...sources, ...shape);
  if (probabilities === undefined) {
    note("intervalAttention", [out, lse]);
    return { out, lse };
  }
  recordMany("intervalAttention", [out, lse], [q, k, v, scale], () => {
    const dscale = stepTensor([units]);
    const gradients = [gradient(q), gradient(k), gradient(v), dscale.ptr, gradient(out), lse.grad?.ptr ?? 0] as const;
    const kept = [out.ptr, probabilities.ptr] as const;
    parallelWithScratch(
      "interval_attention_backward",
      units,
      scratchBytes,
      ...gradients,
      ...kept,
      ...sources,
      ...shape,
      past,
    );
    if (scale.requiresGrad) kernels.add_rows(gradient(scale), dscale.ptr, rows, heads, 0, heads);
  });
  return { out, lse };
}

function requireShapes(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  keys: Tensor,
  past: number,
  seen: Int32Array,
  pairs: number,
): void {
  const [rows, segment, channels] = q.shape;
  const own = [rows, k.shape[1], channels].join();
  const capacity = keys.shape[1];
  const fits = own === k.shape.join() && own === v.shape.join() && past <= capacity;
  if (!fits || seen.length !== 2 * rows * segment) {
    throw new InputError(
      `intervalAttention: q [${q.shape}], k [${k.shape}], v [${v.shape}], ${past} pairs of [${keys.shape}] before and ${seen.length} ends of intervals do not fit; they must be [B, T, H·D], [B, n, H·D] twice, [B, capacity, H·D] and 2 B T`,
    );
  }
  const beyond = seen.find((end) => end < 0 || end > pairs);
  if (beyond !== undefined) {
    throw new InputError(`intervalAttention: a query sees the pair ${beyond}, but there are ${pairs}`);
  }
}
