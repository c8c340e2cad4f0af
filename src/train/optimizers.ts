/**
 * AdamW and Adafactor over a model's parameters, and clipping. The arithmetic is in
 * assembly/train/optimizers.ts. This file passes the parameters' addresses, and keeps the moments between steps.
 *
 * Learning-rate schedules are in schedules.ts; `Parameters` zeroes the gradients.
 */
import { gradient, type PersistentTensor, persistentTensor, requireTensors, type Tensor } from "../autodiff/tensor.ts";
import {
  aText,
  check,
  checkOptions,
  either,
  type Kind,
  type Kinds,
  listOf,
  numberWithin,
  oneOf,
  optional,
  someObject,
} from "../base/check.ts";
import { allOrNothing, Lifetime, type Own, type Releasable } from "../base/lifetime.ts";
import { exp, log, power } from "../base/portable-math.ts";
import { type ParameterBlock, parameterGroups } from "../nn/parameters.ts";
import { parallelElements } from "../wasm/parallel.ts";
import { kernels, scratch } from "../wasm/runtime.ts";

/** An update rule that moves parameters along their gradients. */
export interface Optimizer extends Releasable, Disposable {
  /** Steps taken so far; a resumed run restores it together with the state. */
  steps: number;
  /** Moves every parameter along its gradient. `lr`: this step's rate, the schedule's factor included. */
  step(lr: number): void;
  /** The tensors to save, by name; a resumed run writes into them. */
  state(): Map<string, Tensor>;
  /** Frees its moments; it must not be used afterwards. The parameters stay. */
  release(): void;
}

/** The moments of one block, or of one parameter, with their names in `state()`. */
type Moments = readonly (readonly [name: string, tensor: PersistentTensor])[];

/** Returns the optimizer that keeps `moments`, and moves all parameters with `move(lr, t)` in step t. */
function optimizerOf(moments: Moments, move: (lr: number, t: number) => void): Optimizer {
  const life = new Lifetime("this optimizer");
  return {
    steps: 0,
    step(lr) {
      life.require();
      check("lr", lr, aRate);
      this.steps++;
      move(lr, this.steps);
    },
    state() {
      life.require();
      return new Map(moments);
    },
    release() {
      life.end(() => {
        for (const [, tensor] of moments) tensor.release();
      });
    },
    [Symbol.dispose]() {
      this.release();
    },
  };
}

const aRate = numberWithin(0, Number.MAX_VALUE);
const aDecay: Kind = {
  what: "a number from 0 to below 1",
  accepts: (value) => typeof value === "number" && value >= 0 && value < 1,
};

const adamOptions: Kinds<AdamOptions> = {
  beta1: optional(aDecay),
  beta2: optional(aDecay),
  eps: optional(numberWithin(0, 1)),
};

/** @throws InputError if the argument is not a block of a model's parameters */
function requireBlock(name: string, { values, gradients, size }: ParameterBlock): void {
  requireTensors({ [`${name}.values`]: values, [`${name}.gradients`]: gradients });
  check(`${name}.size`, size, oneOf(values.size));
  check(`${name}.gradients.size`, gradients.size, oneOf(values.size));
}

/** A block of parameters with its training settings. */
export interface AdamBlock extends ParameterBlock {
  /** Factor of the learning rate. */
  readonly lrScale: number;
  /** Share of a parameter that each step subtracts, times the rate. */
  readonly weightDecay: number;
}

/** The settings of AdamW. */
export interface AdamOptions {
  /** Decay of the mean of gradients. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. */
  readonly beta2?: number;
  /** Added to the denominator. */
  readonly eps?: number;
}

