/**
 * Linformer (Wang et al. 2020), block by block: each finished block of b tokens becomes r cells, E K and F V with learned E, F [r, b]. A
 * query attends to its own block and to the cells of all finished ones, in one softmax.
 *
 * The published projection runs over the whole sequence and so mixes the future into every cell; no mask can take it out. This is the form
 * that is causal.
 */
import { joinAttention } from "../autodiff/ops/blend.ts";
import type { Declaration } from "../nn/parameters.ts";
import { attendToOwnBlock, finishedBlocks, poolPairs, refuseRest } from "./blocks.ts";
import { appendCells, attendToCells, type CellKind, carriedCells, rollCells } from "./cells.ts";
import type { AttentionMechanism, MechanismSizes } from "./mechanism.ts";

function cellsOf(sizes: MechanismSizes): CellKind {
  const { segment_length: segment, mechanism_block: block, mechanism_cells: cells, mechanism_kept: kept } = sizes;
  return { name: "cell", kept, added: (segment / block) * cells };
}

/** E or F, [r, b]: random sums whose squares add up to 1 on average. */
function projection(name: string, { mechanism_cells: cells, mechanism_block: block }: MechanismSizes): Declaration {
  return { name, shape: [cells, block], group: "matrices", initial: (random) => random.normal() / Math.sqrt(block) };
}

export const linformer: AttentionMechanism = {
  about: "Linformer, block by block (Wang et al. 2020)",
  settings: ["mechanism_block", "mechanism_cells", "mechanism_kept"],
  refuse: (sizes) => refuseRest(sizes, "mechanism_block", sizes.mechanism_block),
  past: () => 0,
  parameters: (sizes) => [projection("keys.weight", sizes), projection("values.weight", sizes)],
  carries: (sizes) => carriedCells(sizes, cellsOf(sizes)),
  attend: (inputs, layer) => {
    const { mechanism_block: block, mechanism_cells: cells, segment_length: segment } = layer.sizes;
    const kind = cellsOf(layer.sizes);
    const { offset, read } = layer;
    const finished = finishedBlocks(layer, inputs.q.shape[1], block);
    const fresh = poolPairs(inputs, layer.parameter("keys.weight"), layer.parameter("values.weight"), finished);
    const done = finished.done * cells;
    const earlier = (row: number) => (read[row] / segment) * kind.added;
    const coarse = attendToCells(inputs.q, inputs.scale, layer, kind, { done, fresh, earlier }, (_, token) => [
      -kind.kept,
      Math.floor((offset + token) / block) * cells,
    ]);
    appendCells(layer, kind, done, fresh);
    return joinAttention(attendToOwnBlock(inputs, block), coarse);
  },
  afterSegment: (layer) => rollCells(layer, cellsOf(layer.sizes)),
};
