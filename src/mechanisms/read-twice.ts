/**
 * ReadTwice (Zemlyanskiy et al. 2021), read in order: the blocks of a document are read alone, and each is summed up in a vector. Then each is
 * read again by the same layers, which now also attend to the summaries of other blocks.
 *
 * In the published encoder those are all other blocks, later ones too. Here they are the finished ones before, the newest of earlier segments
 * kept as constants, so a summary learns from later blocks of its own segment. The paper sums up with the vector of a special token;
 * here a learned query reads the block.
 */
import { attention, extendContext, POSITION_BUCKETS, positionBuckets } from "../autodiff/ops/attention.ts";
import { add, repeat } from "../autodiff/ops/elementwise.ts";
import { intervalAttention } from "../autodiff/ops/interval-attention.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { l2Normalize, rmsNorm } from "../autodiff/ops/norm.ts";
import { stepTensor, type Tensor } from "../autodiff/tensor.ts";
import { constant, matrix, norm } from "../nn/declarations.ts";
import type { Declaration } from "../nn/parameters.ts";
import { finishedBlocks, refuseRest } from "./blocks.ts";
import { appendCells, attendToCells, type CellKind, carriedCells, type Pairs, rollCells } from "./cells.ts";
import type { MechanismSizes, ReadingLayer, StackMechanism } from "./mechanism.ts";
import { applyLayer, type LayerQuery, layerParameters, scaleParameter } from "./stack-layer.ts";
import { writeTokens } from "./tokens.ts";

type Reading = "first" | "second";

const layersOf = ({ num_hidden_layers: layers }: MechanismSizes) => Array.from({ length: layers }, (_, n) => n);

/** The summaries of finished blocks, as layer n attends to them. */
function cellsOf(n: number, { mechanism_kept, segment_length, mechanism_block }: MechanismSizes): CellKind {
  return { name: `summaries.${n}.`, kept: mechanism_kept, added: segment_length / mechanism_block };
}

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

/** Attention of layer n to the summaries of the blocks before the query's own; 0 where there are none. */
function attendToSummaries({ query, scale }: LayerQuery, n: number, layer: ReadingLayer, fresh: Pairs): Tensor {
  const { sizes, offset, read, parameter } = layer;
  const { mechanism_block: size, mechanism_kept: kept } = sizes;
  const done = Math.floor(offset / size);
  const cells = { done, fresh, earlier: (row: number) => read[row] / size };
  const seen = (_row: number, token: number) => [-kept, Math.floor((offset + token) / size)] as const;
  const found = attendToCells(query, scale, layer, cellsOf(n, sizes), cells, seen).out;
  appendCells(layer, cellsOf(n, sizes), done, fresh);
  return linear(found, parameter(`layers.${n}.summary_o_proj.weight`));
}

/** Summaries of the blocks that this pass finishes, [B, blocks, C], from what the first reading made of its tokens. */
function summarise(hidden: Tensor, layer: ReadingLayer): Tensor {
  const { parameter, carried, sizes, rows, offset } = layer;
  const { mechanism_block: size, head_dim, rms_norm_eps } = sizes;
  const normed = rmsNorm(hidden, parameter("summary.norm.weight"), rms_norm_eps);
  const keys = l2Normalize(linear(normed, parameter("summary.k_proj.weight")), head_dim);
  const values = linear(normed, parameter("summary.v_proj.weight"));
  const { first, blocks } = finishedBlocks(layer, hidden.shape[1], size);
  const ends = Array.from({ length: blocks }, (_, n) => [first + n * size, first + (n + 1) * size]).flat();
  const seen = Int32Array.from({ length: rows * ends.length }, (_, i) => ends[i % ends.length]);
  const before = { keys: carried("tokens.keys"), values: carried("tokens.values"), past: offset };
  const query = repeat(l2Normalize(parameter("summary.query"), head_dim), [rows, blocks]);
  const intervals = { ...before, first: new Int32Array(rows), seen };
  const found = intervalAttention(query, keys, values, parameter("summary.attention_scale"), intervals).out;
  writeTokens(before.keys, offset, keys);
  writeTokens(before.values, offset, values);
  return rmsNorm(linear(found, parameter("summary.o_proj.weight")), parameter("summary.out_norm.weight"), rms_norm_eps);
}

/** Keys and values of summaries for layer n, [B, blocks, H·D]. */
function summaryPairs(summaries: Tensor, n: number, { parameter, sizes }: ReadingLayer): Pairs {
  const get = (name: string) => parameter(`layers.${n}.${name}.weight`);
  const keys = l2Normalize(linear(summaries, get("summary_k_proj")), sizes.head_dim);
  return { keys, values: linear(summaries, get("summary_v_proj")) };
}

/** Keys and values of no summary. */
function noPairs({ rows, sizes: { num_attention_heads: heads, head_dim } }: ReadingLayer): Pairs {
  const none = stepTensor([rows, 0, heads * head_dim]);
  return { keys: none, values: none };
}

export const readTwice: StackMechanism = {
  about: "blocks read alone, then again with summaries of those before (ReadTwice)",
  settings: ["mechanism_block", "mechanism_kept"],
  refuse: (sizes) => refuseRest(sizes, "mechanism_block", sizes.mechanism_block),
  parameters: (sizes) => {
    const { hidden_size: width, num_attention_heads: heads, head_dim } = sizes;
    return [
      ...layersOf(sizes).flatMap((n) => [...layerParameters(sizes, `layers.${n}`), ...ownParameters(n, sizes)]),
      norm("summary.norm.weight", width),
      { name: "summary.query", shape: [heads * head_dim], group: "attention", initial: (random) => random.normal() },
      ...["k_proj", "v_proj"].map((name) => matrix(`summary.${name}.weight`, heads * head_dim, width)),
      matrix("summary.o_proj.weight", width, heads * head_dim),
      norm("summary.out_norm.weight", width),
      scaleParameter("summary.attention_scale", sizes),
    ];
  },
  carries: (sizes) => {
    const pairs = [sizes.segment_length, sizes.num_attention_heads * sizes.head_dim];
    const places = layersOf(sizes).flatMap((n) => [`first.${n}`, `second.${n}`]);
    const names = ["tokens", ...places].flatMap((place) => [`${place}.keys`, `${place}.values`]);
    const cells = layersOf(sizes).map((n) => carriedCells(sizes, cellsOf(n, sizes)));
    return Object.assign({}, ...names.map((name) => ({ [name]: pairs })), ...cells);
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
  afterSegment: (layer) => {
    for (const n of layersOf(layer.sizes)) rollCells(layer, cellsOf(n, layer.sizes));
  },
};
