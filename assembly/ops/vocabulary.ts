/**
 * Both ends of a model, which have the size of the vocabulary: rows of the embedding picked by token id, and cross entropy of logits.
 * Its softmax is not kept: the backward computes it again from the logits and each row's logsumexp.
 */
import { addExponentials, addTo, largest, sumOfExponentials } from "../base/simd";

/** y[i] = table[ids[i]] for `n` ids; rows of `width` floats. Ids are taken to be in range. */
export function embedding_forward(y: usize, table: usize, ids: usize, n: i32, width: i32): void {
  const rowBytes = <usize>width << 2;
  for (const end = ids + (<usize>n << 2); ids < end; ids += 4, y += rowBytes) {
    memory.copy(y, table + <usize>load<i32>(ids) * rowBytes, rowBytes);
  }
}

/** dtable[ids[i]] += dy[i], in the order of i, so that a repeated id gives the same bits every time. */
export function embedding_backward(dtable: usize, dy: usize, ids: usize, n: i32, width: i32): void {
  const rowBytes = <usize>width << 2;
  for (const end = ids + (<usize>n << 2); ids < end; ids += 4, dy += rowBytes) {
    addTo(dtable + <usize>load<i32>(ids) * rowBytes, dy, width);
  }
}

/**
 * nats[i] = lse[i] − logits[i, targets[i]] with lse = ln Σ e^logits, for rows [from, to) of `width` floats; 0 where the target is −1
 * (masked). losses [rows] (f64) are the same numbers before they are rounded, for a sum.
 */
export function cross_entropy_forward(
  nats: usize, losses: usize, lse: usize, logits: usize, targets: usize, width: i32, from: i32, to: i32,
): void {
  for (let row = from; row < to; row++) {
    const at = row << 2;
    const target = load<i32>(targets + at), x = logits + ((<usize>row * width) << 2);
    let loss: f64 = 0;
    if (target >= 0) {
      const most = largest(x, width);
      const logSum = Math.log(sumOfExponentials(x, most, width));
      store<f32>(lse + at, <f32>(<f64>most + logSum));
      loss = <f64>most - <f64>load<f32>(x + (target << 2)) + logSum;
    }
    store<f32>(nats + at, <f32>loss);
    store<f64>(losses + (row << 3), loss);
  }
}

/**
 * dlogits += (softmax(logits) − onehot(target)) · dloss / count for those of rows [from, to) that are not masked. `dloss`: one
 * float.
 */
export function cross_entropy_backward(
  dlogits: usize, dloss: usize, logits: usize, targets: usize, lse: usize, width: i32, count: i32, from: i32, to: i32,
): void {
  const factor: f32 = load<f32>(dloss) / <f32>count;
  for (let row = from; row < to; row++) {
    const at = row << 2, offset = (<usize>row * width) << 2;
    const target = load<i32>(targets + at);
    if (target < 0) continue;
    addExponentials(dlogits + offset, logits + offset, load<f32>(lse + at), factor, width);
    const hit = dlogits + offset + (target << 2);
    store<f32>(hit, load<f32>(hit) - factor);
  }
}
