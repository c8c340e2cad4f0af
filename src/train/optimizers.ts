/**
 * AdamW and Adafactor over a model's parameters, and clipping. The arithmetic is in assembly/train/optimizer.ts and
 * assembly/train/adafactor.ts; what is here is which memory it runs over and what it must keep between steps.
 *
 * Learning-rate schedules are in schedules.ts; zeroing gradients is the parameters' own business.
 */
import { gradient, persistentTensor, type Tensor } from "../autodiff/tensor.ts";
import { exp, log, power } from "../base/portable-math.ts";
import type { ParameterBlock } from "../model/parameters.ts";
import { parallelElements } from "../wasm/parallel.ts";
import { kernels } from "../wasm/runtime.ts";
import { scratch } from "../wasm/scratch.ts";

export interface Optimizer {
  /** Steps taken so far; a resumed run sets it together with the state. */
  steps: number;
  /** Moves every parameter along its gradient. `lr`: this step's rate, the schedule's factor included. */
  step(lr: number): void;
  /** What must be saved to go on later, by name; a resumed run writes into these tensors. */
  state(): Map<string, Tensor>;
}

/** A block of parameters, and how it is trained. */
export interface AdamBlock extends ParameterBlock {
  /** Factor of the learning rate. */
  readonly lrScale: number;
  /** Share of a parameter, times its rate, that is taken off at each step. */
  readonly weightDecay: number;
}

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
}

/** AdamW (Loshchilov & Hutter 2019). One kernel call a block and step; keeps two moments a parameter. */
export function adamW(blocks: readonly AdamBlock[], options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = options;
  const trained = blocks.map((block) => ({
    ...block,
    m: persistentTensor([block.size]),
    v: persistentTensor([block.size]),
  }));
  return {
    steps: 0,
    step(lr) {
      this.steps++;
      const correction1 = 1 - power(beta1, this.steps);
      const correction2 = 1 - power(beta2, this.steps);
      for (const { values, gradients, m, v, size, lrScale, weightDecay } of trained) {
        const rate = lr * lrScale;
        const rates = [rate, beta1, beta2, eps, weightDecay, correction1, correction2] as const;
        parallelElements("adamw", size, values, gradients, m.ptr, v.ptr, ...rates);
      }
    },
    state() {
      return new Map(trained.flatMap(({ group, m, v }) => [[`${group}.m`, m] as const, [`${group}.v`, v] as const]));
    },
  };
}

/** A parameter that Adafactor trains: a matrix, or else a vector. */
export interface AdafactorParameter {
  readonly name: string;
  readonly tensor: Tensor;
  /** Factor of the learning rate. */
  readonly lrScale: number;
}

/** How one parameter is moved, and the moments that takes. */
interface AdafactorUpdate {
  step(lr: number, decay: number): void;
  readonly moments: readonly (readonly [name: string, tensor: Tensor])[];
}

/** The decay of the moments at step t is 1 − t^−0.8. */
const DECAY_EXPONENT = -0.8;
/** An update of a larger RMS is scaled down to this one. */
const CLIP_THRESHOLD = 1;

/**
 * Adafactor (Shazeer & Stern 2018) as the paper trains: rates relative to the parameter's RMS (at least 1e-3), updates
 * clipped to an RMS of 1, no first moment. Keeps one number a row and one a column of a matrix, one an element otherwise.
 */
export function adafactor(parameters: readonly AdafactorParameter[]): Optimizer {
  const updates = parameters.map((parameter) =>
    parameter.tensor.shape.length === 2 ? matrixUpdate(parameter) : vectorUpdate(parameter),
  );
  return {
    steps: 0,
    step(lr) {
      this.steps++;
      const decay = 1 - exp(DECAY_EXPONENT * log(this.steps));
      for (const update of updates) update.step(lr, decay);
    },
    state() {
      return new Map(updates.flatMap(({ moments }) => moments));
    },
  };
}

function matrixUpdate({ name, tensor, lrScale }: AdafactorParameter): AdafactorUpdate {
  const [rows, columns] = tensor.shape;
  const [ofRows, ofColumns] = [persistentTensor([rows]), persistentTensor([columns])];
  return {
    step(lr, decay) {
      kernels.adafactor_matrix(
        tensor.ptr,
        gradient(tensor),
        ofRows.ptr,
        ofColumns.ptr,
        rows,
        columns,
        lr * lrScale,
        decay,
        CLIP_THRESHOLD,
        scratch(columns * 4),
      );
    },
    moments: [
      [`${name}.rows`, ofRows],
      [`${name}.columns`, ofColumns],
    ],
  };
}

function vectorUpdate({ name, tensor, lrScale }: AdafactorParameter): AdafactorUpdate {
  const { size } = tensor;
  const moments = persistentTensor([size]);
  return {
    step(lr, decay) {
      kernels.adafactor_vector(
        tensor.ptr,
        gradient(tensor),
        moments.ptr,
        size,
        lr * lrScale,
        decay,
        CLIP_THRESHOLD,
        scratch(size * 4),
      );
    },
    moments: [[`${name}.moments`, moments]],
  };
}

/**
 * Scales all gradients by one factor so that their norm, taken over all blocks as one vector, is at most `maxNorm`.
 * Returns the norm before; when that is not finite the gradients are left as they are, for the caller to notice.
 */
export function clipGradients(blocks: readonly ParameterBlock[], maxNorm: number): number {
  let squares = 0;
  for (const { gradients, size } of blocks) squares += kernels.sum_squares(gradients, size);
  const norm = Math.sqrt(squares);
  if (norm > maxNorm && Number.isFinite(norm)) {
    for (const { gradients, size } of blocks) {
      parallelElements("scale", size, gradients, gradients, maxNorm / norm);
    }
  }
  return norm;
}
