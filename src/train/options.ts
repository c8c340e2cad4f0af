/**
 * The options of a training run, besides the model and the data. Every option is described once, in `trainingFields`; checks,
 * `--help` and trainer.json all read that table.
 */
import { choice, type Field, integer, parseFields } from "../base/fields.ts";

/** The options of a training run, besides the model and the data. */
export interface TrainingOptions {
  /** Optimizer steps. */
  steps: number;
  /** B, documents that a step reads side by side. */
  batchSize: number;
  /** Batches whose gradients one step sums, each with its own rows, like one batch this many times larger. */
  gradientAccumulation: number;
  /** Whether a batch is one pass, or each row: "rows" is slower, and has the same bits on any number of machines. */
  gradients: "batch" | "rows";
  /** The update rule. */
  optimizer: "adamw" | "adafactor";
  /** Highest rate of the schedule; Adafactor's is relative to each parameter's size. */
  learningRate: number;
  /** The course of the learning rate after the warm-up. */
  schedule: "constant" | "cosine" | "rsqrt";
  /** Steps in which the learning rate rises from 0. */
  warmupSteps: number;
  /** Factor on the learning rate of attention scales, position biases, gates and offsets of memories, and key smears. */
  attentionRate: number;
  /** Factor on the learning rate of the embedding, whose first values are about ten times larger than a matrix's. */
  embeddingRate: number;
  /** In every step each row looks up only its newest pairs, their number drawn from this list; []: all of them. */
  memorySizes: number[];
  /** AdamW's decay of the matrices. */
  weightDecay: number;
  /** Gradients longer than this are shortened; 0: none. */
  clipNorm: number;
  /** Decay of AdamW's mean of gradients. */
  beta1: number;
  /** Decay of AdamW's mean of squared gradients. */
  beta2: number;
  /** Added to AdamW's denominator. */
  eps: number;
  /** Steps from one evaluation to the next; 0: none. */
  evaluateEvery: number;
  /** Steps from one checkpoint to the next; 0: only one, at the end. */
  checkpointEvery: number;
  /** Older checkpoints to keep in addition to the newest. */
  keep: number;
  /** Steps from one measurement of the memories' staleness to the next; 0: none. */
  stalenessEvery: number;
  /** Seed of the order of the documents and of the dropout. */
  seed: number;
}

const MANY = 1e9;

/** Every option, in the order of trainer.json and `--help`. */
export const trainingFields: Readonly<Record<keyof TrainingOptions, Field>> = {
  steps: integer(1000, 0, MANY, "optimizer steps"),
  batchSize: integer(8, 1, 65536, "B, documents that a step reads side by side"),
  gradientAccumulation: integer(
    1,
    1,
    65536,
    "batches whose gradients one step sums, each with its own rows, like one batch this many times larger",
  ),
  gradients: choice(
    ["batch", "rows"],
    "whether a batch is one pass, or each row: rows is slower, and has the same bits on any number of machines",
  ),
  optimizer: choice(["adamw", "adafactor"], "the update rule"),
  learningRate: {
    kind: "number",
    default: 1e-3,
    min: 0,
    max: 1000,
    about: "highest rate of the schedule; Adafactor's is relative to each parameter's size",
  },
  schedule: choice(["cosine", "rsqrt", "constant"], "the course of the learning rate after the warm-up"),
  warmupSteps: integer(100, 0, MANY, "steps in which the learning rate rises from 0"),
  attentionRate: {
    kind: "number",
    default: 1,
    min: 0,
    max: 1000,
    about:
      "factor on the learning rate of attention scales, position biases, gates and offsets of memories, and key smears",
  },
  embeddingRate: {
    kind: "number",
    default: 1,
    min: 0,
    max: 1000,
    about:
      "factor on the learning rate of the embedding, whose first values are about ten times larger than a matrix's",
  },
  memorySizes: {
    kind: "integers",
    default: [],
    min: 0,
    max: 2 ** 24,
    about: "in every step each row looks up only its newest pairs, their number drawn from this list; []: all of them",
  },
  weightDecay: { kind: "number", default: 0.01, min: 0, max: 1000, about: "AdamW's decay of the matrices" },
  clipNorm: {
    kind: "number",
    default: 1,
    min: 0,
    max: 1e9,
    about: "gradients longer than this are shortened; 0: none",
  },
  beta1: { kind: "number", default: 0.9, min: 0, below: 1, about: "decay of AdamW's mean of gradients" },
  beta2: { kind: "number", default: 0.98, min: 0, below: 1, about: "decay of AdamW's mean of squared gradients" },
  eps: { kind: "number", default: 1e-8, above: 0, max: 1, about: "added to AdamW's denominator" },
  evaluateEvery: integer(0, 0, MANY, "steps from one evaluation to the next; 0: none"),
  checkpointEvery: integer(0, 0, MANY, "steps from one checkpoint to the next; 0: only one, at the end"),
  keep: integer(1, 0, MANY, "older checkpoints to keep in addition to the newest"),
  stalenessEvery: integer(0, 0, MANY, "steps from one measurement of the memories' staleness to the next; 0: none"),
  seed: integer(0, 0, Number.MAX_SAFE_INTEGER, "seed of the order of the documents and of the dropout"),
};

/** Returns the options in `json`; missing ones have their default. Throws an InputError that names `source` and the key. */
export function parseTrainingOptions(json: unknown, source: string): TrainingOptions {
  return parseFields(trainingFields, json, source) as unknown as TrainingOptions;
}

/** The options by which something is done every so many steps. */
export const regularOptions = ["evaluateEvery", "checkpointEvery", "stalenessEvery"] as const;

/** Steps from `step` to the first after which something is due, at most `most`. */
export function stepsUntilDue(options: TrainingOptions, step: number, most: number): number {
  const left = regularOptions.map((key) => (options[key] > 0 ? options[key] - (step % options[key]) : Infinity));
  return Math.min(most, options.steps - step, ...left);
}
