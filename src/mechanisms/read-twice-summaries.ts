/** Summaries of the blocks of a document in ReadTwice: how they are made, kept and read. */
import { repeat } from "../autodiff/ops/elementwise.ts";
import { intervalAttention } from "../autodiff/ops/interval-attention.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { l2Normalize, rmsNorm } from "../autodiff/ops/norm.ts";
import { stepTensor, type Tensor } from "../autodiff/tensor.ts";
import { matrix, norm } from "../nn/declarations.ts";
import type { Declaration } from "../nn/parameters.ts";
import { finishedBlocks } from "./blocks.ts";
import { appendCells, attendToCells, type CellKind, carriedCells, type Pairs, rollCells } from "./cells.ts";
import type { MechanismLayer, MechanismSizes, ReadingLayer } from "./mechanism.ts";
import { type LayerQuery, scaleParameter } from "./stack-layer.ts";
import { writeTokens } from "./tokens.ts";

/** The numbers of all layers. */
export const layersOf = ({ num_hidden_layers: layers }: MechanismSizes) => Array.from({ length: layers }, (_, n) => n);

/** Carried: how many summaries the whole document has, while it is read again; 0 while it is read in order. */
const ALL = "again";

/** The summaries of finished blocks, as layer n attends to them. */
function cellsOf(n: number, { mechanism_kept, segment_length, mechanism_block }: MechanismSizes): CellKind {
  return { name: `summaries.${n}.`, kept: mechanism_kept, added: segment_length / mechanism_block };
}

/** Shapes of one row of what is carried for summaries. */
export function carriedSummaries(sizes: MechanismSizes): Record<string, readonly number[]> {
  return Object.assign({ [ALL]: [1] }, ...layersOf(sizes).map((n) => carriedCells(sizes, cellsOf(n, sizes))));
}

/** Parameters by which a block is summed up. */
export function summaryParameters(sizes: MechanismSizes): Declaration[] {
  const { hidden_size: width, num_attention_heads: heads, head_dim } = sizes;
  return [
    norm("summary.norm.weight", width),
    { name: "summary.query", shape: [heads * head_dim], group: "attention", initial: (random) => random.normal() },
    ...["k_proj", "v_proj"].map((name) => matrix(`summary.${name}.weight`, heads * head_dim, width)),
    matrix("summary.o_proj.weight", width, heads * head_dim),
    norm("summary.out_norm.weight", width),
    scaleParameter("summary.attention_scale", sizes),
  ];
}

/** The kept summaries of the whole document, of one row that is read again; 0 while documents are read in order. */
function summariesOfAll({ carried }: MechanismLayer): number {
  return carried(ALL).toArray()[0];
}

/** The document was read to its end: the newest summaries move to the kept ones, and are all that the next reading sees. */
export function keepAll(layer: MechanismLayer): void {
  const { sizes, offset, read, carried } = layer;
  if (summariesOfAll(layer) > 0) return;
  const done = Math.floor(offset / sizes.mechanism_block); // blocks of the last segment
  for (const n of layersOf(sizes)) rollCells(layer, cellsOf(n, sizes), done);
  carried(ALL).fill(Math.min(sizes.mechanism_kept, read[0] / sizes.mechanism_block + done));
}

/** The segment is complete. While a document is read again, its summaries stay where they are. */
export function rollSummaries(layer: MechanismLayer): void {
  if (summariesOfAll(layer) > 0) return;
  for (const n of layersOf(layer.sizes)) rollCells(layer, cellsOf(n, layer.sizes));
}

/** Attention of layer n to the summaries of the blocks before the query's own, or of all; 0 where there are none. */
export function attendToSummaries({ query, scale }: LayerQuery, n: number, layer: ReadingLayer, fresh: Pairs): Tensor {
  const { sizes, offset, read, parameter } = layer;
  const { mechanism_block: size, mechanism_kept: kept } = sizes;
  const done = Math.floor(offset / size);
  const all = summariesOfAll(layer);
  const cells = { done, fresh, earlier: (row: number) => (all > 0 ? all : read[row] / size) };
  const seen = (_row: number, token: number) => {
    return [-kept, all > 0 ? 0 : Math.floor((offset + token) / size)] as const;
  };
  const found = attendToCells(query, scale, layer, cellsOf(n, sizes), cells, seen).out;
  appendCells(layer, cellsOf(n, sizes), done, fresh);
  return linear(found, parameter(`layers.${n}.summary_o_proj.weight`));
}

/** Summaries of the blocks that this pass finishes, [B, blocks, C], from what the first reading made of its tokens. */
export function summarise(hidden: Tensor, layer: ReadingLayer): Tensor {
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
export function summaryPairs(summaries: Tensor, n: number, { parameter, sizes }: ReadingLayer): Pairs {
  const get = (name: string) => parameter(`layers.${n}.${name}.weight`);
  const keys = l2Normalize(linear(summaries, get("summary_k_proj")), sizes.head_dim);
  return { keys, values: linear(summaries, get("summary_v_proj")) };
}

/** Keys and values of no summary. */
export function noPairs({ rows, sizes: { num_attention_heads: heads, head_dim } }: ReadingLayer): Pairs {
  const none = stepTensor([rows, 0, heads * head_dim]);
  return { keys: none, values: none };
}
