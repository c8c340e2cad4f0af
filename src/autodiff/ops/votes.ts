/**
 * Predictions that also copy: a mixture of the model's own distribution and of votes for the tokens of retrieved pairs. It is
 * not in the paper; a pointer network's (Vinyals et al. 2015), mixed as by Merity et al. 2017.
 */
import { InputError } from "../../base/errors.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";

/** The pairs that vote, each for its token. */
export interface Votes {
  /** r, the softmax of each head's K scores, [B, T, H, K]. */
  readonly weights: Tensor;
  /** Address of the slots of those pairs, i32 [B, T, H, K]. They may lie before slot 0. */
  readonly slots: Address;
  /** How many of the K are valid, per row, [B]. */
  readonly counts: Int32Array;
  /** Address of their tokens, i32 [B, capacity], from slot 0 on; below V, or V itself where a token is unknown and votes for nothing. */
  readonly tokens: Address;
  /** Numbers from one row to the next. */
  readonly capacity: number;
}

/**
 * ln p of p = π_0 softmax(z) + Σ_h π_h Σ_k r_hk [token of pair k], π = softmax(0, mix). z [B, T, V], mix [B, T, H] → [B, T, V].
 * Rows without votes keep z bit for bit. Gradients reach z, mix and the weights r.
 * @throws InputError if shapes do not fit
 */
export function mixVotes(z: Tensor, mix: Tensor, votes: Votes): Tensor {
  const { weights, slots, tokens, capacity } = votes;
  requireShapes(z, mix, votes);
  const [rows, segment, vocabulary] = z.shape;
  const [heads, topk] = weights.shape.slice(2);
  const predictions = rows * segment;
  const y = stepTensor(z.shape);
  const lse = stepTensor([rows, segment]);
  const inputs = [lse.ptr, z.ptr, mix.ptr, weights.ptr, slots, tokens, stepIntegers(votes.counts)] as const;
  const shape = [vocabulary, segment, heads, topk, capacity] as const;
  const scratchBytes = kernels.votes_scratch_bytes(vocabulary, heads);
  parallelWithScratch("votes_forward", predictions, scratchBytes, y.ptr, ...inputs, ...shape);
  return record("mixVotes", y, [z, mix, weights], (dy) => {
    const gradients = [gradient(z), gradient(mix), gradient(weights)] as const;
    parallelWithScratch("votes_backward", predictions, scratchBytes, ...gradients, dy, ...inputs, ...shape);
  });
}

function requireShapes(z: Tensor, mix: Tensor, { weights, counts }: Votes): void {
  const [rows, segment] = z.shape;
  const fits = [mix, weights].every(({ shape }) => shape[0] === rows && shape[1] === segment);
  if (z.shape.length === 3 && fits && mix.shape[2] === weights.shape[2] && counts.length === rows) return;
  throw new InputError(
    `mixVotes: z [${z.shape}], mix [${mix.shape}], weights [${weights.shape}] and ${counts.length} counts do not fit; they must be ` +
      "[B, T, V], [B, T, H], [B, T, H, K] and B",
  );
}
