/** The losses of a segment outside training, which must be finite. */
import { crossEntropy } from "../autodiff/ops/vocabulary.ts";
import { noGrad, step } from "../autodiff/tape.ts";
import { InputError } from "../base/errors.ts";
import type { LanguageModel, ReadingState } from "../nn/language-model.ts";
import type { SegmentInput } from "../nn/segment.ts";

/**
 * Returns −ln p of every target, [B·T], 0 where it is masked. Reads the segment into `state`.
 * @throws InputError if a loss is not finite, for example because finite weights are too large
 */
export function targetLosses(
  model: LanguageModel,
  segment: SegmentInput,
  targets: Int32Array,
  state: ReadingState,
): Float32Array {
  const losses = () => crossEntropy(model.forward(segment, state), targets).nats.toArray();
  return finite(step(() => noGrad(losses)));
}

/** Returns the numbers. Throws an InputError if one of them is not finite. */
export function finite(numbers: Float32Array): Float32Array {
  if (numbers.every(Number.isFinite)) return numbers;
  throw new InputError("the model's predictions are not finite numbers: its weights are too large, or damaged");
}
