/**
 * The blend of local attention with retrieved attention (paper, section 3.1): g · retrieved + (1 − g) · local. The policies of
 * nn/gate.ts compute g.
 */
import { parallel } from "../../wasm/parallel.ts";
import { record } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";

/**
 * out = g · retrieved + (1 − g) · local with g = sigmoid(logit). local, retrieved [B, T, H·D], logit [B, T, H]; `counts` [B]
 * says how many pairs each row retrieved. Rows that retrieved none keep `local` bit for bit, and their logit gets no gradient.
 * Returns out [B, T, H·D] and gates [B, T, H], which holds g, or 0 in rows that retrieved none.
 * @throws Error if shapes do not fit
 */
export function blend(local: Tensor, retrieved: Tensor, logit: Tensor, counts: Int32Array) {
  requireShapes(local, retrieved, logit, counts);
  const [rows, segment, heads] = logit.shape;
  const queries = rows * segment;
  const retrievedCounts = stepIntegers(counts);
  const out = stepTensor(local.shape);
  const gates = stepTensor(logit.shape);
  const shape = [segment, heads, local.shape[2] / heads] as const;
  const sources = [local.ptr, retrieved.ptr] as const;
  parallel("blend_forward", queries, out.ptr, gates.ptr, ...sources, logit.ptr, retrievedCounts, ...shape);
  record("blend", out, [local, retrieved, logit], (dout) => {
    const gradients = [gradient(local), gradient(retrieved), gradient(logit)] as const;
    parallel("blend_backward", queries, ...gradients, dout, gates.ptr, ...sources, retrievedCounts, ...shape);
  });
  return { out, gates };
}

function requireShapes(local: Tensor, retrieved: Tensor, logit: Tensor, counts: Int32Array): void {
  const [rows, segment, heads] = logit.shape;
  const fits = local.shape[0] === rows && local.shape[1] === segment && local.shape[2] % heads === 0;
  if (fits && local.shape.join() === retrieved.shape.join() && counts.length === rows) return;
  const shapes = `local [${local.shape}], retrieved [${retrieved.shape}], logit [${logit.shape}]`;
  throw new Error(
    `blend: ${shapes} and ${counts.length} counts do not fit; they must be [B, T, H·D] twice, [B, T, H] and B`,
  );
}
