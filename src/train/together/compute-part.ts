/** The inner steps of one part in one round: from the common weights to where the part arrives. */
import { breathe } from "../../base/breathe.ts";
import { TensorReader } from "../../formats/tensor-reader.ts";
import type { TrainableModel } from "../../nn/language-model.ts";
import type { SavedTraining } from "../course.ts";
import { flatCopy, setFlat } from "../flat-parameters.ts";
import type { StepMetrics } from "../step-metrics.ts";
import { Trainer } from "../trainer.ts";
import type { Part } from "./parts.ts";

export interface PartResult {
  /** The weights where the part arrived, [P]. */
  readonly weights: Float32Array;
  /** Moments, contexts, memories and place in the data there. */
  readonly state: SavedTraining;
  readonly metrics: readonly StepMetrics[];
}

/** The state of a part that has done nothing. */
export function newPart(model: TrainableModel, part: Part): SavedTraining {
  return withPart(model, part, undefined, (trainer) => trainer.save());
}

/** Runs `work` with a trainer of the part, in this state if there is one. @throws InputError if it does not fit the part */
export function withPart<T>(
  model: TrainableModel,
  { documents, options }: Part,
  state: SavedTraining | undefined,
  work: (trainer: Trainer) => T,
): T {
  const trainer = new Trainer(model, documents, options);
  try {
    if (state !== undefined) trainer.load(state.record, new TensorReader(state.tensors, "the state of a part"));
    return work(trainer);
  } finally {
    trainer.release();
  }
}

/** Takes `steps` steps from `weights` on. `between` is awaited before each, and may end the work by an error. */
export async function computePart(
  model: TrainableModel,
  { documents, options }: Part,
  weights: Float32Array,
  { record, tensors }: SavedTraining,
  steps: number,
  between: () => void | Promise<void>,
): Promise<PartResult> {
  setFlat(model.parameters, "values", weights);
  const trainer = new Trainer(model, documents, options);
  try {
    trainer.load(record, new TensorReader(tensors, "the state of a part"));
    const metrics: StepMetrics[] = [];
    while (metrics.length < steps) {
      await breathe();
      await between();
      metrics.push(trainer.trainStep());
    }
    return { weights: flatCopy(model.parameters, "values"), state: trainer.save(), metrics };
  } finally {
    trainer.release();
  }
}
