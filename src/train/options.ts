/**
 * What a training run is told besides the model and the data: how long, how fast, by which rule. Every option is
 * described once, in `trainingFields`; checks, `--help` and trainer.json all read that table.
 */
import { type Field, parseFields } from "../model/fields.ts";

export interface TrainingOptions {
  steps: number;
  batchSize: number;
  gradientAccumulation: number;
  optimizer: "adamw" | "adafactor";
  learningRate: number;
  schedule: "constant" | "cosine" | "rsqrt";
  warmupSteps: number;
  attentionRate: number;
  weightDecay: number;
  clipNorm: number;
  beta1: number;
  beta2: number;
  eps: number;
  evaluateEvery: number;
  checkpointEvery: number;
  seed: number;
}

/** Every option, in the order in which trainer.json and `--help` show them. */
export const trainingFields: Readonly<Record<keyof TrainingOptions, Field>> = {
  steps: { kind: "integer", default: 1000, min: 1, max: 1e9, about: "optimizer steps" },
  batchSize: { kind: "integer", default: 8, min: 1, max: 65536, about: "B, documents that a step reads side by side" },
  gradientAccumulation: {
    kind: "integer",
    default: 1,
    min: 1,
    max: 65536,
    about: "batches whose gradients one step sums: as a batch so many times as large, in the memory of one",
  },
  optimizer: { kind: "choice", default: "adamw", choices: ["adamw", "adafactor"], about: "the update rule" },
  learningRate: { kind: "number", default: 1e-3, min: 0, max: 1000, about: "the highest rate of the schedule" },
  schedule: {
    kind: "choice",
    default: "cosine",
    choices: ["constant", "cosine", "rsqrt"],
    about: "how the learning rate goes on after the warm-up",
  },
  warmupSteps: {
    kind: "integer",
    default: 100,
    min: 0,
    max: 1e9,
    about: "steps in which the learning rate rises from 0",
  },
  attentionRate: {
    kind: "number",
    default: 1,
    min: 0,
    max: 1000,
    about: "factor on the learning rate of attention scales, position biases and memory gates",
  },
  weightDecay: { kind: "number", default: 0.01, min: 0, max: 1000, about: "decoupled decay of the matrices" },
  clipNorm: {
    kind: "number",
    default: 1,
    min: 0,
    max: 1e9,
    about: "longest gradient that is not shortened; 0 clips none",
  },
  beta1: { kind: "number", default: 0.9, min: 0, below: 1, about: "decay of AdamW's mean of gradients" },
  beta2: { kind: "number", default: 0.98, min: 0, below: 1, about: "decay of AdamW's mean of squares" },
  eps: { kind: "number", default: 1e-8, above: 0, max: 1, about: "added to AdamW's denominator" },
  evaluateEvery: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1e9,
    about: "steps from evaluation to evaluation; 0 is none",
  },
  checkpointEvery: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1e9,
    about: "steps from checkpoint to checkpoint; 0 is one at the end",
  },
  seed: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 2 ** 53 - 1,
    about: "decides the order of documents and the dropout",
  },
};

/** The options that `json` describes, defaults where it is silent. Throws an InputError that names `source` and the key. */
export function parseTrainingOptions(json: unknown, source: string): TrainingOptions {
  return parseFields(trainingFields, json, source) as unknown as TrainingOptions;
}
