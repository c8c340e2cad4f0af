/**
 * Rows of a table: the embedding by token id, learned positions by place. Forward gathers, backward scatters and adds; tied logits are
 * a linear op.
 */
import { check, tokenIds } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import { parallelElements } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { aShape, gradient, requireMatrix, requireTensors, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";
import { requirePositions } from "./positions.ts";

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
  const outside = ids.findIndex((id) => id < 0 || id >= rows);
  if (outside >= 0) {
    throw new InputError(`token id ${ids[outside]} is not in the vocabulary of ${rows} tokens (0 to ${rows - 1})`);
  }
  const copy = stepIntegers(ids);
  kernels.embedding_forward(y.ptr, table.ptr, copy, ids.length, width);
  return record("embedding", y, [table], (dy) => {
    kernels.embedding_backward(gradient(table), dy, copy, ids.length, width);
  });
}

/**
 * y[b, t] = x[b, t] + table[positions[b] + t]: learned positions. x [B, T, C], table [n, C], positions [B]: the first position
 * of each row. Backward: dx = dy, dtable[p] += dy of the tokens at p, row by row. Throws InputError for a position outside the table.
 */
export function addPositions(x: Tensor, table: Tensor, positions: Int32Array): Tensor {
  requireTensors({ x });
  requireMatrix("table", table);
  const [rows, segment, width] = x.shape;
  const [count, columns] = table.shape;
  if (x.shape.length !== 3 || width !== columns) {
    throw new InputError(
      `addPositions: x [${x.shape}] does not fit a table [${table.shape}]; it must be [B, T, ${columns}]`,
    );
  }
  requirePositions("addPositions", positions, rows, segment, count);
  const firsts = Int32Array.from(positions);
  const size = segment * width;
  const y = stepTensor(x.shape);
  for (let row = 0; row < rows; row++) {
    const [at, from] = [row * size * 4, firsts[row] * width * 4];
    parallelElements("add", size, y.ptr + at, x.ptr + at, table.ptr + from);
  }
  return record("addPositions", y, [x, table], (dy) => {
    if (x.requiresGrad) parallelElements("add_in_place", y.size, gradient(x), dy);
    if (!table.requiresGrad) return;
    const dtable = gradient(table);
    for (let row = 0; row < rows; row++) {
      parallelElements("add_in_place", size, dtable + firsts[row] * width * 4, dy + row * size * 4);
    }
  });
}
