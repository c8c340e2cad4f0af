/**
 * Combiner (Ren et al. 2021): p(token | query) = p(block | query) · p(token | block). A query attends to its own block directly. A finished
 * block has one key, the mean of its keys, and one value: what the mean of its own queries finds in it. It counts as one pair
 * for each of its tokens. The paper pools by maximum.
 */
import { joinAttention } from "../autodiff/ops/blend.ts";
import { add } from "../autodiff/ops/elementwise.ts";
import { intervalAttention } from "../autodiff/ops/interval-attention.ts";
import { meanWeights, poolBlocks } from "../autodiff/ops/pool-blocks.ts";
import { stepTensor, type Tensor } from "../autodiff/tensor.ts";
import type { LocalInputs } from "../nn/self-attention.ts";
import { kernels } from "../wasm/runtime.ts";
import { attendToOwnBlock, type FinishedBlocks, finishedBlocks, refuseRest } from "./blocks.ts";
import { appendCells, attendToCells, type CellKind, carriedCells, type Pairs, rollCells } from "./cells.ts";
import type { AttentionMechanism, MechanismLayer, MechanismSizes } from "./mechanism.ts";

function cellsOf({ segment_length, mechanism_block: block, mechanism_kept: kept }: MechanismSizes): CellKind {
  return { name: "block", kept, added: segment_length / block };
}

/** Writes the queries into their places among those of the segment, [B, T, H·D]. */
function keepQueries(q: Tensor, layer: MechanismLayer): Tensor {
  const queries = layer.carried("queries");
  const [rows, count, channels] = q.shape;
  for (let row = 0; row < rows; row++) {
    const at = (row * queries.shape[1] + layer.offset) * channels * 4;
    kernels.move(queries.ptr + at, q.ptr + row * count * channels * 4, count * channels * 4);
  }
  return queries;
}

/** The key and the value of each finished block. */
function summarise({ q, k, v, scale, context }: LocalInputs, layer: MechanismLayer, finished: FinishedBlocks): Pairs {
  const block = layer.sizes.mechanism_block;
  const { first, blocks } = finished;
  const { past } = context;
  const mean = meanWeights(block);
  const keys = poolBlocks({ context: context.keys, segment: k, past }, mean, finished);
  const queries = poolBlocks({ context: keepQueries(q, layer), segment: q, past: layer.offset }, mean, finished);
  const seen = Int32Array.from({ length: 2 * layer.rows * blocks }, (_, i) => {
    return first + (Math.floor(i / 2) % blocks) * block + (i % 2) * block;
  });
  const tokens = { keys: context.keys, values: context.values, past, first: new Int32Array(layer.rows), seen };
  return { keys, values: intervalAttention(queries, k, v, scale, tokens).out };
}

export const combiner: AttentionMechanism = {
  about: "Combiner with means (Ren et al. 2021)",
  settings: ["mechanism_block", "mechanism_kept"],
  refuse: (sizes) => refuseRest(sizes, "mechanism_block", sizes.mechanism_block),
  past: () => 0,
  carries: (sizes) => ({
    ...carriedCells(sizes, cellsOf(sizes)),
    queries: [sizes.segment_length, sizes.num_attention_heads * sizes.head_dim],
  }),
  attend: (inputs, layer) => {
    const { mechanism_block: block } = layer.sizes;
    const { offset, read } = layer;
    const kind = cellsOf(layer.sizes);
    const finished = finishedBlocks(layer, inputs.q.shape[1], block);
    const fresh = summarise(inputs, layer, finished);
    const { done } = finished;
    const earlier = (row: number) => read[row] / block;
    const coarse = attendToCells(inputs.q, inputs.scale, layer, kind, { done, fresh, earlier }, (_, token) => [
      -kind.kept,
      Math.floor((offset + token) / block),
    ]);
    appendCells(layer, kind, done, fresh);
    const size = stepTensor(coarse.lse.shape).fill(Math.log(block));
    return joinAttention(attendToOwnBlock(inputs, block), { out: coarse.out, lse: add(coarse.lse, size) });
  },
  afterSegment: (layer) => rollCells(layer, cellsOf(layer.sizes)),
};
