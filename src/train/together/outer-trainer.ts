/**
 * A training in rounds, DiLoCo (Douillard et al. 2023): in each round every part takes H steps from common weights, by itself; then an outer
 * step moves the common weights towards where the parts arrived. Here the parts take turns on this machine; round-course.ts has others
 * compute them. Both close a round by the same arithmetic.
 */
import { InputError } from "../../base/errors.ts";
import { outerStep } from "../../cluster/training/outer-step.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import { floatTensor, type StoredTensor } from "../../formats/safetensors.ts";
import type { TensorReader } from "../../formats/tensor-reader.ts";
import { Transformer } from "../../model/transformer.ts";
import type { TrainableModel } from "../../nn/language-model.ts";
import type { Course, SavedTraining } from "../course.ts";
import { requireFiniteParameters } from "../finite.ts";
import { flatCopy, flatLength, setFlat } from "../flat-parameters.ts";
import { parseTrainingOptions, stepsUntilDue, type TrainingOptions } from "../options.ts";
import type { StepMetrics } from "../step-metrics.ts";
import type { TrainerRecord } from "../trainer-record.ts";
import { computePart, newPart, type PartResult, withPart } from "./compute-part.ts";
import { mergeMetrics } from "./merge-metrics.ts";
import { type Part, partsOf } from "./parts.ts";
import { type RoundOptions, requireWholeRounds } from "./round-options.ts";

const VELOCITY = "outer.velocity";

/** A part that has arrived. */
export interface Arrived extends PartResult {
  /** Its number. */
  readonly part: number;
}

/** Where a training is between two rounds, besides its weights. */
export interface OuterState {
  readonly step: number;
  readonly seconds: number;
  readonly states: readonly SavedTraining[];
  readonly velocity: Float32Array;
}

/** Trains a model in rounds. */
export class OuterTrainer implements Course {
  readonly model: TrainableModel;
  readonly options: TrainingOptions;
  readonly rounds: RoundOptions;
  readonly parts: readonly Part[];
  /** Steps done. */
  step = 0;
  /** Seconds that they took. */
  seconds = 0;
  /** Where each part is between two rounds. */
  private states: SavedTraining[];
  private velocity: Float32Array;

  /** @throws InputError if there are more parts than rows or documents, or something is due in the midst of a round */
  constructor(
    model: TrainableModel,
    documents: readonly TokenizedDocument[],
    options: Partial<TrainingOptions>,
    rounds: RoundOptions,
  ) {
    this.model = model;
    this.options = parseTrainingOptions(options, "training options");
    this.rounds = rounds;
    requireWholeRounds(this.options, rounds);
    requireNoRedraws(model);
    this.parts = partsOf(documents, this.options, rounds.parts);
    this.states = this.parts.map((part) => newPart(model, part));
    this.velocity = new Float32Array(flatLength(model.parameters));
  }

  get done(): boolean {
    return this.step >= this.options.steps;
  }

  /** Steps of the next round. */
  get roundSteps(): number {
    const { every } = this.rounds;
    return stepsUntilDue(this.options, this.step, every - (this.step % every));
  }

  /** Velocity of the outer step, [P]. */
  get momentum(): Float32Array {
    return this.velocity;
  }

  /** Where a part is between two rounds. */
  stateOf(part: number): SavedTraining {
    return this.states[part];
  }

  /** Takes one round, part after part; none if `signal` aborts in the midst of it. */
  async advance(signal?: AbortSignal): Promise<StepMetrics[]> {
    const { model, parts, roundSteps } = this;
    const began = performance.now();
    const weights = flatCopy(model.parameters, "values");
    const arrived: Arrived[] = [];
    try {
      for (const [index, part] of parts.entries()) {
        const between = () => signal?.throwIfAborted();
        arrived.push({
          part: index,
          ...(await computePart(model, part, weights, this.states[index], roundSteps, between)),
        });
      }
    } catch (error) {
      setFlat(model.parameters, "values", weights);
      if (signal?.aborted) return [];
      throw error;
    }
    setFlat(model.parameters, "values", weights);
    return this.close(arrived, (performance.now() - began) / 1000);
  }

