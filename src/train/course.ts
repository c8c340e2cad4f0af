/** A training as `runTraining` sees it: on this machine alone (trainer.ts), in rounds, or on several machines (together/). */
import { type Kind, withMethods } from "../base/check.ts";
import type { StoredTensor } from "../formats/safetensors.ts";
import type { TrainableModel } from "../nn/language-model.ts";
import type { TrainingOptions } from "./options.ts";
import type { MetricsLine } from "./step-metrics.ts";
import type { TrainerRecord } from "./trainer-record.ts";

/** All that a checkpoint needs of a training besides the model. */
export interface SavedTraining {
  /** Step, options, generators and place in the data. */
  readonly record: TrainerRecord;
  /** Moments, contexts and memories. */
  readonly tensors: Map<string, StoredTensor>;
}

/** A training that goes on step by step, or several steps at a time. */
export interface Course {
  /** The model in training. */
  readonly model: TrainableModel;
  /** The options of the run. */
  readonly options: TrainingOptions;
  /** Steps done. */
  readonly step: number;
  /** Whether the last step is done. */
  readonly done: boolean;
  /**
   * Takes the next steps, none beyond one after which something is due; none at all if `signal` ended the waiting for others. Steps that were
   * taken before, by a run that was lost, come with all lines of theirs.
   */
  advance(signal?: AbortSignal): readonly MetricsLine[] | Promise<readonly MetricsLine[]>;
  /** Told every line of metrics.jsonl, to keep it where a run that is lost leaves it. */
  keepLine?(line: MetricsLine): void;
  /** Cosines between remembered and present keys, by age. */
  keyCosines(): number[];
  /** Copies everything except the parameters that is needed to continue later. */
  save(): SavedTraining;
}

/** The check for arguments called `trainer`. */
export const aCourse: Kind = withMethods("a Trainer", "advance", "keyCosines", "save");
