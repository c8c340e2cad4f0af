/**
 * Causal linear attention (Katharopoulos et al. 2020): a head carries a state S [F, E] instead of a list of pairs. Each token adds
 * φ(k)ᵀ w to it and reads φ(q) S.
 *
 * As sums, w = [v, 1], so that the last column of φ(q) S is the denominator Σ φ(q)·φ(k). By the delta rule, w = v − φ(k) S: what the
 * state does not yet return for this key, so that a key that returns replaces its value.
 *
 * A segment is computed in chunks: o = φ(Q) S + lower(φ(Q) φ(K)ᵀ) W with S the state before the chunk, then S += φ(K)ᵀ W. By the
 * delta rule W solves (I + strictly lower(φ(K) φ(K)ᵀ)) W = V − φ(K) S. A unit is one head of one row, and its chunks come in order.
 */
import { addScaled, scaleTo } from "../base/simd";
import {
  CHUNK, chunkProduct, keyAt, layOutLinearHead, LinearHead, lowerProduct, openLinearHead, tokenAt, valueAt,
  writtenAt,
} from "./linear-head";
import { Triangle } from "./matmul";

/**
 * out [B, T, H, D] and the state after the segment, next [B, H, F, E], for units [from, to) of the B·H. q, k [B, T, H, F] are φ(q) and
 * φ(k); v [B, T, H, D]; carried [B, H, F, E] is the state before the segment; E = D with the delta rule and D + 1 without. For the
 * backward it keeps the state before each chunk and after the last, states [B, H, chunks + 1, F, E], written [B, H, T, E], and
 * inverse [B, T, H] = 1 / (denominator + eps), of which lse [B, T, H] is −ln. By the delta rule, inverse is 1. `scratch`:
 * linear_attention_scratch_bytes.
 */
export function linear_attention_forward(
  out: usize, lse: usize, next: usize, states: usize, written: usize, inverse: usize, q: usize, k: usize, v: usize, carried: usize,
  segment: i32, heads: i32, features: i32, width: i32, eps: f32, delta: bool, from: i32, to: i32, scratch: usize,
): void {
  const head = layOutLinearHead(scratch, segment, heads, features, width, delta);
  for (let unit = from; unit < to; unit++) {
    openLinearHead(head, unit);
    let state = states + head.statesAt;
    memory.copy(state, carried + <usize>unit * head.stateBytes, head.stateBytes);
    for (let i = 0; i < segment; i += CHUNK, state += head.stateBytes) {
      const n = min(CHUNK, segment - i), w = written + writtenAt(head, i);
      if (delta) writeDifferences(head, w, k + keyAt(head, i), v + valueAt(head, i), state, n);
      else writeValues(head, w, v + valueAt(head, i), n);
      readChunk(head, q + keyAt(head, i), k + keyAt(head, i), w, state, n);
      finishChunk(head, out + valueAt(head, i), lse + tokenAt(head, i), inverse + tokenAt(head, i), eps, n);
      advanceState(head, k + keyAt(head, i), w, state, n);
    }
    memory.copy(next + <usize>unit * head.stateBytes, state, head.stateBytes);
  }
}

/** w [n, E] = [v, 1]. */
function writeValues(head: LinearHead, w: usize, v: usize, n: i32): void {
  const width = <usize>head.width << 2, stride = <usize>head.valueStride << 2;
  for (let i = 0; i < n; i++, w += width + 4, v += stride) {
    memory.copy(w, v, width);
    store<f32>(w + width, 1);
  }
}

/** w [n, E] = v − k · (the state after the tokens before), token by token. */
function writeDifferences(head: LinearHead, w: usize, k: usize, v: usize, state: usize, n: i32): void {
  const width = head.width, bytes = <usize>width << 2, stride = head.keyStride;
  chunkProduct(head, w, width, k, stride, 1, state, width, 1, n, width, head.features, false);
  for (let i = 0; i < n; i++) {
    scaleTo(w + i * bytes, w + i * bytes, -1, width);
    addScaled(w + i * bytes, v + ((<usize>i * head.valueStride) << 2), 1, width);
  }
  lowerProduct(head, k, k, stride, n, head.features, true);
  for (let i = 1; i < n; i++) {
    for (let j = 0; j < i; j++) {
      addScaled(w + i * bytes, w + j * bytes, -load<f32>(head.scores + (<usize>(i * CHUNK + j) << 2)), width);
    }
  }
}

/** head.rows [n, E] = q S + lower(q kᵀ) w. */
function readChunk(head: LinearHead, q: usize, k: usize, w: usize, state: usize, n: i32): void {
  const columns = head.columns, features = head.features, keyStride = head.keyStride;
  chunkProduct(head, head.rows, columns, q, keyStride, 1, state, columns, 1, n, columns, features, false);
  lowerProduct(head, q, k, keyStride, n, features, false);
  chunkProduct(head, head.rows, columns, head.scores, CHUNK, 1, w, columns, 1, n, columns, n, true, Triangle.LowerA);
}

/** out = head.rows, divided by their last column where that is a denominator. */
function finishChunk(head: LinearHead, out: usize, lse: usize, inverse: usize, eps: f32, n: i32): void {
  const width = head.width, bytes = <usize>width << 2, stride = <usize>head.valueStride << 2, step = <usize>head.heads << 2;
  let y = head.rows;
  for (let i = 0; i < n; i++, out += stride, lse += step, inverse += step, y += <usize>head.columns << 2) {
    const factor: f32 = head.delta ? 1 : 1 / (load<f32>(y + bytes) + eps);
    store<f32>(inverse, factor);
    store<f32>(lse, -<f32>Math.log(factor));
    scaleTo(out, y, factor, width);
  }
}

/** Writes the state after the chunk, S + kᵀ w, behind the state before it. */
function advanceState(head: LinearHead, k: usize, w: usize, state: usize, n: i32): void {
  const columns = head.columns, after = state + head.stateBytes;
  memory.copy(after, state, head.stateBytes);
  chunkProduct(head, after, columns, k, 1, head.keyStride, w, columns, 1, head.features, columns, n, true);
}
