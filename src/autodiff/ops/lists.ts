/** Lists of positions for `listedAttention`: every n-th token back, or the last tokens of the query's bucket. Constants to the tape. */
import { parallel, parallelWithScratch } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import { note, record } from "../tape.ts";
import { arena, gradient, stepIntegers, stepTensor, type Tensor, tensor } from "../tensor.ts";
import type { AttentionContext } from "./attention.ts";
import type { Lists } from "./listed.ts";

/** Lists of regular distances. */
export interface Strides {
  /** Tokens from one position of a list to the next. */
  readonly stride: number;
  /** K, positions of a list, the query's own among them. */
  readonly most: number;
  /** n: only every n-th token of a document has a list, the last of each block. Default: each token. */
  readonly every?: number;
  /** Tokens of each row's document before the first query, [B]. Needed if not every token has a list. */
  readonly read?: Int32Array;
}

/** Lists of T queries in each row: a query's own position and those at the strides before it, no farther than the row's first. */
export function stridedLists(context: AttentionContext, segment: number, strides: Strides): Lists {
  const rows = context.first.length;
  const { stride, most, every = 1, read = new Int32Array(rows) } = strides;
  const positions = arena.allocate(rows * segment * most * 4);
  const [first, before] = [stepIntegers(context.first), stepIntegers(read)];
  parallel("strided_lists", rows, positions, first, before, segment, context.past, stride, most, every);
  note("stridedLists");
  return { positions, most, perHead: false };
}

/** The buckets of queries and keys. */
export interface Buckets {
  /** Buckets of the queries, [B, T, H], whole numbers. */
  readonly queries: Tensor;
  /** Buckets of the context's keys, [B, capacity, H]; those of the segment are written. */
  readonly keys: Tensor;
  /** How many buckets there are. */
  readonly count: number;
  /** Older pairs that the buckets keep; default: none. */
  readonly store?: BucketStore;
}

/** Pairs that each bucket of a head keeps in positions of the context that do not move: bucket b in those from `from` + b · `kept` on. */
export interface BucketStore {
  /** First position. */
  readonly from: number;
  /** Pairs of a bucket, at least 1. */
  readonly kept: number;
  /** How many each bucket has taken, [B, H, buckets], as the kernel keep_in_buckets counts. */
  readonly counts: Tensor;
}

/**
 * The last `most` positions before the query whose key has the query's bucket, and behind them those of the bucket's store, the newest
 * first. With `own`, its own position is one of them if it has that bucket, and stands alone if there are none.
 */
export function bucketLists(
  context: AttentionContext,
  { queries, keys, count, store }: Buckets,
  most: number,
  own: boolean,
): Lists {
  const [rows, segment, heads] = queries.shape;
  const { past, capacity } = context;
  const positions = arena.allocate(queries.size * most * 4);
  parallelWithScratch(
    "bucket_lists",
    rows * heads,
    kernels.bucket_lists_scratch_bytes(past + segment, count),
    positions,
    queries.ptr,
    keys.ptr,
    stepIntegers(context.first),
    store?.counts.ptr ?? 0,
    store?.from ?? 0,
    store?.kept ?? 0,
    heads,
    count,
    segment,
    past,
    capacity,
    most,
    own,
  );
  note("bucketLists");
  return { positions, most, perHead: true };
}

/** Directions that vectors of H heads are compared with. */
export interface Directions {
  /** [H, n, D], or [n, D] for all heads. */
  readonly vectors: Tensor;
  /** n */
  readonly count: number;
  /** Whether their negatives are directions too, with the numbers from n on. */
  readonly signed: boolean;
}

/** Returns the number of the direction nearest to each head's x [B, T, H·D], and the product with it, both [B, T, H]. */
export function nearestDirections(x: Tensor, heads: number, { vectors, count, signed }: Directions) {
  const [rows, segment, width] = x.shape;
  const [chosen, score] = [stepTensor([rows, segment, heads]), stepTensor([rows, segment, heads])];
  const perHead = vectors.shape.length === 3;
  const operands = [chosen.ptr, score.ptr, x.ptr, vectors.ptr] as const;
  parallel("nearest_directions", rows * segment, ...operands, heads, width / heads, count, signed, perHead);
  note("nearestDirections", [chosen, score]);
  return { chosen, score };
}

/**
 * Mean of 1 − x · c over all heads' x [B, T, H·D] and their nearest centroid c, [1]; `found` is what `nearestDirections` returned for
 * centroids [H, n, D]. Its gradient moves centroids towards what they stand for, and x not at all: k-means, a step at a time.
 */
export function centroidLoss(
  x: Tensor,
  centroids: Tensor,
  { chosen, score }: ReturnType<typeof nearestDirections>,
): Tensor {
  const [heads, count, width] = centroids.shape;
  const loss = tensor([1 - kernels.sum(score.ptr, score.size) / score.size]);
  return record("centroidLoss", loss, [centroids], (dloss) => {
    const factor = -heap.f32(dloss, 1)[0] / score.size;
    const tokens = score.size / heads;
    parallel("add_to_nearest", heads, gradient(centroids), x.ptr, chosen.ptr, factor, tokens, heads, width, count);
  });
}
