/** How fast a model of some configuration trains and writes at the end of a document of n tokens, and what it then keeps. */
import { noGrad, step } from "../../autodiff/tape.ts";
import { Random } from "../../base/random.ts";
import type { ModelConfig } from "../../model/config.ts";
import { Transformer } from "../../model/transformer.ts";
import { trainingBytes } from "../../train/bytes.ts";
import { Trainer } from "../../train/trainer.ts";
import { recipeTraining } from "./recipe.ts";

export interface Speed {
  /** Seconds a token of training steps of one row. */
  readonly training: number;
  /** Seconds a token, one token at a time. */
  readonly generating: number;
  /** Bytes that a state of one row keeps. */
  readonly bytes: number;
}

/** Training steps that are timed, and groups of tokens that are written; the median of each counts. */
const STEPS = 5;
const GROUPS = 5;
const GROUP = 16;

/**
 * Measures a model with its first weights on `length` tokens drawn at random: the time of training steps and of written tokens that
 * follow them in the same document.
 */
export function speedAt(config: ModelConfig, length: number): Speed {
  const random = new Random(length);
  const count = length + Math.max(STEPS * config.segment_length, GROUPS * GROUP) + 1;
  const ids = Int32Array.from({ length: count }, () => random.uint32() % config.vocab_size);
  const model = new Transformer(config, 0);
  try {
    const generating = secondsOfWriting(model, ids, length);
    const { memories: bytes } = trainingBytes(config, { batchSize: 1 });
    return { training: secondsOfTraining(model, ids, length), generating, bytes };
  } finally {
    model.release();
  }
}

/** Trains on the document from its beginning, and times the steps behind `length` tokens. */
function secondsOfTraining(model: Transformer, ids: Int32Array, length: number): number {
  const before = Math.ceil(length / model.config.segment_length);
  const options = { ...recipeTraining, batchSize: 1, steps: before + STEPS };
  const trainer = new Trainer(model, [{ name: "random tokens", tokens: () => ids }], options);
  try {
    for (let n = 0; n < before; n++) trainer.trainStep();
    return median(Array.from({ length: STEPS }, () => 1 / trainer.trainStep().tokensPerSecond));
  } finally {
    trainer.release();
  }
}

/** Reads `length` tokens, and times those behind them, which are read one by one: the work of writing, except for sampling. */
function secondsOfWriting(model: Transformer, ids: Int32Array, length: number): number {
  const state = model.newState({ rows: 1 });
  try {
    for (let at = 0; at < length; at += state.segmentLength) {
      const part = ids.subarray(at, Math.min(at + state.segmentLength, length));
      step(() => noGrad(() => void model.hidden({ ids: part }, state)));
    }
    const write = (at: number) =>
      step(() => noGrad(() => model.forward({ ids: ids.subarray(at, at + 1) }, state).toArray()));
    const groups = Array.from({ length: GROUPS }, (_, group) => {
      const began = performance.now();
      for (let n = 0; n < GROUP; n++) write(length + group * GROUP + n);
      return (performance.now() - began) / 1000 / GROUP;
    });
    return median(groups);
  } finally {
    state.release();
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

/**
 * Returns a of the curve c · x^a that is nearest to y, by least squares of the logarithms: 0 for what does not grow, 1 for what grows as
 * x does.
 * @param x two different numbers at least, above 0
 * @param y as many, above 0
 */
export function growthExponent(x: readonly number[], y: readonly number[]): number {
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
  const [logX, logY] = [x, y].map((numbers) => numbers.map(Math.log));
  const [middleX, middleY] = [mean(logX), mean(logY)];
  const products = mean(logX.map((at, i) => (at - middleX) * (logY[i] - middleY)));
  return products / mean(logX.map((at) => (at - middleX) ** 2));
}
