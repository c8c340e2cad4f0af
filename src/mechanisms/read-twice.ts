/**
 * ReadTwice (Zemlyanskiy et al. 2021), read in order: the blocks of a document are read alone, and each is summed up in a vector. Then each is
 * read again by the same layers, which now also attend to the summaries of other blocks.
 *
 * In the published encoder those are all other blocks, later ones too. Here they are the finished ones before, the newest of earlier segments
 * kept as constants, so a summary learns from later blocks of its own segment. The paper sums up with the vector of a special token;
 * here a learned query reads the block.
 *
 * A document that is given whole can be read as in the paper: `readAgain` keeps the summaries of all its blocks for the next reading, which
 * so sees what follows. That is not prediction.
 */
import { attention, extendContext, POSITION_BUCKETS, positionBuckets } from "../autodiff/ops/attention.ts";
import { add } from "../autodiff/ops/elementwise.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { l2Normalize } from "../autodiff/ops/norm.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { constant, matrix } from "../nn/declarations.ts";
import type { Declaration } from "../nn/parameters.ts";
import { refuseRest } from "./blocks.ts";
import type { MechanismSizes, ReadingLayer, StackMechanism } from "./mechanism.ts";
import {
  attendToSummaries,
  carriedSummaries,
  keepAll,
  layersOf,
  noPairs,
  rollSummaries,
  summarise,
  summaryPairs,
  summaryParameters,
} from "./read-twice-summaries.ts";
import { applyLayer, type LayerQuery, layerParameters } from "./stack-layer.ts";

type Reading = "first" | "second";

/** Parameters of layer n beyond those that every layer has. */
function ownParameters(n: number, sizes: MechanismSizes): Declaration[] {
  const { hidden_size: width, num_attention_heads: heads, head_dim } = sizes;
  const prefix = `layers.${n}`;
  const bias = { shape: [heads, POSITION_BUCKETS], group: "attention", initial: constant(0) } as const;
  return [
    ...["k_proj", "v_proj", "summary_k_proj", "summary_v_proj"].map((name) => {
      return matrix(`${prefix}.${name}.weight`, heads * head_dim, width);
    }),
    matrix(`${prefix}.summary_o_proj.weight`, heads * head_dim, heads * head_dim),
    { name: `${prefix}.relative_attention_bias.weight`, ...bias },
  ];
}

/** Attention of layer n to the tokens of the query's own block. */
function attendToBlock({ normed, query, scale }: LayerQuery, n: number, reading: Reading, layer: ReadingLayer): Tensor {
  const { carried, parameter, sizes, rows, offset } = layer;
  const get = (name: string) => parameter(`layers.${n}.${name}.weight`);
  const [k, v] = [l2Normalize(linear(normed, get("k_proj")), sizes.head_dim), linear(normed, get("v_proj"))];
  const [keys, values] = ["keys", "values"].map((kind) => carried(`${reading}.${n}.${kind}`));
  const places = { capacity: sizes.segment_length, past: offset, first: new Int32Array(rows) };
  const context = { keys, values, ...places, window: Number.POSITIVE_INFINITY, block: sizes.mechanism_block };
  extendContext(context, k, v);
  const bias = { table: get("relative_attention_bias"), buckets: positionBuckets(sizes.segment_length) };
  return attention(query, k, v, scale, bias, context).out;
}

export const readTwice: StackMechanism = {
  about: "blocks read alone, then again with summaries of those before (ReadTwice)",
  settings: ["mechanism_block", "mechanism_kept"],
  refuse: (sizes) => refuseRest(sizes, "mechanism_block", sizes.mechanism_block),
  parameters: (sizes) => [
    ...layersOf(sizes).flatMap((n) => [...layerParameters(sizes, `layers.${n}`), ...ownParameters(n, sizes)]),
    ...summaryParameters(sizes),
  ],
  carries: (sizes) => {
    const pairs = [sizes.segment_length, sizes.num_attention_heads * sizes.head_dim];
    const places = layersOf(sizes).flatMap((n) => [`first.${n}`, `second.${n}`]);
    const names = ["tokens", ...places].flatMap((place) => [`${place}.keys`, `${place}.values`]);
    return { ...Object.fromEntries(names.map((name) => [name, pairs])), ...carriedSummaries(sizes) };
  },
  stack: (x, layer) => {
    const layers = layersOf(layer.sizes);
    const alone = layers.reduce(
      (hidden, n) => applyLayer(hidden, `layers.${n}`, layer, (query) => attendToBlock(query, n, "first", layer)),
      x,
    );
    const summaries = summarise(alone, layer);
    return layers.reduce((hidden, n) => {
      const fresh = summaries.size > 0 ? summaryPairs(summaries, n, layer) : noPairs(layer);
      return applyLayer(hidden, `layers.${n}`, layer, (query) => {
        const own = attendToBlock(query, n, "second", layer);
        return add(own, attendToSummaries(query, n, layer, fresh));
      });
    }, x);
  },
  afterSegment: rollSummaries,
  readAgain: keepAll,
};
