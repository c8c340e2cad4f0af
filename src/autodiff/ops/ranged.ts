/**
 * Attention under a block mask: the queries of a block see a few ranges of positions in common, and of those only what is not later than
 * themselves. Hidden positions cost nothing, forward and backward. Sliding windows, first tokens and random blocks are such masks.
 */
import { InputError } from "../../base/errors.ts";
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { recordMany } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";
import { type AttentionContext, FAR, gatherBiasGradient, type PositionBias, spreadBias } from "./attention.ts";

/** Queries that see the same ranges. */
export interface QueryBlock {
  /** Its first query in the segment, and the one behind its last. */
  readonly queries: readonly [from: number, to: number];
  /** Positions of the context, ascending, without overlaps: from, and the one behind the last. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

/** A mask: the blocks of each row, in order, which have each query of the segment once. */
export interface BlockMask {
  readonly rows: readonly (readonly QueryBlock[])[];
  /** Positions below are far from every query; default: none. A range lies on one side. */
  readonly pinned?: number;
}

/** Queries that a block of the kernel has at most. */
const MOST_QUERIES = 64;

/** Cuts blocks that are too large for the kernel. Later queries do not make earlier ones see more. */
function cutBlocks(blocks: readonly QueryBlock[], past: number): QueryBlock[] {
  return blocks.flatMap(({ queries: [from, to], ranges }) => {
    const count = Math.ceil((to - from) / MOST_QUERIES);
    return Array.from({ length: count }, (_, n) => {
      const end = Math.min(to, from + (n + 1) * MOST_QUERIES);
      const seen = ranges.map(([a, b]) => [Math.min(a, past + end), Math.min(b, past + end)] as const);
      return { queries: [from + n * MOST_QUERIES, end] as const, ranges: seen.filter(([a, b]) => b > a) };
    });
  });
}

/** The mask as the kernels read it: cuts [B, blocks + 1] and lists [B, blocks, ranges, 2]. */
function packMask({ rows }: BlockMask, past: number) {
  const cut = rows.map((blocks) => cutBlocks(blocks, past));
  const all = cut.flat();
  const blocks = Math.max(...cut.map((row) => row.length));
  const ranges = Math.max(1, ...all.map((block) => block.ranges.length));
  const columns = Math.max(1, ...all.map((block) => block.ranges.reduce((sum, [from, to]) => sum + to - from, 0)));
  const cuts = new Int32Array(rows.length * (blocks + 1));
  const lists = new Int32Array(rows.length * blocks * ranges * 2);
  for (const [row, own] of cut.entries()) {
    const end = own.at(-1)?.queries[1] ?? 0;
    cuts.fill(end, row * (blocks + 1), (row + 1) * (blocks + 1));
    for (const [n, block] of own.entries()) {
      cuts[row * (blocks + 1) + n] = block.queries[0];
      lists.set(block.ranges.flat(), (row * blocks + n) * ranges * 2);
    }
  }
  return { cuts, lists, blocks, ranges, columns };
}

/** @throws InputError if the blocks of a row are not the segment's queries, or a range is not in the context */
function requireMask({ rows }: BlockMask, batch: number, segment: number, length: number): void {
  const fits = rows.every((blocks) => {
    const inOrder = blocks.every(
      ({ queries: [from, to] }, n) => to > from && from === (blocks[n - 1]?.queries[1] ?? 0),
    );
    const inside = blocks.every(({ ranges }) =>
      ranges.every(([from, to], n) => from >= (ranges[n - 1]?.[1] ?? 0) && to >= from && to <= length),
    );
    return inOrder && inside && blocks.at(-1)?.queries[1] === segment;
  });
  if (fits && rows.length === batch) return;
  throw new InputError(
    `rangedAttention: the mask must cut the ${segment} queries of each of ${batch} rows into blocks, with ascending ranges of ${length} positions`,
  );
}

/**
 * out_i = Σ_j softmax_j(s_h · (q_i · k_j + bias_h[i − j])) v_j over the positions j ≤ i of i's ranges, s_h = |scale_h|. q, k, v [B, T, H·D],
 * scale [H]; `extendContext` has written k and v into `context`, whose `first` and `window` are not looked at. Returns out [B, T, H·D] and lse [B, T, H]. Gradients reach q, k, v of this segment, scale and the bias table.
 * @throws InputError if the mask does not fit
 */
export function rangedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  scale: Tensor,
  bias: PositionBias | undefined,
  { keys, values, past, capacity }: AttentionContext,
  mask: BlockMask,
): { out: Tensor; lse: Tensor } {
  const [rows, segment, width] = q.shape;
  const heads = scale.size;
  requireMask(mask, rows, segment, past + segment);
  const { cuts, lists, blocks, ranges, columns } = packMask(mask, past);
  const length = Math.max(past + segment, FAR + 1);
  const spread = spreadBias(bias, heads, length);
  const units = rows * heads;
  const out = stepTensor(q.shape);
  const lse = stepTensor([rows, segment, heads]);
  const probabilities = stepTensor([units, segment, columns]);
  const sizes = [heads, width / heads, segment, past, capacity, blocks, ranges, columns, mask.pinned ?? 0, length];
  const packed = stepIntegers([stepIntegers(cuts), stepIntegers(lists), ...sizes]); // a Mask of assembly/ops/ranged-block.ts
  const scratchBytes = kernels.ranged_scratch_bytes(columns, width / heads);
  const pairs = [q.ptr, keys.ptr, values.ptr] as const;
  const results = [out.ptr, lse.ptr, probabilities.ptr] as const;
  parallelWithScratch("ranged_forward", units, scratchBytes, ...results, ...pairs, spread.ptr, scale.ptr, packed);
  const inputs = bias === undefined ? [q, k, v, scale] : [q, k, v, scale, bias.table];
  recordMany("rangedAttention", [out, lse], inputs, () => {
    const [dbias, dscale] = [stepTensor([units, length]), stepTensor([units])];
    const gradients = [gradient(q), gradient(k), gradient(v), dbias.ptr, dscale.ptr, gradient(out)] as const;
    const saved = [lse.grad?.ptr ?? 0, out.ptr, probabilities.ptr] as const;
    parallelWithScratch("ranged_backward", units, scratchBytes, ...gradients, ...saved, ...pairs, scale.ptr, packed);
    gatherBiasGradient(bias, scale, { spread, dbias, dscale }, [rows, heads, length]);
  });
  return { out, lse };
}
