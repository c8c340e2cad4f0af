/**
 * Attention in plain TypeScript and double precision, with one loop per sum sign. The fused kernels must equal it.
 * All arrays are row-major; shapes as in src/autodiff/ops/attention.ts and retrieved.ts.
 */
import { positionBucket } from "../../src/autodiff/ops/attention.ts";

export interface LocalCase {
  rows: number;
  heads: number;
  /** G, kv heads; default: as many as heads. */
  kvHeads?: number;
  width: number;
  segment: number;
  past: number;
  window: number;
  /** Default: one block. */
  block?: number;
  first: number[];
  /** Pairs of the past, [B, past, G·D]. */
  pastKeys: Float32Array;
  pastValues: Float32Array;
}

export function softmax(logits: number[]): { weights: number[]; lse: number } {
  const most = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return { weights: logits.map((logit) => Math.exp(logit - most) / sum), lse: most + Math.log(sum) };
}

function dot(a: ArrayLike<number>, atA: number, b: ArrayLike<number>, atB: number, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[atA + i] * b[atB + i];
  return sum;
}

/** Returns out [B, T, H·D] and lse [B, T, H] of local attention; an empty `table` [H, 32] means no bias. */
export function localAttention(
  given: LocalCase,
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  scale: Float64Array,
  table: Float64Array,
): { out: Float64Array; lse: Float64Array } {
  const { rows, heads, width, segment, past, window, block = Number.POSITIVE_INFINITY } = given;
  const { first, pastKeys, pastValues } = given;
  const kvHeads = given.kvHeads ?? heads;
  const stride = heads * width;
  const pairStride = kvHeads * width;
  const out = new Float64Array(q.length);
  const lse = new Float64Array(rows * segment * heads);
  for (let b = 0; b < rows; b++) {
    const key = (j: number): [ArrayLike<number>, number] =>
      j < past ? [pastKeys, (b * past + j) * pairStride] : [k, (b * segment + j - past) * pairStride];
    const value = (j: number): [ArrayLike<number>, number] =>
      j < past ? [pastValues, (b * past + j) * pairStride] : [v, (b * segment + j - past) * pairStride];
    for (let i = 0; i < segment; i++) {
      for (let h = 0; h < heads; h++) {
        const position = past + i;
        const low = Math.max(first[b], position - window, position - (position % block));
        const at = (b * segment + i) * stride + h * width;
        const ofHead = Math.floor((h * kvHeads) / heads) * width;
        const logits: number[] = [];
        for (let j = low; j <= position; j++) {
          const [keys, atKey] = key(j);
          const bias = table.length === 0 ? 0 : table[h * 32 + positionBucket(position - j)];
          logits.push(Math.abs(scale[h]) * (dot(q, at, keys, atKey + ofHead, width) + bias));
        }
        const attended = softmax(logits);
        lse[(b * segment + i) * heads + h] = attended.lse;
        for (const [n, weight] of attended.weights.entries()) {
          const [values, atValue] = value(low + n);
          for (let d = 0; d < width; d++) out[at + d] += weight * values[atValue + ofHead + d];
        }
      }
    }
  }
  return { out, lse };
}

/** Returns the attention of each query and head over the `topk` best stored pairs [H, stored, D] of its row. */
export function memoryAttention(
  shape: { rows: number; heads: number; width: number; segment: number; topk: number },
  stored: { keys: Float32Array; values: Float32Array; length: number }[],
  q: Float64Array,
  scale: Float64Array,
): { out: Float64Array; lse: Float64Array; chosen: number[][] } {
  const { rows, heads, width, segment, topk } = shape;
  const out = new Float64Array(q.length);
  const lse = new Float64Array(rows * segment * heads);
  const chosen: number[][] = [];
  for (let b = 0; b < rows; b++) {
    const { keys, values, length } = stored[b];
    for (let query = b * segment; query < (b + 1) * segment; query++) {
      for (let h = 0; h < heads; h++) {
        const at = (query * heads + h) * width;
        const scores = Array.from({ length }, (_, j) => dot(q, at, keys, (h * length + j) * width, width));
        const best = scores
          .map((_, j) => j)
          .sort((a, c) => scores[c] - scores[a] || a - c)
          .slice(0, topk);
        chosen.push(best);
        if (best.length === 0) continue;
        const attended = softmax(best.map((j) => Math.abs(scale[h]) * scores[j]));
        lse[query * heads + h] = attended.lse;
        for (const [n, weight] of attended.weights.entries()) {
          for (let d = 0; d < width; d++) out[at + d] += weight * values[(h * length + best[n]) * width + d];
        }
      }
    }
  }
  return { out, lse, chosen };
}
