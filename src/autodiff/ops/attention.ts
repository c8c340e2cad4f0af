/**
 * Causal attention over a context: the pairs of earlier tokens (the Transformer-XL cache and the part of the current segment
 * that was already read), then the segment's own. Scores, learned scale, T5 bias, mask, softmax and the product with the
 * values are one kernel, forward and backward. For pairs retrieved from the memory see retrieved.ts.
 */
import { InputError } from "../../base/errors.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import { needsGrad, note, recordMany } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, stepZeros, type Tensor } from "../tensor.ts";

/** The pairs of a layer while a segment is read: room for `capacity` positions per row, the first `past` of them filled. */
export interface AttentionContext {
  /** Keys, [B, capacity, G·D] for G kv heads. `extendContext` writes the segment's at positions past, past + 1, … */
  readonly keys: Tensor;
  /** Values, [B, capacity, G·D], likewise. */
  readonly values: Tensor;
  /** Positions per row that there is room for. */
  readonly capacity: number;
  /** Positions that are filled before the segment. */
  readonly past: number;
  /** First valid position of each row, [B]; earlier positions are empty or belong to another document. */
  readonly first: Int32Array;
  /** How far back a query sees, in tokens; with Infinity, the whole context. A sliding window of w keys, the query's own among them, is w − 1. */
  readonly window: number;
  /** Positions of a block: a query sees no others than its own block's, which begin at multiples of it. Default: one block of all. */
  readonly block?: number;
}

/** Results of an attention: out [B, T, H·D] and the logsumexp of each query's logits, [B, T, H]. */
export interface Attended {
  readonly out: Tensor;
  readonly lse: Tensor;
}

/** A window or a block larger than any context, as an i32. */
const UNBOUNDED = 2 ** 30;

/** From this distance on, all share the last bucket of a bias. */
export const FAR = 128;

/** T5's bias (Raffel et al. 2020): a learned number for each head and bucket of distances. */
export interface PositionBias {
  /** The learned biases, [H, buckets]. */
  readonly table: Tensor;
  /** Address of the bucket of each distance (i32). */
  readonly buckets: Address;
}

/**
 * Buckets of the distance between query and key. Small distances have one bucket each, larger ones share logarithmically wider
 * buckets, and distances from 128 on share one.
 */
export const POSITION_BUCKETS = 32;
const EXACT_BUCKETS = POSITION_BUCKETS / 2;

/** n < 16 → bucket n; else 16 + floor(ln(n/16) / ln(128/16) · 16), at most 31. */
export function positionBucket(distance: number): number {
  if (distance < EXACT_BUCKETS) return distance;
  const octaves = Math.log(distance / EXACT_BUCKETS) / Math.log(FAR / EXACT_BUCKETS);
  return Math.min(POSITION_BUCKETS - 1, EXACT_BUCKETS + Math.floor(octaves * EXACT_BUCKETS));
}

let bucketTable: Address = 0;
let tabulated = 0;

/**
 * Returns the address of the buckets of distances 0 to length − 1 and at least to FAR (i32), computed once. A longer table is twice as
 * long at least, and the shorter one stays, since ops that were recorded may still read it.
 */
export function positionBuckets(length: number): Address {
  if (length > tabulated) {
    const needed = Math.max(length, 2 * tabulated, FAR + 1);
    bucketTable = heap.allocate(needed * 4);
    heap.i32(bucketTable, needed).set(Int32Array.from({ length: needed }, (_, distance) => positionBucket(distance)));
    tabulated = needed;
  }
  return bucketTable;
}

/** Returns the bias by distance, [H, length], reversed so that the kernel reads it forwards; zeros without a bias. */
export function spreadBias(bias: PositionBias | undefined, heads: number, length: number): Tensor {
  if (bias === undefined) return stepZeros([heads, length]);
  const spread = stepTensor([heads, length]);
  kernels.position_bias_forward(spread.ptr, bias.table.ptr, bias.buckets, heads, length, bias.table.shape[1]);
  return spread;
}