  /**
   * Ends a round with the parts that have arrived: averages them in the order of their numbers, whatever order they are given in.
   * Parts that have not stay where they were. `seconds`: how long the round took.
   */
  close(arrived: readonly Arrived[], seconds: number): StepMetrics[] {
    const { model, parts } = this;
    const all = arrived.toSorted((a, b) => a.part - b.part);
    const rowsOf = ({ part }: Arrived) => parts[part].options.batchSize;
    const weights = flatCopy(model.parameters, "values");
    const { outerRate: rate, outerMomentum: momentum } = this.rounds;
    const arrivals = all.map((one) => ({ weight: rowsOf(one), weights: one.weights }));
    outerStep(weights, this.velocity, arrivals, { rate, momentum });
    setFlat(model.parameters, "values", weights);
    const steps = all[0].metrics.length;
    requireFiniteParameters(model.parameters, this.step + steps);
    for (const { part, state } of all) this.states[part] = state;
    const merged = Array.from({ length: steps }, (_, index) => {
      const metrics = mergeMetrics(all.map((one) => ({ rows: rowsOf(one), metrics: one.metrics[index] })));
      return this.timed(metrics, seconds / steps);
    });
    return [
      ...merged.slice(0, -1),
      ...merged.slice(-1).map((last) => ({ ...last, parts: all.map(({ part }) => part) })),
    ];
  }

  /** The metrics as those of the next step, which took so many seconds. */
  private timed(metrics: StepMetrics, seconds: number): StepMetrics {
    this.step++;
    this.seconds += seconds;
    return {
      ...metrics,
      step: this.step,
      tokensPerSecond: metrics.tokens / seconds,
      seconds: this.seconds,
      secondsLeft: (this.seconds / this.step) * Math.max(0, this.options.steps - this.step),
    };
  }

  /** Cosines between remembered and present keys of the first part, by age. Those of the others are as old. */
  keyCosines(): number[] {
    return withPart(this.model, this.parts[0], this.states[0], (trainer) => trainer.keyCosines());
  }

  save(): SavedTraining {
    const { step, seconds, options, velocity } = this;
    const parts = this.states.map(({ record }) => record);
    const [{ random, batches }] = parts; // read by nobody, but every record has them
    const record = { step, seconds, options, random, batches, rounds: { options: this.rounds, parts } };
    const tensors = new Map<string, StoredTensor>([[VELOCITY, floatTensor([velocity.length], velocity.slice())]]);
    for (const [index, state] of this.states.entries()) {
      for (const [name, tensor] of state.tensors) tensors.set(`part.${index}.${name}`, tensor);
    }
    return { record, tensors };
  }

  /** Restores what `save` copied. @throws InputError if it is of other rounds or parts, or does not fit the model */
  load({ step, seconds, rounds }: TrainerRecord, tensors: TensorReader): void {
    if (rounds === undefined || rounds.parts.length !== this.parts.length) {
      throw new InputError(`the run to resume has ${rounds?.parts.length ?? 0} parts, not ${this.parts.length}`);
    }
    const velocity = tensors.floats(VELOCITY, [this.velocity.length]).slice();
    const states = rounds.parts.map((record, index) => ({ record, tensors: tensors.rest(`part.${index}.`) }));
    tensors.end();
    this.restore({ step, seconds, states, velocity });
  }

  /** Goes on from these states of its parts; the weights are the caller's. @throws InputError if one does not fit its part */
  restore({ step, seconds, states, velocity }: OuterState): void {
    for (const [index, part] of this.parts.entries()) withPart(this.model, part, states[index], () => {});
    this.states = [...states];
    this.velocity = velocity;
    this.step = step;
    this.seconds = seconds;
  }

  /** Gives its memory back; the model stays. */
  release(): void {
    this.states = [];
  }
}

/** Refuses directions that are drawn anew: their seed is a parameter, and the mean of the seeds of several parts is none. */
function requireNoRedraws(model: TrainableModel): void {
  const interval = model instanceof Transformer ? model.config.mechanism_redraw : 0;
  if (interval === undefined || interval === 0) return;
  throw new InputError(
    `mechanism_redraw is ${interval}: each part of a training in rounds would draw directions of its own; set it to 0, or use --sync step`,
  );
}
