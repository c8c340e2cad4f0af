/**
 * Attention in plain TypeScript and double precision, with one loop per sum sign. The fused kernels must equal it.
 * All arrays are row-major; shapes as in src/autodiff/ops/attention.ts and retrieved.ts.
 */
import { positionBucket } from "../../src/autodiff/ops/attention.ts";

/** The sizes of attention to a context, and what the context holds before the segment. */
export interface ContextCase {
  rows: number;
  heads: number;
  /** G, kv heads; default: as many as heads. */
  kvHeads?: number;
  width: number;
  segment: number;
  past: number;
  /** Pairs of the segment; default: one for each query. */
  own?: number;
  /** Pairs of the past, [B, past, G·D]. */
  pastKeys: Float32Array;
  pastValues: Float32Array;
}

/** A context of which each query sees the positions up to its own. */
export interface LocalCase extends ContextCase {
  window: number;
  /** Default: one block. */
  block?: number;
  first: number[];
}

/** A position of the context, and its distance from the query. */
export interface Visible {
  readonly position: number;
  readonly distance: number;
}

/** q, k, v, scale [H] and the table of biases, [H, 32]; an empty table means no bias. */
export type Operands = [q: Float64Array, k: Float64Array, v: Float64Array, scale: Float64Array, table: Float64Array];

/** out [B, T, H·D] and lse [B, T, H]. */
export interface Exact {
  readonly out: Float64Array;
  readonly lse: Float64Array;
}

function softmax(logits: number[]): { weights: number[]; lse: number } {
  const most = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return { weights: logits.map((logit) => Math.exp(logit - most) / sum), lse: most + Math.log(sum) };
}

function dot(a: ArrayLike<number>, atA: number, b: ArrayLike<number>, atB: number, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[atA + i] * b[atB + i];
  return sum;
}

/** Attention in which each query sees what `visible` says. A query that sees nothing gives 0 and the least float. */
export function maskedAttention(
  given: ContextCase,
  visible: (row: number, head: number, query: number) => readonly Visible[],
  ...[q, k, v, scale, table]: Operands
): Exact {
  const { rows, heads, kvHeads = heads, width, segment, past, own = segment, pastKeys, pastValues } = given;
  const out = new Float64Array(q.length);
  const lse = new Float64Array(rows * segment * heads).fill(-3.4028234663852886e38);
  for (let b = 0; b < rows; b++) {
    for (let h = 0; h < heads; h++) {
      const kvHead = Math.floor((h * kvHeads) / heads);
      const pair = (before: Float32Array, after: Float64Array, j: number): [ArrayLike<number>, number] => {
        const [pairs, place] = j < past ? [before, b * past + j] : [after, b * own + j - past];
        return [pairs, (place * kvHeads + kvHead) * width];
      };
      for (let i = 0; i < segment; i++) {
        const seen = visible(b, h, i);
        if (seen.length === 0) continue;
        const query = (b * segment + i) * heads + h;
        const logits = seen.map(({ position, distance }) => {
          const bias = table.length === 0 ? 0 : table[h * 32 + positionBucket(distance)];
          return Math.abs(scale[h]) * (dot(q, query * width, ...pair(pastKeys, k, position), width) + bias);
        });
        const attended = softmax(logits);
        lse[query] = attended.lse;
        for (const [n, weight] of attended.weights.entries()) {
          const [values, at] = pair(pastValues, v, seen[n].position);
          for (let d = 0; d < width; d++) out[query * width + d] += weight * values[at + d];
        }
      }
    }
  }
  return { out, lse };
}

/** `maskedAttention` of queries that see the positions up to their own, within their window, block and document. */
export function localAttention(given: LocalCase, ...operands: Operands): Exact {
  const { past, window, block = Number.POSITIVE_INFINITY, first } = given;
  const visible = (row: number, _: number, query: number) => {
    const own = past + query;
    const low = Math.max(first[row], own - window, own - (own % block));
    return Array.from({ length: own - low + 1 }, (_, n) => ({ position: low + n, distance: own - low - n }));
  };
  return maskedAttention(given, visible, ...operands);
}

/** Returns the attention of each query and head over the `topk` best stored pairs [H, stored, D] of its row. */
export function memoryAttention(
  shape: { rows: number; heads: number; width: number; segment: number; topk: number },
  stored: { keys: Float32Array; values: Float32Array; length: number }[],
  q: Float64Array,
  scale: Float64Array,
  fade = 0,
): Exact & { chosen: number[][] } {
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
        const attended = softmax(best.map((j) => Math.abs(scale[h]) * scores[j] - fade * Math.log(length - j)));
        lse[query * heads + h] = attended.lse;
        for (const [n, weight] of attended.weights.entries()) {
          for (let d = 0; d < width; d++) out[at + d] += weight * values[(h * length + best[n]) * width + d];
        }
      }
    }
  }
  return { out, lse, chosen };
}
