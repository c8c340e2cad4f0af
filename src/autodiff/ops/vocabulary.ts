/**
 * Both ends of a model, which have the size of the vocabulary: rows of the embedding picked by token id, and the loss, cross entropy
 * of the next token in nats. The logits between them are a linear op.
 */
import { check, tokenIds } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import { parallel } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import {
  arena,
  aShape,
  asRows,
  gradient,
  requireMatrix,
  requireTensors,
  stepIntegers,
  stepTensor,
  type Tensor,
  tensor,
} from "../tensor.ts";

/**
 * y[i] = table[ids[i]]. table [V, C], ids of `shape`, row-major → [...shape, C].
 * Backward: dtable[ids[i]] += dy[i]. Throws InputError for an id outside the table.
 */
export function embedding(table: Tensor, ids: Int32Array, shape: readonly number[]): Tensor {
  requireMatrix("table", table);
  check("ids", ids, tokenIds);
  check("shape", shape, aShape);
  const [rows, width] = table.shape;
  const y = stepTensor([...shape, width]);
  if (y.size !== ids.length * width)
    throw new InputError(`embedding: ${ids.length} ids do not fill the shape [${shape}]`);
  requireKnownTokens(ids, rows);
  const copy = stepIntegers(ids);
  kernels.embedding_forward(y.ptr, table.ptr, copy, ids.length, width);
  return record("embedding", y, [table], (dy) => {
    kernels.embedding_backward(gradient(table), dy, copy, ids.length, width);
  });
}

/** @throws InputError for an id that is none of `size` tokens */
export function requireKnownTokens(ids: Int32Array, size: number): void {
  const outside = ids.find((id) => id < 0 || id >= size);
  if (outside === undefined) return;
  throw new InputError(`token id ${outside} is not in the vocabulary of ${size} tokens (0 to ${size - 1})`);
}

/** The target of a position that does not count: padding. */
export const MASKED: number = -1;

/** The results of `crossEntropy`. */
export interface CrossEntropy {
  /** Mean over the unmasked targets, [1]; 0 if all are masked. The only result with a gradient. */
  readonly loss: Tensor;
  /** −ln p(target) of each position, [N]; 0 where masked. */
  readonly nats: Tensor;
  /** Number of unmasked targets. */
  readonly count: number;
}

/**
 * nats = ln Σ e^logits − logits[target]. logits [..., V] seen as [N, V], targets [N] with −1 for masked.
 * Backward: dlogits = (softmax(logits) − onehot(target)) · dloss / count; the softmax is computed again, not kept.
 * Throws InputError for a target that is neither masked nor below V.
 */
export function crossEntropy(logits: Tensor, targets: Int32Array): CrossEntropy {
  requireTensors({ logits });
  check("targets", targets, tokenIds);
  const [rows, width] = asRows(logits); // [..., V] → [N, V]
  if (targets.length !== rows) {
    throw new InputError(`crossEntropy: ${targets.length} targets for logits [${logits.shape}]`);
  }
  const outside = targets.find((target) => target < MASKED || target >= width);
  if (outside !== undefined) {
    throw new InputError(`target token id ${outside} is not in the vocabulary of ${width} tokens (0 to ${width - 1})`);
  }
  const count = targets.reduce((sum, target) => sum + (target === MASKED ? 0 : 1), 0);
  const copy = stepIntegers(targets);
  const [nats, lse] = [stepTensor([rows]), stepTensor([rows])];
  const losses = arena.allocate(rows * 8); // nats in double precision
  parallel("cross_entropy_forward", rows, nats.ptr, losses, lse.ptr, logits.ptr, copy, width);
  const total = heap.f64(losses, rows).reduce((sum, loss) => sum + loss, 0);
  const loss = tensor([total / Math.max(1, count)]);
  record("crossEntropy", loss, [logits], (dloss) => {
    const inputs = [gradient(logits), dloss, logits.ptr, copy, lse.ptr, width, count] as const;
    parallel("cross_entropy_backward", rows, ...inputs);
  });
  return { loss, nats, count };
}
