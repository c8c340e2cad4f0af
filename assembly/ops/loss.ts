/**
 * Cross entropy of token logits. Nothing of the logits' size is kept: the backward computes the softmax again from the
 * logits and each row's logsumexp.
 */
import { exponentials } from "../base/exp";
import { largest } from "./softmax";
import { addScaled } from "../base/vectors";

/**
 * nats[i] = lse[i] − logits[i, targets[i]] with lse = ln Σ e^logits, for `rows` rows of `width` floats; 0 where the target is
 * −1 (masked). Returns Σ nats. `scratch`: `width` floats.
 */
export function cross_entropy_forward(
  nats: usize, lse: usize, logits: usize, targets: usize, rows: i32, width: i32, scratch: usize,
): f64 {
  const rowBytes = <usize>width << 2;
  let total: f64 = 0;
  for (let row = 0; row < rows; row++, logits += rowBytes, targets += 4, nats += 4, lse += 4) {
    const target = load<i32>(targets);
    let loss: f64 = 0;
    if (target >= 0) {
      const most = largest(logits, width);
      const logSum = Math.log(exponentials(scratch, logits, most, width));
      store<f32>(lse, <f32>(<f64>most + logSum));
      loss = <f64>most - <f64>load<f32>(logits + (<usize>target << 2)) + logSum;
    }
    store<f32>(nats, <f32>loss);
    total += loss;
  }
  return total;
}

/** dlogits += (softmax(logits) − onehot(target)) · dloss / count for the rows that are not masked. `dloss`: one float. */
export function cross_entropy_backward(
  dlogits: usize, dloss: usize, logits: usize, targets: usize, lse: usize, rows: i32, width: i32, count: i32,
  scratch: usize,
): void {
  const factor: f32 = load<f32>(dloss) / <f32>count;
  const rowBytes = <usize>width << 2;
  for (let row = 0; row < rows; row++, logits += rowBytes, dlogits += rowBytes, targets += 4, lse += 4) {
    const target = load<i32>(targets);
    if (target < 0) continue;
    exponentials(scratch, logits, load<f32>(lse), width);
    addScaled(dlogits, scratch, factor, width);
    const hit = dlogits + (<usize>target << 2);
    store<f32>(hit, load<f32>(hit) - factor);
  }
}