/** AdamW (Loshchilov & Hutter 2019). A step is one kernel call for each block. It keeps two moments of each number. */
export function adamW(blocks: readonly AdamBlock[], options: AdamOptions = {}): Optimizer {
  check("blocks", blocks, listOf(someObject));
  for (const block of blocks) {
    requireBlock("block", block);
    check("group", block.group, oneOf(...parameterGroups));
    check("lrScale", block.lrScale, aRate);
    check("weightDecay", block.weightDecay, aRate);
  }
  checkOptions("AdamW's options", options, adamOptions);
  const { beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = options;
  const trained = allOrNothing((own) =>
    blocks.map((block) => ({
      ...block,
      m: own(persistentTensor([block.size])),
      v: own(persistentTensor([block.size])),
    })),
  );
  const moments = trained.flatMap(({ group, m, v }) => [[`${group}.m`, m] as const, [`${group}.v`, v] as const]);
  return optimizerOf(moments, (lr, t) => {
    const correction1 = 1 - power(beta1, t);
    const correction2 = 1 - power(beta2, t);
    for (const { values, gradients, m, v, size, lrScale, weightDecay } of trained) {
      const rate = lr * lrScale;
      const rates = [rate, beta1, beta2, eps, weightDecay, correction1, correction2] as const;
      parallelElements("adamw", size, values.ptr, gradients.ptr, m.ptr, v.ptr, ...rates);
    }
  });
}

/** A parameter that Adafactor trains: a matrix or a vector. */
export interface AdafactorParameter {
  /** Name of the parameter. */
  readonly name: string;
  /** The parameter, with its gradient. */
  readonly tensor: Tensor;
  /** Factor of the learning rate. */
  readonly lrScale: number;
}

/** The update of one parameter, with its moments. */
interface AdafactorUpdate {
  step(lr: number, decay: number): void;
  readonly moments: Moments;
}

/** The decay of the moments at step t is 1 − t^−0.8. */
const DECAY_EXPONENT = -0.8;
/** The largest RMS of an update; larger updates are scaled down to it. */
const CLIP_THRESHOLD = 1;

/**
 * Adafactor (Shazeer & Stern 2018) with the paper's settings: rates relative to the parameter's RMS (at least 1e-3), updates
 * clipped to an RMS of 1, no first moment. It keeps one number for each row and column of a matrix, and for each element of a
 * vector.
 */
export function adafactor(parameters: readonly AdafactorParameter[]): Optimizer {
  check("parameters", parameters, listOf(someObject));
  for (const { name, tensor, lrScale } of parameters) {
    check("name", name, aText);
    requireTensors({ tensor });
    check("lrScale", lrScale, aRate);
  }
  const updates = allOrNothing((own) =>
    parameters.map((parameter) =>
      parameter.tensor.shape.length === 2 ? matrixUpdate(parameter, own) : vectorUpdate(parameter, own),
    ),
  );
  const moments = updates.flatMap((update) => update.moments);
  return optimizerOf(moments, (lr, t) => {
    const decay = 1 - exp(DECAY_EXPONENT * log(t));
    for (const update of updates) update.step(lr, decay);
  });
}

function matrixUpdate({ name, tensor, lrScale }: AdafactorParameter, own: Own): AdafactorUpdate {
  const [rows, columns] = tensor.shape;
  const [ofRows, ofColumns] = [own(persistentTensor([rows])), own(persistentTensor([columns]))];
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

function vectorUpdate({ name, tensor, lrScale }: AdafactorParameter, own: Own): AdafactorUpdate {
  const { size } = tensor;
  const moments = own(persistentTensor([size]));
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
 * Scales all gradients by one factor so that their norm, over all blocks as one vector, is at most `maxNorm`. Returns the norm
 * before. If that is not finite, the gradients stay unchanged for the caller to find.
 */
export function clipGradients(blocks: readonly ParameterBlock[], maxNorm: number): number {
  check("blocks", blocks, listOf(someObject));
  for (const block of blocks) requireBlock("block", block);
  check("maxNorm", maxNorm, either(aRate, oneOf(Infinity)));
  let squares = 0;
  for (const { gradients, size } of blocks) squares += kernels.sum_squares(gradients.ptr, size);
  const norm = Math.sqrt(squares);
  if (norm > maxNorm && Number.isFinite(norm)) {
    for (const { gradients, size } of blocks) {
      parallelElements("scale", size, gradients.ptr, gradients.ptr, maxNorm / norm);
    }
  }
  return norm;
}
