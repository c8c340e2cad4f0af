/** How well a model predicts what comes next, outside training: the losses of a segment, which must be numbers. */
import { crossEntropy } from "../autodiff/ops/loss.ts";
import { NotFiniteError, noGrad, step } from "../autodiff/tape.ts";
import type { SegmentInput } from "./segment.ts";
import type { ModelState } from "./state.ts";
import type { Transformer } from "./transformer.ts";

/**
 * −ln p of every target, [B·T], 0 where it is masked; the segment is read into `state`.
 * @throws NotFiniteError if one is not finite, as with weights that are finite but too large
 */
export function targetLosses(
  model: Transformer,
  segment: SegmentInput,
  targets: Int32Array,
  state: ModelState,
): Float32Array {
  const losses = () => crossEntropy(model.forward(segment, state), targets).nats.toArray();
  const nats = step(() => noGrad(losses));
  if (nats.every(Number.isFinite)) return nats;
  throw new NotFiniteError("the model's losses are not finite; its weights are too large, or damaged");
}
