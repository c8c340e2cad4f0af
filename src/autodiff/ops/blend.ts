/**
 * Two attentions made one. A gate blends local with retrieved attention (paper, section 3.1): g · retrieved + (1 − g) · local; the
 * policies of nn/gate.ts compute g. With the logsumexps of both, the blend is one softmax over what both saw.
 */
import { parallel, parallelElements } from "../../wasm/parallel.ts";
import { record } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";
import type { Attended } from "./attention.ts";
import { subtract } from "./elementwise.ts";

/**
 * out = g · retrieved + (1 − g) · local with g = sigmoid(logit). local, retrieved [B, T, H·D], logit [B, T, H]; `counts` [B]
 * says how many pairs each row retrieved; default: some. Rows that retrieved none keep `local` bit for bit, and their logit gets no gradient.
 * Returns out [B, T, H·D] and gates [B, T, H], which holds g, or 0 in rows that retrieved none.
 * @throws Error if shapes do not fit
 */
export function blend(
  local: Tensor,
  retrieved: Tensor,
  logit: Tensor,
  counts: Int32Array = new Int32Array(logit.shape[0]).fill(1),
) {
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

/** z = ln(e^x + e^y), of equal shape. Backward: dx = dz · e^(x − z), dy = dz · e^(y − z). */
export function logAddExp(x: Tensor, y: Tensor): Tensor {
  if (x.shape.join() !== y.shape.join()) throw new Error(`logAddExp: [${x.shape}] and [${y.shape}] differ`);
  const z = stepTensor(x.shape);
  parallelElements("log_add_exp_forward", z.size, z.ptr, x.ptr, y.ptr);
  return record("logAddExp", z, [x, y], (dz) => {
    parallelElements("log_add_exp_backward", z.size, gradient(x), gradient(y), dz, x.ptr, y.ptr, z.ptr);
  });
}

/**
 * One softmax over what two attentions saw. `counts` [B] says how many pairs each row of `other` has; default: some. Rows that
 * have none, and queries that saw nothing in `other`, keep the answer of `one`. Returns out, lse, and the share of `other` in each
 * head's answer, gates [B, T, H].
 */
export function joinAttention(
  one: Attended,
  other: Attended & { readonly counts?: Int32Array },
): Attended & { readonly gates: Tensor } {
  const { out, gates } = blend(one.out, other.out, subtract(other.lse, one.lse), other.counts);
  return { out, lse: logAddExp(one.lse, other.lse), gates };
}
