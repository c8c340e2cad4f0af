/** Tokens pooled block by block: strided means, and other sums with weights that a model may learn. */
import { InputError } from "../../base/errors.ts";
import { parallel } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, stepTensor, type Tensor } from "../tensor.ts";

/** Tokens of the segment in a context that also holds tokens before it. */
export interface PooledTokens {
  /** The context, [B, capacity, C], into which the segment's tokens are already written. */
  readonly context: Tensor;
  /** The segment's tokens, [B, T, C], which get the gradient. */
  readonly segment: Tensor;
  /** Position of the segment's first token in the context. */
  readonly past: number;
}

/** Blocks that lie one after the other. */
export interface BlockRange {
  /** Position of the first token of the first block in the context. */
  readonly first: number;
  /** Number of blocks, 0 or more. */
  readonly blocks: number;
}

/**
 * y_c = Σ_j weights[c, j] x_j over each block of b tokens, for each of its cells. weights [cells, b] → [B, blocks · cells, C], cells of a
 * block side by side. Gradients reach the segment's tokens and the weights.
 * @throws InputError if the blocks reach beyond the segment, or shapes do not fit
 */
export function poolBlocks(tokens: PooledTokens, weights: Tensor, { first, blocks }: BlockRange): Tensor {
  const { context, segment, past } = tokens;
  const [rows, length, channels] = segment.shape;
  const [, capacity] = context.shape;
  const [cells, block] = weights.shape;
  const end = first + blocks * block;
  if (
    context.shape.join() !== [rows, capacity, channels].join() ||
    first < 0 ||
    end > past + length ||
    end > capacity
  ) {
    throw new InputError(
      `poolBlocks: ${blocks} blocks of ${block} from position ${first} on do not fit a context [${context.shape}] with the segment [${segment.shape}] at ${past}`,
    );
  }
  const y = stepTensor([rows, blocks * cells, channels]);
  const shape = [blocks, cells, block, channels, capacity, first] as const;
  const units = rows * blocks;
  parallel("pool_blocks_forward", units, y.ptr, context.ptr, weights.ptr, ...shape);
  return record("poolBlocks", y, [segment, weights], (dy) => {
    const perBlock = weights.requiresGrad ? stepTensor([units, cells * block]) : undefined;
    const sources = [dy, context.ptr, weights.ptr, length, past] as const;
    parallel("pool_blocks_backward", units, gradient(segment), perBlock?.ptr ?? 0, ...sources, ...shape);
    if (perBlock) kernels.add_rows(gradient(weights), perBlock.ptr, units, weights.size, 0, weights.size);
  });
}

/** Returns weights [1, b] of a mean over b tokens, for the running step. */
export function meanWeights(block: number): Tensor {
  return stepTensor([1, block]).fill(1 / block);
}
