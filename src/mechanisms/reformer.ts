/**
 * Reformer (Kitaev et al. 2020, section 2): keys are their own queries, random directions R hash them to buckets,
 * h(k) = argmax [k R; −k R], and a query attends to the last w tokens of its bucket before it. Several rounds, each with directions of
 * its own, join by their logsumexps. A token attends to itself only if no round finds another.
 *
 * The paper sorts by bucket and cuts into chunks, so what a token sees depends on how many later ones share its bucket. Lists in order
 * of time do not. Tokens are found as far back as the context reaches, xl_cache_length, and beyond it those that buckets keep.
 */
import type { Attended } from "../autodiff/ops/attention.ts";
import { joinAttention } from "../autodiff/ops/blend.ts";
import { listedAttention } from "../autodiff/ops/listed.ts";
import { bucketLists, nearestDirections } from "../autodiff/ops/lists.ts";
import { stepTensor } from "../autodiff/tensor.ts";
import type { LocalInputs } from "../nn/self-attention.ts";
import { carriedBuckets, pinnedStores, rollBuckets, storeOf } from "./buckets.ts";
import type { AttentionMechanism, MechanismSizes, ReadingLayer } from "./mechanism.ts";
import { writeTokens } from "./tokens.ts";

/** Logit of a token's own value where it sees others: its share is then exactly 0. */
const LAST_RESORT = -1e4;

const rounds = ({ mechanism_rounds }: MechanismSizes) => Array.from({ length: mechanism_rounds }, (_, n) => n);
const kindsOf = (sizes: MechanismSizes) => rounds(sizes).map((round) => `buckets.${round}`);

/** Attention in one round. */
function attendInRound(inputs: LocalInputs, layer: ReadingLayer, round: number) {
  const { q, k, v, scale, bias, context } = inputs;
  const { mechanism_buckets: count, mechanism_window: most } = layer.sizes;
  const directions = { vectors: layer.parameter(`directions.${round}`), count: count / 2, signed: true };
  const queries = nearestDirections(q, scale.size, directions).chosen; // [B, n, H]
  const keys = layer.carried(`buckets.${round}`); // [B, capacity, H]
  writeTokens(keys, context.past, k === q ? queries : nearestDirections(k, scale.size, directions).chosen);
  const kinds = kindsOf(layer.sizes);
  const lists = bucketLists(context, { queries, keys, count, store: storeOf(layer, kinds, round) }, most, false);
  return listedAttention(q, k, v, scale, bias, context, { ...lists, pinned: pinnedStores(layer.sizes, kinds) });
}

export const reformer: AttentionMechanism = {
  about: "the last tokens of the same hash bucket (Reformer)",
  settings: ["mechanism_window", "mechanism_buckets", "mechanism_rounds", "mechanism_per_bucket"],
  sharesKeys: true,
  refuse: ({ mechanism_buckets: count }) =>
    count % 2 === 0
      ? undefined
      : `mechanism_buckets is ${count}, but half of reformer's are opposite to the others; make it even`,
  // Drawn with the weights and kept with them; no gradient reaches them.
  parameters: (sizes) =>
    rounds(sizes).map((round) => ({
      name: `directions.${round}`,
      shape: [sizes.mechanism_buckets / 2, sizes.head_dim],
      group: "attention",
      initial: (random) => random.normal(),
    })),
  pinned: (sizes) => pinnedStores(sizes, kindsOf(sizes)),
  carries: (sizes) => carriedBuckets(sizes, kindsOf(sizes)),
  attend: (inputs, layer) => {
    const { v, scale } = inputs;
    const [rows, segment] = v.shape;
    let joined: Attended = { out: v, lse: stepTensor([rows, segment, scale.size]).fill(LAST_RESORT) };
    for (const round of rounds(layer.sizes)) joined = joinAttention(joined, attendInRound(inputs, layer, round));
    return joined;
  },
  afterSegment: (layer, context) => rollBuckets(layer, kindsOf(layer.sizes), context),
};
