/**
 * Routing Transformer (Roy et al. 2021, section 4): each head has centroids, queries and keys belong to the nearest one, and a query
 * attends to the last w tokens up to itself whose keys belong to its centroid; to itself alone if there are none.
 *
 * The paper gives each centroid its w best tokens of the whole sequence, so a later token can push out an earlier one. The newest w do not
 * depend on what follows. The paper moves centroids by a running mean after each step; here they follow a loss of their own, which has
 * the same fixed points, and the optimizer moves them after each step. Tokens are found as far back as the context reaches, xl_cache_length,
 * and beyond it those that clusters keep.
 */
import { add, scale as times } from "../autodiff/ops/elementwise.ts";
import { listedAttention } from "../autodiff/ops/listed.ts";
import { bucketLists, centroidLoss, nearestDirections } from "../autodiff/ops/lists.ts";
import { l2Normalize } from "../autodiff/ops/norm.ts";
import { carriedBuckets, pinnedStores, rollBuckets, storeOf } from "./buckets.ts";
import type { AttentionMechanism } from "./mechanism.ts";
import { writeTokens } from "./tokens.ts";

const CLUSTERS = ["clusters"];

export const routing: AttentionMechanism = {
  about: "the last tokens of the same cluster (Routing Transformer)",
  settings: ["mechanism_window", "mechanism_buckets", "mechanism_per_bucket"],
  parameters: ({ num_attention_heads: heads, mechanism_buckets: count, head_dim: width }) => [
    { name: "centroids", shape: [heads, count, width], group: "attention", initial: (random) => random.normal() },
  ],
  pinned: (sizes) => pinnedStores(sizes, CLUSTERS),
  carries: (sizes) => carriedBuckets(sizes, CLUSTERS),
  attend: ({ q, k, v, scale, bias, context }, layer) => {
    const { num_attention_heads: heads, head_dim: width, mechanism_buckets: count, mechanism_window } = layer.sizes;
    const centroids = l2Normalize(layer.parameter("centroids"), width); // [H, n, D]
    const directions = { vectors: centroids, count, signed: false };
    const [ofQueries, ofKeys] = [q, k].map((x) => nearestDirections(x, heads, directions));
    const clusters = layer.carried(CLUSTERS[0]); // [B, capacity, H]
    writeTokens(clusters, context.past, ofKeys.chosen);
    if (layer.auxiliary) {
      const losses = add(centroidLoss(q, centroids, ofQueries), centroidLoss(k, centroids, ofKeys));
      layer.auxiliary(times(losses, 0.5));
    }
    const buckets = { queries: ofQueries.chosen, keys: clusters, count, store: storeOf(layer, CLUSTERS, 0) };
    const lists = bucketLists(context, buckets, mechanism_window, true);
    return listedAttention(q, k, v, scale, bias, context, { ...lists, pinned: pinnedStores(layer.sizes, CLUSTERS) });
  },
  afterSegment: (layer, context) => rollBuckets(layer, CLUSTERS, context),
};