/** The bias by distance, and the gradients of bias and scale that a backward wrote for each unit: [B·H, length] and [B·H]. */
export interface UnitGradients {
  readonly spread: Tensor;
  readonly dbias: Tensor;
  readonly dscale: Tensor;
}

/** Adds the gradients of all units to those of the bias table and the scale. */
export function gatherBiasGradient(
  bias: PositionBias | undefined,
  scale: Tensor,
  { spread, dbias, dscale }: UnitGradients,
  [rows, heads, length]: readonly [rows: number, heads: number, length: number],
): void {
  if (!scale.requiresGrad && bias === undefined) return;
  kernels.position_bias_backward(
    bias === undefined ? 0 : gradient(bias.table),
    scale.requiresGrad ? gradient(scale) : 0,
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
}

/** Returns a scale of H heads that is not learned, [H], for the running step. */
export function constantScale(heads: number, factor: number): Tensor {
  return stepTensor([heads]).fill(factor);
}

/** Writes the segment's pairs k, v [B, T, G·D] into `context`, after the past of each row. */
export function extendContext(context: AttentionContext, k: Tensor, v: Tensor): void {
  const [rows, segment, width] = k.shape;
  const size = segment * width;
  for (let row = 0; row < rows; row++) {
    const at = (row * context.capacity + context.past) * width * 4;
    parallelElements("copy", size, context.keys.ptr + at, k.ptr + row * size * 4);
    parallelElements("copy", size, context.values.ptr + at, v.ptr + row * size * 4);
  }
}

/** Returns G, the number of heads of k [B, T, G·D], where q [B, T, H·D] has `heads`. */
function kvHeadsOf(q: Tensor, k: Tensor, heads: number): number {
  const kvHeads = (k.shape[2] * heads) / q.shape[2];
  if (q.shape[2] % heads === 0 && kvHeads >= 1 && heads % kvHeads === 0) return kvHeads;
  throw new InputError(`attention: keys [${k.shape}] do not fit queries [${q.shape}] of ${heads} heads`);
}

/**
 * out_i = Σ_j softmax_j(s_h · (q_i · k_j + bias_h[i − j])) v_j over the positions j ≤ i of i's row and window, s_h = |scale_h|.
 * q [B, T, H·D], k, v [B, T, G·D], scale [H]; `extendContext` has written k and v into `context`. Query head h reads kv head
 * floor(h · G / H); G divides H. Returns out [B, T, H·D] and lse [B, T, H], the logsumexp of each query's logits. A scale from
 * `constantScale` gets no gradient.
 * Gradients reach q, k, v of this segment, scale and the bias table, never the past. The scale multiplies the bias as well (ALGORITHM.md).
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  scale: Tensor,
  bias: PositionBias | undefined,
  context: AttentionContext,
): Attended {
  const [rows, segment, width] = q.shape;
  const heads = scale.size;
  const kvHeads = kvHeadsOf(q, k, heads);
  const { capacity, past } = context;
  const length = past + segment;
  const [window, block] = [context.window, context.block ?? UNBOUNDED].map((size) => Math.min(size, UNBOUNDED));
  const inputs = bias === undefined ? [q, k, v, scale] : [q, k, v, scale, bias.table];
  const spread = spreadBias(bias, heads, length);
  const first = stepIntegers(context.first);
  const out = stepTensor(q.shape);
  const lse = stepTensor([rows, segment, heads]);
  const units = rows * heads;
  const probabilities = needsGrad(...inputs) ? stepTensor([units, segment, length]) : undefined;
  const scratchBytes = kernels.attention_scratch_bytes(length, width / heads);
  const shape = [heads, kvHeads, width / heads, segment, past, capacity, window, block] as const;
  parallelWithScratch(
    "attention_forward",
    units * kernels.query_blocks(segment),
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
      rows * kvHeads,
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
    gatherBiasGradient(bias, scale, { spread, dbias, dscale }, [rows, heads, length]);
  });
  return { out, lse };
}
