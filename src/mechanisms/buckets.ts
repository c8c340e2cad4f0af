/**
 * Buckets of a context's keys, and pairs that buckets keep: of those that leave the cache, each bucket of a head keeps its newest, however old
 * they are. They are pinned positions of the layer's context, where attention finds them like all others. Reformer has buckets for each
 * round, Routing has one kind, its clusters; a kind is known by its name among what the layer carries.
 */
import type { BucketStore } from "../autodiff/ops/lists.ts";
import type { LayerContext } from "../nn/self-attention.ts";
import { kernels } from "../wasm/runtime.ts";
import type { MechanismLayer, MechanismSizes } from "./mechanism.ts";
import { rollTokens } from "./tokens.ts";

/** Positions that the stores of one kind take. */
function storeLength({ mechanism_buckets: count, mechanism_per_bucket: kept }: MechanismSizes): number {
  return count * kept;
}

/** Pinned positions of a context with these kinds of buckets. */
export function pinnedStores(sizes: MechanismSizes, kinds: readonly string[]): number {
  return kinds.length * storeLength(sizes);
}

/** Shapes of one row of what a layer carries for these kinds: the bucket of each position, and how many pairs each store has taken. */
export function carriedBuckets(sizes: MechanismSizes, kinds: readonly string[]): Record<string, readonly number[]> {
  const { xl_cache_length, segment_length, num_attention_heads: heads, mechanism_buckets: count } = sizes;
  const positions = [pinnedStores(sizes, kinds) + xl_cache_length + segment_length, heads];
  const ofPositions = kinds.map((kind) => [kind, positions]);
  const counts = sizes.mechanism_per_bucket > 0 ? kinds.map((kind) => [countsName(kind), [heads, count]]) : [];
  return Object.fromEntries([...ofPositions, ...counts]);
}

function countsName(kind: string): string {
  return `taken.${kind}`;
}

/** The store of the kind with this number; undefined if nothing is kept. */
export function storeOf(layer: MechanismLayer, kinds: readonly string[], number: number): BucketStore | undefined {
  const { mechanism_per_bucket: kept } = layer.sizes;
  if (kept === 0) return undefined;
  return { from: number * storeLength(layer.sizes), kept, counts: layer.carried(countsName(kinds[number])) };
}

/** The segment is complete: pairs that leave the cache enter the stores of their buckets, and buckets move with their positions. */
export function rollBuckets(layer: MechanismLayer, kinds: readonly string[], context: LayerContext | undefined): void {
  for (const [number, kind] of kinds.entries()) {
    const store = storeOf(layer, kinds, number);
    if (store && context) keepLeaving(layer, store, layer.carried(kind).ptr, context, pinnedStores(layer.sizes, kinds));
    rollTokens(layer.carried(kind), layer.sizes.segment_length);
  }
}

/** Copies what is about to leave the cache, the oldest T positions behind the pinned ones, as far as they are of the row's document. */
function keepLeaving(
  { rows, sizes }: MechanismLayer,
  { from, kept, counts }: BucketStore,
  buckets: number,
  { keys, values, capacity, first }: LayerContext,
  pinned: number,
): void {
  const { num_attention_heads: heads, head_dim: width, mechanism_buckets: count, segment_length: segment } = sizes;
  for (let row = 0; row < rows; row++) {
    const pairs = row * capacity * heads * width * 4;
    const places = [buckets + row * capacity * heads * 4, counts.ptr + row * heads * count * 4] as const;
    const shape = [heads, width, count, from, kept] as const;
    const leaving = [Math.max(pinned, first[row]), pinned + segment] as const;
    kernels.keep_in_buckets(keys.ptr + pairs, values.ptr + pairs, ...places, ...shape, ...leaving, 0, heads);
  }
}
