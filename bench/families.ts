/**
 * Every family, in the order of a full run.
 */
import type { Family } from "./family.ts";
import { ffn } from "./ffn.ts";
import { generate } from "./generate.ts";
import { halfPrecision } from "./half-precision.ts";
import { inverted } from "./inverted.ts";
import { linearFamily } from "./linear.ts";
import { lstmFamily } from "./lstm.ts";
import { masked } from "./masked.ts";
import { matmul } from "./matmul.ts";
import { packed } from "./packed.ts";
import { read } from "./read.ts";
import { rows } from "./rows.ts";
import { softmax } from "./softmax.ts";
import { startFamily } from "./start.ts";
import { step } from "./step.ts";
import { topk } from "./topk.ts";
import { write } from "./write.ts";

export const families: readonly Family[] = [
  startFamily,
  matmul,
  packed,
  softmax,
  masked,
  rows,
  linearFamily,
  lstmFamily,
  topk,
  inverted,
  ffn,
  step,
  generate,
  read,
  write,
  halfPrecision,
];
