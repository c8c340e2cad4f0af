/** Attention in which each query sees the positions that it is told to, in plain TypeScript and double precision. */
import { positionBucket } from "../../src/autodiff/ops/attention.ts";
import { type LocalCase, softmax } from "./attention.ts";

/** A position of the context, and its distance from the query. */
export interface Visible {
  readonly position: number;
  readonly distance: number;
}

/** Returns out [B, T, H·D] and lse [B, T, H]; an empty `table` [H, 32] means no bias. A query that sees nothing gives 0 and the least float. */
export function maskedAttention(
  { rows, heads, width, segment, past, pastKeys, pastValues }: LocalCase,
  visible: (row: number, head: number, query: number) => readonly Visible[],
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  scale: Float64Array,
  table: Float64Array,
): { out: Float64Array; lse: Float64Array } {
  const stride = heads * width;
  const out = new Float64Array(q.length);
  const lse = new Float64Array(rows * segment * heads).fill(-3.4028234663852886e38);
  for (let b = 0; b < rows; b++) {
    const at = (own: Float64Array, before: Float32Array, j: number, d: number) =>
      j < past ? before[(b * past + j) * stride + d] : own[(b * segment + j - past) * stride + d];
    for (let i = 0; i < segment; i++) {
      for (let h = 0; h < heads; h++) {
        const seen = visible(b, h, i);
        if (seen.length === 0) continue;
        const query = (b * segment + i) * stride + h * width;
        const logits = seen.map(({ position, distance }) => {
          let product = table.length === 0 ? 0 : table[h * 32 + positionBucket(distance)];
          for (let d = 0; d < width; d++) product += q[query + d] * at(k, pastKeys, position, h * width + d);
          return Math.abs(scale[h]) * product;
        });
        const attended = softmax(logits);
        lse[(b * segment + i) * heads + h] = attended.lse;
        for (const [n, weight] of attended.weights.entries()) {
          for (let d = 0; d < width; d++) out[query + d] += weight * at(v, pastValues, seen[n].position, h * width + d);
        }
      }
    }
  }
  return { out, lse };
}
