/**
 * The backward of linear-attention.ts, chunk by chunk from the last, with the same names. The state before the segment is a constant.
 *
 * dR is the gradient of the rows φ(Q) S + lower(φ(Q) φ(K)ᵀ) W, and dS that of the state after the chunk. With P = lower(dR Wᵀ):
 *   dq += dR Sᵀ + P K,  dk += Pᵀ Q + W dSᵀ,  dW = lower(Q Kᵀ)ᵀ dR + K dS,  dS += Qᵀ dR.
 * As sums, dv = dW without its last column. By the delta rule G solves (I + strictly lower(K Kᵀ))ᵀ G = dW, and with R the strictly lower
 * part of −G Wᵀ:
 *   dv += G,  dk −= G Sᵀ,  dk += R K + Rᵀ K,  dS −= Kᵀ G.
 */
import { addScaled, addTo, dot, scaleTo } from "../base/simd";
import {
  CHUNK, chunkProduct, chunksOf, keyAt, layOutLinearHead, LinearHead, lowerProduct, openLinearHead, tokenAt,
  valueAt, writtenAt,
} from "./linear-head";
import { Triangle } from "./matmul";

/**
 * Adds to dq, dk [B, T, H, F] and dv [B, T, H, D], for units [from, to) of the B·H. `dlse` may be 0. `states`, `written` and `inverse` are what the
 * forward kept. `scratch`: linear_attention_scratch_bytes.
 */
export function linear_attention_backward(
  dq: usize, dk: usize, dv: usize, dout: usize, dlse: usize, out: usize, states: usize, written: usize, inverse: usize,
  q: usize, k: usize, segment: i32, heads: i32, features: i32, width: i32, delta: bool, from: i32, to: i32, scratch: usize,
): void {
  const head = layOutLinearHead(scratch, segment, heads, features, width, delta);
  for (let unit = from; unit < to; unit++) {
    openLinearHead(head, unit);
    memory.fill(head.stateGradient, 0, head.stateBytes);
    for (let chunk = chunksOf(segment) - 1; chunk >= 0; chunk--) {
      const i = chunk * CHUNK, n = min(CHUNK, segment - i);
      const keys = keyAt(head, i), values = valueAt(head, i), w = written + writtenAt(head, i);
      const state = states + head.statesAt + <usize>chunk * head.stateBytes;
      const token = tokenAt(head, i);
      rowGradients(head, dout + values, dlse ? dlse + token : 0, out + values, inverse + token, n);
      queryAndKeyGradients(head, dq + keys, dk + keys, q + keys, k + keys, w, state, n);
      writtenGradient(head, q + keys, k + keys, n);
      if (delta) solveTransposed(head, k + keys, n);
      addToValues(head, dv + values, n);
      advanceGradient(head, q + keys, head.rows, n);
      if (delta) differenceGradients(head, dk + keys, k + keys, w, state, n);
    }
  }
}

/** head.rows [n, E] = dR; the gradient of a denominator is (dlse − dout · out) / denominator. */
function rowGradients(head: LinearHead, dout: usize, dlse: usize, out: usize, inverse: usize, n: i32): void {
  const width = head.width, bytes = <usize>width << 2, stride = <usize>head.valueStride << 2, step = <usize>head.heads << 2;
  let row = head.rows;
  for (let i = 0; i < n; i++, dout += stride, out += stride, inverse += step, row += <usize>head.columns << 2) {
    const factor = load<f32>(inverse);
    scaleTo(row, dout, factor, width);
    if (head.delta) continue;
    const pull = dot(dout, out, width) - (dlse ? load<f32>(dlse + i * step) : 0);
    store<f32>(row + bytes, -pull * factor);
  }
}

/** dq += dR Sᵀ + P k, dk += Pᵀ q + w dSᵀ. */
function queryAndKeyGradients(
  head: LinearHead, dq: usize, dk: usize, q: usize, k: usize, w: usize, state: usize, n: i32,
): void {
  const columns = head.columns, features = head.features, stride = head.keyStride;
  chunkProduct(head, dq, stride, head.rows, columns, 1, state, 1, columns, n, features, columns, true);
  lowerProduct(head, head.rows, w, columns, n, columns, false); // P
  chunkProduct(head, dq, stride, head.scores, CHUNK, 1, k, stride, 1, n, features, n, true, Triangle.LowerA);
  chunkProduct(head, dk, stride, head.scores, 1, CHUNK, q, stride, 1, n, features, n, true, Triangle.UpperA);
  chunkProduct(head, dk, stride, w, columns, 1, head.stateGradient, 1, columns, n, features, columns, true);
}

/** head.gradients [n, E] = dW = lower(q kᵀ)ᵀ dR + k dS. */
function writtenGradient(head: LinearHead, q: usize, k: usize, n: i32): void {
  const columns = head.columns, features = head.features, stride = head.keyStride, dw = head.gradients;
  lowerProduct(head, q, k, stride, n, features, false);
  chunkProduct(head, dw, columns, head.scores, 1, CHUNK, head.rows, columns, 1, n, columns, n, false, Triangle.UpperA);
  chunkProduct(head, dw, columns, k, stride, 1, head.stateGradient, columns, 1, n, columns, features, true);
}

/** head.gradients = G, in place of dW. */
function solveTransposed(head: LinearHead, k: usize, n: i32): void {
  const width = head.width, bytes = <usize>width << 2, g = head.gradients;
  lowerProduct(head, k, k, head.keyStride, n, head.features, true);
  for (let i = n - 1; i > 0; i--) {
    for (let j = 0; j < i; j++) {
      addScaled(g + j * bytes, g + i * bytes, -load<f32>(head.scores + (<usize>(i * CHUNK + j) << 2)), width);
    }
  }
}

/** dv += head.gradients without the column of ones. */
function addToValues(head: LinearHead, dv: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    addTo(dv + ((<usize>i * head.valueStride) << 2), head.gradients + ((<usize>i * head.columns) << 2), head.width);
  }
}

/** dS += leftᵀ · rows [n, E]. */
function advanceGradient(head: LinearHead, left: usize, rows: usize, n: i32): void {
  const columns = head.columns;
  chunkProduct(
    head, head.stateGradient, columns, left, 1, head.keyStride, rows, columns, 1, head.features, columns, n, true,
  );
}

/** dk −= G Sᵀ, dk += R k + Rᵀ k, dS −= kᵀ G. */
function differenceGradients(head: LinearHead, dk: usize, k: usize, w: usize, state: usize, n: i32): void {
  const columns = head.columns, features = head.features, stride = head.keyStride, g = head.gradients;
  scaleTo(g, g, -1, n * columns);
  chunkProduct(head, dk, stride, g, columns, 1, state, 1, columns, n, features, columns, true);
  lowerProduct(head, g, w, columns, n, columns, true); // R
  chunkProduct(head, dk, stride, head.scores, CHUNK, 1, k, stride, 1, n, features, n, true, Triangle.LowerA);
  chunkProduct(head, dk, stride, head.scores, 1, CHUNK, k, stride, 1, n, features, n, true, Triangle.UpperA);
  advanceGradient(head, k, g, n);
}
