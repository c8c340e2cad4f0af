/** Blocks of a segment: which of them a pass finishes, and attention to the rest of a query's own block. */
import { type Attended, attention } from "../autodiff/ops/attention.ts";
import { type BlockRange, poolBlocks } from "../autodiff/ops/pool-blocks.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import type { LocalInputs } from "../nn/self-attention.ts";
import type { Pairs } from "./cells.ts";
import type { MechanismLayer, MechanismSizes } from "./mechanism.ts";

/** The blocks that a pass finishes. */
export interface FinishedBlocks extends BlockRange {
  /** Blocks that earlier passes over this segment finished. */
  readonly done: number;
}

/** Returns the blocks of `size` tokens that end within the next `count` tokens. */
export function finishedBlocks({ offset }: MechanismLayer, count: number, size: number): FinishedBlocks {
  const done = Math.floor(offset / size);
  return { done, first: done * size, blocks: Math.floor((offset + count) / size) - done };
}

/** Attends to a query's own block, as far as it was read. Blocks begin where segments begin. */
export function attendToOwnBlock({ q, k, v, scale, bias, context }: LocalInputs, block: number): Attended {
  return attention(q, k, v, scale, bias, { ...context, block });
}

/** Returns cells of finished blocks: sums of their keys and of their values with these weights, [cells, size]. */
export function poolPairs({ k, v, context }: LocalInputs, keys: Tensor, values: Tensor, range: BlockRange): Pairs {
  const { past } = context;
  return {
    keys: poolBlocks({ context: context.keys, segment: k, past }, keys, range),
    values: poolBlocks({ context: context.values, segment: v, past }, values, range),
  };
}

/** Says that a segment does not consist of whole blocks, if so. */
export function refuseRest(
  { segment_length: segment }: MechanismSizes,
  name: string,
  block: number,
): string | undefined {
  if (segment % block === 0) return undefined;
  return `segment_length ${segment} is not a multiple of ${name} ${block}; a segment must consist of whole blocks`;
}
