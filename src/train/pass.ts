/** One forward and backward pass over some rows of a batch: adds to the gradients, and reports what metrics need. */
import { add } from "../autodiff/ops/elementwise.ts";
import { crossEntropy } from "../autodiff/ops/vocabulary.ts";
import { backward, NotFiniteError, step } from "../autodiff/tape.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import type { Batch } from "../data/batches.ts";
import type { TrainableModel, TrainingState } from "../nn/language-model.ts";
import { type SegmentInput, segmentOf } from "../nn/segment.ts";
import { requireFiniteGradients, stopTraining } from "./finite.ts";
import { GateMeans, type GateSums } from "./gate-means.ts";

/** What is drawn for the rows of one pass. */
export interface PassDraw {
  readonly dropoutKey: number;
  /** How far each row may look back; undefined: as far as it can. */
  readonly reach: readonly number[] | undefined;
}

/** What is read in one step. */
export interface StepDraw {
  /** Number of the step, from 1. */
  readonly number: number;
  /** A segment of every row. */
  readonly batch: Batch;
  /** Tokens that the step predicts. */
  readonly tokens: number;
  /** One for each pass. */
  readonly passes: readonly PassDraw[];
}

/** What a pass found. */
export interface Pass {
  /** The share of its rows in the mean loss over all tokens of the step, nats. */
  readonly loss: number;
  /** Sums of the gates of its memory layers. */
  readonly gates: readonly GateSums[];
  /** How full each memory of each row is, 0 to 1. */
  readonly fills: readonly number[];
}

/** Runs pass `index` of a step: the rows of `state`, which come after those of the passes before. */
export function runPass(model: TrainableModel, state: TrainingState, draw: StepDraw, index: number): Pass {
  const { number, batch, tokens } = draw;
  const { dropoutKey, reach } = draw.passes[index];
  const { targets, ...segment } = segmentOf(batch, index * state.rows, state.rows);
  const gates = new GateMeans();
  const loss = step(() => {
    const observe = gates.observe.bind(gates);
    const own: Tensor[] = []; // losses of a mechanism's own
    const input = { ...segment, reach, dropoutKey, observe, auxiliary: (extra: Tensor) => void own.push(extra) };
    const logits = forward(model, input, state, number); // [B, T, V]
    const { loss: predicted, count } = crossEntropy(logits, targets);
    const total = own.reduce(add, predicted);
    backward(total, [count / tokens]);
    requireFiniteGradients(model.parameters, total.item(), number);
    return predicted.item() * (count / tokens);
  });
  return { loss, gates: gates.sums(), fills: fillsOf(state) };
}

/** Returns the logits [B, T, V]. If a number is not finite, the tape tells which op produced it. */
function forward(model: TrainableModel, input: SegmentInput, state: TrainingState, number: number): Tensor {
  try {
    return model.forward(input, state);
  } catch (error) {
    if (error instanceof NotFiniteError) stopTraining(number);
    throw error;
  }
}

function fillsOf({ memories, rows }: TrainingState): number[] {
  const all = Array.from({ length: rows }, (_, row) => row);
  return [...memories.values()].flatMap((memory) => all.map((row) => memory.length(row) / memory.size));
}
