/** How well a model predicts what comes next, outside training: the losses of a segment, which must be numbers. */
import { crossEntropy } from "../autodiff/ops/loss.ts";
import { noGrad, step } from "../autodiff/tape.ts";
import { InputError } from "../base/errors.ts";
import type { SegmentInput } from "./segment.ts";
import type { ModelState } from "./state.ts";
import type { Transformer } from "./transformer.ts";

/**
 * −ln p of every target, [B·T], 0 where it is masked; the segment is read into `state`.
 * @throws InputError if one is not finite, as with weights that are finite but too large
 */
export function targetLosses(
  model: Transformer,
  segment: SegmentInput,
  targets: Int32Array,
  state: ModelState,
): Float32Array {
  const losses = () => crossEntropy(model.forward(segment, state), targets).nats.toArray();
  return finite(step(() => noGrad(losses)));
}

/** The numbers themselves. Throws an InputError if one of them is not finite. */
export function finite(numbers: Float32Array): Float32Array {
  if (numbers.every(Number.isFinite)) return numbers;
  throw new InputError("the model predicts what is no finite number: its weights are too large, or damaged");
}
