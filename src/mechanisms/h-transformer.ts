/**
 * H-Transformer-1D (Zhu and Soricut 2021), made causal: the farther back, the coarser. A cell of level l is the mean key of 2^l tokens and
 * the sum of their values. A query attends to its own block of b tokens, and at each level to the sibling of the block of b cells that it
 * stands in, if that sibling came before. So every earlier token is seen exactly once, and n tokens back cost log n.
 *
 * The paper's queries are averaged as well, over later tokens too; here they are not. At the highest level a query sees all the
 * blocks before its own that are kept.
 */
import type { Attended } from "../autodiff/ops/attention.ts";
import { joinAttention } from "../autodiff/ops/blend.ts";
import { add } from "../autodiff/ops/elementwise.ts";
import { meanWeights } from "../autodiff/ops/pool-blocks.ts";
import { stepTensor } from "../autodiff/tensor.ts";
import type { LocalInputs } from "../nn/self-attention.ts";
import { attendToOwnBlock, finishedBlocks, poolPairs, refuseRest } from "./blocks.ts";
import { appendCells, attendToCells, type CellKind, carriedCells, rollCells } from "./cells.ts";
import type { AttentionMechanism, MechanismLayer, MechanismSizes } from "./mechanism.ts";

/** The cells of each level. Below the highest, a sibling lies at most two blocks back. */
function levelsOf(sizes: MechanismSizes): CellKind[] {
  const { segment_length: segment, mechanism_block: block, mechanism_levels: levels, mechanism_kept: most } = sizes;
  return Array.from({ length: levels }, (_, level) => {
    const kept = level === levels - 1 ? most : 2 * block;
    return { name: `level${level}`, kept, added: segment / 2 ** level };
  });
}

/** Returns the cells of `level` that a query at `position` of its document sees, counted from the document's first. */
export function seenAt(
  position: number,
  level: number,
  { mechanism_block: block, mechanism_levels: levels }: MechanismSizes,
) {
  const own = Math.floor(position / (block * 2 ** level)); // the block of cells that the query stands in
  if (level === levels - 1) return [0, own * block];
  return own % 2 === 1 ? [(own - 1) * block, own * block] : [0, 0];
}

/** Attends to the cells of a level, and keeps those that this pass finishes. */
function attendAtLevel(inputs: LocalInputs, layer: MechanismLayer, level: number, kind: CellKind): Attended {
  const { sizes, offset, read } = layer;
  const size = 2 ** level; // tokens of a cell
  const finished = finishedBlocks(layer, inputs.q.shape[1], size);
  const mean = meanWeights(size);
  const fresh = poolPairs(inputs, mean, mean, finished);
  const earlier = (row: number) => read[row] / size;
  const cells = { done: finished.done, fresh, earlier };
  const { out, lse } = attendToCells(inputs.q, inputs.scale, layer, kind, cells, (row, token) => {
    const [from, to] = seenAt(read[row] + offset + token, level, sizes);
    return [from - earlier(row), to - earlier(row)];
  });
  appendCells(layer, kind, finished.done, fresh);
  const weight = stepTensor(lse.shape).fill(Math.log(size)); // a mean value counts for all of its tokens
  return { out, lse: add(lse, weight) };
}

export const hTransformer: AttentionMechanism = {
  about: "H-Transformer-1D with fine queries (Zhu and Soricut 2021)",
  settings: ["mechanism_block", "mechanism_levels", "mechanism_kept"],
  refuse: (sizes) =>
    refuseRest(sizes, "mechanism_block", sizes.mechanism_block) ??
    refuseRest(sizes, "2 ^ (mechanism_levels − 1) =", 2 ** (sizes.mechanism_levels - 1)),
  past: () => 0,
  carries: (sizes) => Object.assign({}, ...levelsOf(sizes).map((kind) => carriedCells(sizes, kind))),
  attend: (inputs, layer) =>
    levelsOf(layer.sizes)
      .map((kind, level) => attendAtLevel(inputs, layer, level, kind))
      .reduce(joinAttention, attendToOwnBlock(inputs, layer.sizes.mechanism_block)),
  afterSegment: (layer) => {
    for (const kind of levelsOf(layer.sizes)) rollCells(layer, kind);
  },
};
